//! The scanner against the grammar, whole and in pieces.

use super::*;

fn scanned(text: &[u8]) -> Result<Progress, Fault> {
    let mut scanner = Scanner::new();
    scanner.start(false);
    scanner.scan(text)
}

#[test]
fn grammar() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, bool)] = &[
        ("empty object",            "{}", true),
        ("all kinds",               r#"{"a":[1,-0.5e+3,true,false,null,"x",{}],"b":{"c":[]}}"#, true),
        ("leading zero",            r#"{"a":01}"#, false),
        ("lone minus",              r#"{"a":-}"#, false),
        ("dot without digit",       r#"{"a":1.}"#, false),
        ("exponent without digit",  r#"{"a":1e}"#, false),
        ("trailing comma, object",  r#"{"a":1,}"#, false),
        ("trailing comma, array",   r#"{"a":[1,]}"#, false),
        ("no colon",                r#"{"a" 1}"#, false),
        ("closed by the wrong end", r#"{"a":[1}}"#, false),
        ("lone surrogate",          r#"{"a":"\ud800"}"#, true),
        ("three hex digits",        r#"{"a":"\u12g4"}"#, false),
        ("raw tab in a string",     "{\"a\":\"\t\"}", false),
        ("word that starts right",  r#"{"a":nul1}"#, false),
        ("name without quotes",     r#"{a:1}"#, false),
        ("single quotes",           r#"{'a':1}"#, false),
    ];
    for (name, text, valid) in cases {
        assert_eq!(scanned(text.as_bytes()).is_ok(), *valid, "{name}");
    }
}

#[test]
fn depth_is_limited_and_told() {
    let deep = |n: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    assert!(scanned(deep(DEPTH_LIMIT - 1).as_bytes()).is_ok());
    let fault = scanned(deep(DEPTH_LIMIT).as_bytes()).expect_err("one level too deep");
    assert_eq!(fault.what.to_string(), "nested deeper than 512 levels");
}

#[test]
fn a_scan_may_stop_at_any_byte_and_go_on() {
    let text = br#"{"n\u0061me" : "a\\\"\u12abz", "b":[-1.5e-7,true,{"c":null}],"d":0}"#;
    let mut whole = Scanner::new();
    whole.start(false);
    assert_eq!(whole.scan(text).expect("valid"), Progress::Done);
    let mut pieces = Scanner::new();
    pieces.start(false);
    for end in 1..text.len() {
        assert_eq!(
            pieces.scan(&text[..end]).expect("valid so far"),
            Progress::More,
            "{end}"
        );
    }
    assert_eq!(pieces.scan(text).expect("valid"), Progress::Done);
    let places = |s: &Scanner| {
        s.fields
            .iter()
            .map(|f| (f.name, f.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&whole), places(&pieces));
    assert_eq!(whole.fields.len(), 3);
}
