//! An ID that is planted in any list is found there, and nowhere else; no other ID is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Surroundings, cli, run, source::SOURCES};
use crate::{exit::Answer, table::Format};

/// A row of a list that names this ID, for each list that names any.
fn planted(source: &str, vmid: u64, text: &str) -> Option<Value> {
    let mut row = match source {
        "state" => {
            json!({"version": 2, "nodes": [], "guests": [{"vmid": vmid, "type": "lxc", "name": text, "node": "a"}]})
        }
        "guest" => json!({"type": "qemu", "vmid": vmid, "name": text}),
        "ha" => json!({"sid": format!("ct:{vmid}")}),
        "ha-rule" => json!({"rule": text, "resources": format!("vm:{vmid}")}),
        "replication" => json!({"id": format!("{vmid}-0"), "guest": vmid}),
        "backup-job" => json!({"id": text, "vmid": vmid.to_string()}),
        "content" => json!({"content": "images", "volid": format!("t:vm-{vmid}-disk-0")}),
        "backup-group" => {
            json!({"backup-type": "ct", "backup-id": vmid.to_string(), "comment": text})
        }
        "acl" => {
            json!({"path": format!("/vms/{vmid}"), "type": "user", "ugid": text, "roleid": "R"})
        }
        "ipam" => json!({"vmid": vmid, "name": text, "address": "192.168.30.66/24"}),
        "site" => json!({"pairs": [{"name": text, "members": [{"vmid": vmid}]}]}),
        "journal" => json!({"vmid": vmid, "file": text, "name": text}),
        _ => return None,
    };
    row["source"] = json!(source);
    Some(row)
}

fn trace(rows: &[Value], ids: Vec<u64>, orphans: bool) -> (Answer, Vec<Value>) {
    let input: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let args = cli::Trace {
        without: Vec::new(),
        ids,
        orphans,
        allow_empty: false,
        format: Format::Json,
    };
    let mut out = Vec::new();
    let around = Surroundings { terminal: false };
    let answer = run(&args, &around, input.as_bytes(), &mut out).unwrap();
    let lines = String::from_utf8(out).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (answer, lines.collect())
}

fn told(found: &[Value], vmid: u64) -> usize {
    let is_trace = |line: &&Value| line["trace"] != "unseen" && line["vmid"] == vmid;
    found.iter().filter(is_trace).count()
}

/// Root's rights: nothing is unseen.
fn all_rights() -> Value {
    let all = json!({"VM.Audit": 1, "Datastore.Audit": 1, "Datastore.Allocate": 1, "Sys.Audit": 1});
    json!({"source": "permissions", "/": all, "/vms": all, "/storage": all, "/access": all})
}

#[test]
fn every_list_with_ids_has_a_row_here() {
    let without = SOURCES.iter().map(|(name, ..)| *name);
    let without: Vec<_> = without
        .filter(|name| planted(name, 101, "x").is_none())
        .collect();
    assert_eq!(without, ["permissions", "pbs", "unseen"]);
}

proptest! {
    #[test]
    fn what_is_planted_is_found(
        at in 0..SOURCES.len(), vmid in 100_u64..=999_999_999, other in 100_u64..=999_999_999,
        text in "\\PC{0,12}|[\"'`;$\\\\\n\u{1b}-]{1,8}",
    ) {
        let source = SOURCES[at].0;
        let Some(row) = planted(source, vmid, &format!("x{text}")) else { return Ok(()) };
        let lives = json!({"source": "guest", "type": "lxc", "vmid": 99_999, "name": "lives"});
        let rows = [all_rights(), lives, row];
        let (answer, found) = trace(&rows, vec![vmid], false);
        prop_assert_eq!(answer, Answer::No);
        prop_assert_eq!(told(&found, vmid), if vmid == 99_999 && source != "guest" { 2 } else { 1 });
        for near in [vmid / 10, vmid * 10, vmid * 10 + 6, vmid + 1, other] {
            if near != vmid && near != 99_999 && (100..=999_999_999).contains(&near) {
                let (_, found) = trace(&rows, vec![near], false);
                prop_assert_eq!(told(&found, near) + told(&found, vmid), 0, "{}", near);
            }
        }
    }

    #[test]
    fn orphans_are_those_without_a_guest(
        living in proptest::collection::btree_set(100_u64..130, 1..10),
        planted_at in proptest::collection::vec((0..SOURCES.len(), 100_u64..130), 0..20),
        last in any::<bool>(),
    ) {
        let guests = living.iter().map(|vmid| planted("guest", *vmid, "g").unwrap());
        let named = |at: usize| !["state", "guest"].contains(&SOURCES[at].0);
        let rest = planted_at.iter().filter(|(at, _)| named(*at));
        let rest: Vec<Value> = rest.filter_map(|(at, vmid)| planted(SOURCES[*at].0, *vmid, "x")).collect();
        let mut rows: Vec<Value> = guests.collect();
        if last { rows.splice(0..0, rest) } else { let end = rows.len(); rows.splice(end.., rest) };
        let (_, found) = trace(&rows, vec![], true);
        for vmid in 100..130 {
            let is_planted = planted_at.iter().any(|(at, id)| {
                let source = SOURCES[*at].0;
                let of_no_guest = ["journal", "ipam", "site"].contains(&source);
                *id == vmid && named(*at) && !of_no_guest && planted(source, 101, "").is_some()
            });
            let want = is_planted && !living.contains(&vmid);
            prop_assert_eq!(told(&found, vmid) > 0, want, "{}", vmid);
        }
    }

    #[test]
    fn no_command_clears_what_a_guest_may_have(vmid in 100_u64..1000, at in 0..SOURCES.len(), sees in any::<bool>(), lives in any::<bool>()) {
        let Some(row) = planted(SOURCES[at].0, vmid, "x") else { return Ok(()) };
        let mut rows = vec![planted("guest", if lives { vmid } else { 5000 }, "g").unwrap(), row];
        if sees { rows.push(all_rights()) }
        let (_, found) = trace(&rows, vec![vmid], false);
        let free = sees && !lives && !["state", "guest"].contains(&SOURCES[at].0);
        for line in found.iter().filter(|line| line["trace"] != "unseen") {
            prop_assert!(free || line["remedy"].is_null(), "{}", line);
        }
    }

    #[test]
    fn any_record_is_an_answer_or_a_refusal(source in 0..SOURCES.len(), name in "[a-z-]{1,12}", value in "\\PC{0,20}") {
        let row = json!({"source": SOURCES[source].0, name: value, "vmid": 101, "guests": [1], "content": {"a": 1}, "ha": [1]});
        let args = cli::Trace { without: Vec::new(), ids: vec![101], orphans: false, allow_empty: false, format: Format::Json };
        let _ = run(&args, &Surroundings { terminal: false }, row.to_string().as_bytes(), &mut Vec::new());
    }
}
