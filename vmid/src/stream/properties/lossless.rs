//! Every record that is in an input comes out, whole and unchanged, however the
//! input is cut into pieces and whatever is around the records; or the input is
//! refused, and the message says where.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::{
    Pieces, change, changed, fields,
    json::{Object, beside, document, elements, foreign_name, lines, object, plain_name, value},
    one_of, parse, read, sizes, written,
};

/// The value of a text, for comparing values that are spelled in different ways.
fn meaning(raw: &str) -> Option<serde_json::Value> {
    serde_json::from_str(raw).ok()
}

proptest! {
    #[test]
    fn fields_leave_as_they_came(objects in vec(object(), 0..4), sizes in sizes()) {
        let text = document(&objects);
        let (records, bad) = read(Pieces::new(text.as_bytes(), &sizes));
        prop_assert!(bad.is_none(), "{:?} in {text:?}", bad);
        let want: Vec<_> = objects.iter().map(Object::raw_fields).collect();
        prop_assert_eq!(fields(&records), want);
        prop_assert_eq!(written(&records, &[], false), lines(&objects));
    }

    #[test]
    fn in_pieces_as_in_one(
        object in object(),
        changes in vec(change(), 0..3),
        sizes in sizes(),
    ) {
        let text = changed(&object.text, &changes);
        let (whole, bad) = read(&text[..]);
        let (pieces, bad_piece) = read(Pieces::new(&text, &sizes));
        prop_assert_eq!(fields(&whole), fields(&pieces));
        prop_assert_eq!(bad.map(|b| b.to_string()), bad_piece.map(|b| b.to_string()));
    }

    #[test]
    fn fields_are_replaced_in_place_or_appended(
        objects in vec(object(), 1..3),
        set in prop::collection::btree_map(plain_name(), value(), 0..4),
    ) {
        let set: Vec<(&str, &str)> = set.iter().map(|(n, v)| (*n, v.tight.as_str())).collect();
        let records = parse(document(&objects).as_bytes()).unwrap();
        let want: String = objects.iter().map(|object| object.line(&set)).collect();
        prop_assert_eq!(written(&records, &set, false), want);
    }

    #[test]
    fn of_several_fields_the_last_counts(object in object(), name in plain_name()) {
        let records = parse(object.text.as_bytes()).unwrap();
        let want = object.last(name).map(|field| field.value.raw.as_str());
        prop_assert_eq!(records[0].record().raw(name), want);
    }

    #[test]
    fn a_terminal_gets_the_same_values_without_controls(objects in vec(object(), 1..3)) {
        let records = parse(document(&objects).as_bytes()).unwrap();
        let text = written(&records, &[], true);
        let unsafe_there = |c: char| c.is_control() && c != '\n' && c != '\t';
        prop_assert!(!text.contains(unsafe_there), "{text:?}");
        let (again, records) = (fields(&parse(text.as_bytes()).unwrap()), fields(&records));
        prop_assert_eq!(again.len(), records.len());
        for (shown, own) in again.iter().flatten().zip(records.iter().flatten()) {
            prop_assert_eq!(meaning(&shown.1), meaning(&own.1), "{:?}", own);
        }
    }

    #[test]
    fn lines_arrays_and_envelopes_are_the_same_records(
        objects in vec(object(), 0..4),
        array in one_of(r"data results d\u0061ta"),
        before in vec(beside(), 0..3),
        behind in vec(beside(), 0..3),
        sizes in sizes(),
    ) {
        let (before, behind): (String, String) = (
            before.iter().map(|(name, value)| format!("\"{name}\": {value},")).collect(),
            behind.iter().map(|(name, value)| format!(" ,\"{name}\":{value}")).collect(),
        );
        let elements = elements(&objects);
        let singles = |form: &dyn Fn(&str) -> String| {
            objects.iter().map(|object| form(&object.text)).collect::<String>()
        };
        let forms = [
            document(&objects),
            format!("\u{feff}{}", document(&objects)),
            elements.clone(),
            format!("{{{before}\n\"{array}\" : {elements}{behind}\r\n}}\n"),
            format!("[]{elements}{{\"{array}\":[]}}[\n]"),
            singles(&|object| format!("{{ {before}\"data\": {object}}}")),
            singles(&|object| format!("{{\"data\":{object}{behind}}}")),
        ];
        for form in forms {
            let (records, bad) = read(Pieces::new(form.as_bytes(), &sizes));
            prop_assert!(bad.is_none(), "{:?} in {form:?}", bad);
            prop_assert_eq!(written(&records, &[], false), lines(&objects), "{}", form);
        }
    }

    #[test]
    fn an_answer_without_data_is_no_empty_list(
        objects in vec(object(), 0..3),
        beside in vec(beside(), 0..3),
        says in one_of(r#""data":null "detail":"x" "data":null,"errors":["x"] "errors":{"x":"y"} "data":[],"errors":"x" "error":"x","exception":"E","netbox_version":"4""#),
    ) {
        let beside: String = beside.iter().map(|(name, value)| format!("\"{name}\": {value},")).collect();
        let text = format!("{}{{{beside}{says}}}", elements(&objects));
        let (records, bad) = read(text.as_bytes());
        prop_assert_eq!(records.len(), objects.len());
        prop_assert!(bad.is_some_and(|bad| bad.to_string().contains("a request that failed")), "{}", text);
    }

    #[test]
    fn what_is_no_envelope_is_a_record(
        objects in vec(object(), 1..3),
        name in foreign_name(),
        scalar in one_of(r#"1 true "x" null {}"#),
    ) {
        let (first, all) = (&objects[0].text, elements(&objects));
        let texts = [
            format!("{{\"{name}\":[1],\"data\":{all}}}"),
            format!("{{\"{name}\":{scalar},\"data\":{first}}}"),
            format!("{{\"count\":1,\"data\":{first},\"{name}\":{scalar}}}"),
            format!("{{\"results\":{first},\"data\":{all}}}"),
            "{\"data\":1,\"count\":1}".to_owned(),
            "{\"data\":\"\"}".to_owned(),
        ];
        for text in texts {
            let (records, bad) = read(text.as_bytes());
            prop_assert!(bad.is_none() && records.len() == 1, "{:?} in {text}", bad);
            prop_assert_eq!(records[0].record().text(), text);
        }
    }

    #[test]
    fn only_the_outermost_object_is_an_envelope(
        objects in vec(object(), 1..3),
        array in one_of("data results"),
        sizes in sizes(),
    ) {
        let (first, all) = (&objects[0].text, elements(&objects));
        for inner in [
            format!("{{\"{array}\":{all}}}"),
            format!("{{\"next\":1,\"data\":{all}}}"),
            format!("{{\"data\":{first}}}"),
            "{\"data\":null}".to_owned(),
        ] {
            for outer in [
                format!("[{inner}]"),
                format!("{{\"{array}\":[{inner}]}}"),
                format!("{{\"data\":{inner}}}"),
            ] {
                let (records, bad) = read(Pieces::new(outer.as_bytes(), &sizes));
                prop_assert!(bad.is_none() && records.len() == 1, "{:?} in {outer}", bad);
                prop_assert_eq!(records[0].record().text(), &inner);
            }
        }
    }

    #[test]
    fn a_member_beside_the_array_is_never_lost(
        objects in vec(object(), 0..3),
        name in foreign_name(),
    ) {
        let text = format!("{{\"data\":{},\"{name}\":[1]}}", elements(&objects));
        let (records, bad) = read(text.as_bytes());
        prop_assert_eq!(written(&records, &[], false), lines(&objects));
        let bad = bad.map(|bad| bad.to_string()).unwrap_or_default();
        prop_assert!(bad.starts_with(&format!("record {}", objects.len() + 1)), "{bad}");
        prop_assert!(bad.ends_with("beside the array would be lost"), "{bad}");
    }

    #[test]
    fn a_page_of_several_is_refused(objects in vec(object(), 1..3), next in value()) {
        prop_assume!(next.raw != "null");
        let (next, all) = (next.tight, elements(&objects));
        for (passed, text) in [
            (0, format!("{{\"next\":{next},\"results\":{all}}}")),
            (objects.len(), format!("{{\"data\":{all},\"next\":null,\"next\":{next}}}")),
            (0, format!("{{\"data\":{},\"next\":{next}}}", objects[0].text)),
        ] {
            let (records, bad) = read(text.as_bytes());
            prop_assert_eq!(records.len(), passed);
            prop_assert!(bad.unwrap().to_string().contains("one page of several"));
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused_wherever_it_is(
        objects in vec(object(), 1..3),
        (name, value) in beside(),
        at in any::<Index>(),
        byte in select(&b"\x80\xbf\xc0\xf8\xff"[..]),
    ) {
        let (first, all) = (&objects[0].text, elements(&objects));
        for text in [
            document(&objects),
            format!("{{\"{name}\":{value},\"data\":{all}}}"),
            format!("{{\"data\":{all},\"{name}\":{value}}}"),
            format!("{{\"data\":{first},\"{name}\":{value}}}"),
        ] {
            let mut text = text.into_bytes();
            text.insert(at.index(text.len()), byte);
            prop_assert!(read(&text[..]).1.is_some(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_bad_value_is_named_by_its_place(
        objects in vec((object(), 0_usize..3), 0..4),
        (head, before, behind) in select(&[
            ("", "", ""),
            ("[", "", ","),
            ("{\"count\":9,\n\"data\":[", "", ","),
            ("", "{\n\"data\":\n", "\n}"),
        ][..]),
        // The value as far as its fault, the rest of it, and what is said of it.
        (fine, bad, what) in select(&[
            ("", "7", "a number"),
            ("", "\"x\"", "a string"),
            ("", "nil", "a bare word"),
            ("", "}", "expected a"),
            ("{\n\"a\":", "tru\n}", "a bare word is not true, false or null (byte 5 of that line)"),
            ("{\"a\":\"", "\u{1}\"}", "byte 0x01 inside a string must be escaped (byte 7 of"),
            ("{\"a\":\n\n", "", "the input ends inside a record (byte 1 of that line)"),
        ][..]),
        sizes in sizes(),
    ) {
        let mut text = head.to_owned();
        for (object, newlines) in &objects {
            text += &[before, &object.text, behind, &"\n".repeat(*newlines)].concat();
        }
        // The line is told where the value is the first on it, or the fault on a later one.
        let told = text.is_empty() || text.ends_with('\n') || fine.contains('\n');
        text += fine;
        let line = format!(", line {}", 1 + text.matches('\n').count());
        text += bad;
        let (records, fault) = read(Pieces::new(text.as_bytes(), &sizes));
        prop_assert_eq!(records.len(), objects.len());
        let fault = fault.map(|fault| fault.to_string()).unwrap_or_default();
        let line = if told { &line } else { "" };
        let want = format!("record {}{line}: {what}", objects.len() + 1);
        prop_assert!(fault.starts_with(&want), "{fault:?} is not {want:?} in {text:?}");
    }

    /// The end of the first buffer falls into a record, or between two, or the record is longer.
    #[test]
    fn a_full_buffer_loses_nothing(
        objects in vec(object(), 1..4),
        short in 0_usize..300,
        length in select(&[128_usize << 10, 256 << 10][..]),
    ) {
        let pad = "x".repeat(length - short);
        let (big, small) = (format!("{{\"pad\":\"{pad}\"}}\n"), document(&objects));
        let want = lines(&objects);
        for (text, want) in [
            (format!("{big}{small}"), format!("{big}{want}")),
            (format!("{small}{big}{small}"), format!("{want}{big}{want}")),
        ] {
            let (records, bad) = read(text.as_bytes());
            prop_assert!(bad.is_none());
            let same = written(&records, &[], false) == want;
            prop_assert!(same, "{} records of {} bytes", records.len(), text.len());
        }
    }
}
