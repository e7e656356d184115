//! The commands of `vmid` on any input: they never panic, they lose nothing, and
//! their answer does not depend on the form of their output.

use clap::Parser as _;
use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    byte, change, changed,
    json::{Object, Text, document, name, object_of, value},
    one_of, parse,
};
use crate::{
    Surroundings,
    cli::{Cli, Command},
    exit::Answer,
    stream::Record,
};

fn verb() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "encode",
            "encode --overwrite --vlan 30",
            "encode --digits 5",
            "decode",
            "decode --overwrite",
            "decode --digits 4",
            "check --allow-empty",
            "check --allow-empty --exempt 100-999 --reserved 192.168.30.66",
        ][..],
    )
}

/// What a command makes of `input`: no answer if it stops, and its output.
fn answer(verb: &str, form: &str, input: &[u8]) -> (Option<Answer>, String) {
    let words = format!("vmid {verb} --format {form}");
    let command: Command = Cli::try_parse_from(words.split(' ')).unwrap().command;
    let mut output = Vec::new();
    let result = crate::run(
        &command,
        &Surroundings { terminal: false },
        input,
        &mut output,
    );
    (result.ok(), String::from_utf8(output).unwrap())
}

/// Fields that the commands read, with values that fit and values that do not.
fn guest_field() -> impl Strategy<Value = (String, Text)> {
    let field = prop_oneof![
        3 => (Just("vmid"), one_of(r#"30066 "30066" "030066" 210 30300 30000 4094254 4095001
            256001 0 -1 30066.0 1e3 99999999999999999999"#)),
        2 => (Just("vlan"), one_of(r#"30 "030" 0 4094 4095 300 "\u0033\u0030" "\t30""#)),
        3 => (Just("address"), one_of(r#""192.168.30.66/24" "192.168.30.66" "10.0.1.66\/23"
            "192.168.030.066/25" "10.0.1.66" "192.168.0.1" "192.168.30.255/24" "fd00::66/64"
            "0.0.0.0/0" "255.255.255.255/32" "1.2.3.4/31" "1.2.3""#)),
        1 => (one_of("net0 net31"), one_of(r#""name=eth0,tag=30,ip=192.168.30.66/24" ",,=,ip="
            "virtio=0,tag=40" "ip=dhcp" "tag=99999999999999999999,ip=/""#)),
        1 => (Just("ipconfig0"), one_of(r#""ip=192.168.30.67/24,gw=192.168.30.1" "ip6=auto""#)),
        1 => (Just("template"), one_of(r#"0 1 true "1""#)),
        1 => (one_of("name host hostname"), one_of(r#"66 "066" "web" "\u001b[2J""#)),
        1 => (Just("error"), one_of(r#"null null {"code":"x","message":"y"} 1"#)),
        1 => (
            one_of("vmid vlan host address name net0 template error findings expected_vmid"),
            one_of(r#"null "" [] {} true "\ud800" "\n""#),
        ),
    ];
    field.prop_map(|(name, value)| (name.to_owned(), Text::tight(value)))
}

/// A record that is likely to be a guest, with other fields around that.
fn guest() -> impl Strategy<Value = Object> {
    object_of(prop_oneof![4 => guest_field(), 1 => (name(), value())].boxed())
}

/// An earlier tool failed on the record.
fn failed(object: &Object) -> bool {
    let error = object.last("error");
    error.is_some_and(|field| field.value.raw != "null")
}

/// The names that a verb may write.
fn own_names(verb: &str) -> &'static [&'static str] {
    match verb.split(' ').next() {
        Some("encode") => &["vmid", "address", "error"],
        Some("decode") => &["vlan", "host", "address", "error"],
        _ => &["findings", "expected_vmid", "address"],
    }
}

/// The record says what the verb was asked for.
fn is_answered(verb: &str, record: &Record<'_>) -> bool {
    let says = |name: &str| record.raw(name).is_some_and(|raw| raw != "null");
    let is_number = |name: &str| record.raw(name).is_some_and(|raw| !raw.starts_with('"'));
    match verb.split(' ').next() {
        Some("encode") => says("vmid") && is_number("vmid"),
        Some("decode") => says("address") && is_number("vlan") && is_number("host"),
        _ => says("findings") && is_number("expected_vmid"),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_records_or_are_refused(
        bytes in vec(byte(), 0..30),
        verb in verb(),
        form in one_of("json table csv"),
    ) {
        let (answer, _) = answer(verb, form, &bytes);
        prop_assert_eq!(answer.is_some(), parse(&bytes).is_ok());
    }

    #[test]
    fn broken_guests_are_refused_and_the_others_answered(
        guests in vec(guest(), 1..3),
        changes in vec(change(), 0..3),
        verb in verb(),
        form in one_of("json table csv"),
    ) {
        let text = changed(&document(&guests), &changes);
        let (answer, _) = answer(verb, form, &text);
        prop_assert_eq!(answer.is_some(), parse(&text).is_ok());
    }

    /// What is plain is taken by a shorter way, which a space closes.
    #[test]
    fn a_space_changes_no_answer(guest in guest(), options in select(&["encode", "encode --vlan 40", "encode --overwrite"][..])) {
        let text = guest.line(&[]);
        let spaced = text.replacen('{', "{ ", 1);
        let [one, other] = [&text, &spaced].map(|text| answer(options, "json", text.as_bytes()));
        prop_assert_eq!(one.0, other.0);
        let fields = |out: &str| {
            let records = parse(out.as_bytes()).unwrap();
            let all = records.iter().map(|kept| {
                let fields = kept.record();
                fields.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
            });
            all.collect::<Vec<_>>()
        };
        prop_assert_eq!(fields(&one.1), fields(&other.1), "{}", text);
    }

    #[test]
    fn what_a_verb_does_not_write_it_leaves(guests in vec(guest(), 0..4), verb in verb()) {
        let (_, out) = answer(verb, "json", document(&guests).as_bytes());
        prop_assert_eq!(out.lines().count(), guests.len());
        for (line, guest) in out.lines().zip(&guests) {
            if failed(guest) {
                prop_assert_eq!(format!("{line}\n"), guest.line(&[]));
                continue;
            }
            let records = parse(line.as_bytes()).unwrap();
            let record = records[0].record();
            let is_own = |name: &str| own_names(verb).contains(&name);
            let (old, new): (Vec<_>, Vec<_>) =
                record.fields().enumerate().partition(|(index, _)| *index < guest.fields.len());
            for ((_, (name, value)), field) in old.iter().zip(&guest.fields) {
                prop_assert_eq!(*name, &field.name);
                let own = field.plain.as_deref().is_some_and(is_own);
                prop_assert!(own || *value == field.value.written(), "{name} in {line}");
            }
            prop_assert_eq!(old.len(), guest.fields.len());
            prop_assert!(new.iter().all(|(_, (name, _))| is_own(name)), "{line}");
            let refused = record.raw("error").is_some_and(|raw| raw != "null");
            prop_assert!(is_answered(verb, &record) || refused, "{line}");
        }
    }

    #[test]
    fn the_answer_is_no_when_some_record_says_so_in_any_form(
        guests in vec(guest(), 0..4),
        verb in verb(),
    ) {
        let text = document(&guests);
        let (json, out) = answer(verb, "json", text.as_bytes());
        let says_no = |line: &str| {
            let records = parse(line.as_bytes()).unwrap();
            let raw = |name: &str| records[0].record().raw(name);
            let found = verb.starts_with("check") && raw("findings").is_some_and(|raw| raw != "[]");
            found || raw("error").is_some_and(|raw| raw != "null")
        };
        prop_assert_eq!(json, Some(Answer::no_if(out.lines().any(says_no))));
        let (table, rows) = answer(verb, "table", text.as_bytes());
        prop_assert_eq!(table, json);
        prop_assert!(!rows.contains(|c: char| c.is_control() && c != '\n'), "{rows:?}");
        let (csv, rows) = answer(verb, "csv", text.as_bytes());
        prop_assert_eq!(csv, json);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(rows.as_bytes());
        let rows = reader.records().map(Result::unwrap).count();
        let want = if guests.is_empty() { 0 } else { 1 + guests.len() };
        prop_assert_eq!(rows, want);
    }
}
