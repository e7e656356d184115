//! An audit of a whole cluster: each part's findings in one stream, and what becomes of parts that can't be run.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    bed::{Bed, root, said},
    sim::{Sim, cluster, container, with},
};

/// A cluster of three nodes with two containers, its IPAM, its site, and lists of backups.
pub struct Lab {
    pub bed: Bed,
    pub sim: Sim,
}

pub fn web(vmid: u64, name: &str, node: &str, host: u64) -> Value {
    with(
        container(vmid, node),
        json!({"name": name, "config": {"hostname": name, "cores": 1, "unprivileged": 1,
            "net0": format!("name=eth0,bridge=vmbr0,tag=30,hwaddr=BC:24:11:00:00:{:02X},ip=192.168.30.{host}/24,type=veth", host)}}),
    )
}

const PARTS: [&str; 6] = [
    "vmid check",
    "ipalloc check",
    "pvx-migrate audit",
    "backup-coverage",
    "schedule-lint",
    "hacheck check",
];

impl Lab {
    fn new() -> Self {
        Self::of(&[web(30050, "paperless", "a", 50), web(30051, "web", "b", 51)])
    }

    fn of(guests: &[Value]) -> Self {
        let lab = Self {
            bed: Bed::new(),
            sim: Sim::start(&cluster(guests)),
        };
        fs::create_dir(lab.bed.path("ipam")).unwrap();
        let put = |name: &str, text: &str| fs::write(lab.bed.path(name), text).unwrap();
        put(
            "ipam/prefixes.csv",
            "prefix,vlan,status\n192.168.30.0/24,30,active\n",
        );
        put(
            "ipam/ip-addresses.csv",
            "address,status,dns_name,description,cf_ipalloc_key\n\
             192.168.30.50/24,active,paperless.home.example,,paperless\n192.168.30.51/24,active,web.home.example,,web\n",
        );
        lab.site(&json!({}));
        lab
    }

    fn site(&self, more: &Value) {
        let nodes = ["a", "b", "c"]
            .map(|name| json!({"name": name, "storages": ["thin"], "bridges": ["vmbr0"]}));
        let vlan = json!({"vlan": 30, "prefix": "192.168.30.0/24", "bridge": "vmbr0", "tagged": true, "gateway": "first"});
        let site = json!({"name": "lab", "domain": "home.example", "timezone": "UTC", "nodes": nodes,
            "storages": [{"storage": "thin", "type": "lvmthin"}, {"storage": "nas", "type": "nfs"}], "vlans": [vlan]});
        let site = with(site, more.clone());
        fs::write(self.bed.path("site.json"), site.to_string()).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.bed.command("audit", words);
        command
            .env("PVX_SITE", "site.json")
            .envs(self.sim.environment());
        command
    }

    /// An audit without the parts that need a backup server.
    fn audit(&self, words: &[&str]) -> Output {
        let mut all = vec!["--ipam", "ipam", "--without", "cover,schedule,pvx-migrate"];
        all.extend(words);
        self.command(&all).output().unwrap()
    }

    /// A program in the place of another; `program` in it is that one.
    fn shim(&self, command: &mut Command, name: &str, script: &str) {
        let folder = self.bed.path("bin");
        let _ = fs::create_dir(&folder);
        let path = folder.join(name);
        let head = format!("#!/bin/bash\nPATH=${{PATH#*:}}\nprogram=$(command -v {name})\n");
        fs::write(&path, format!("{head}{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let own = command
            .get_envs()
            .find(|(key, _)| *key == "PATH")
            .and_then(|(_, value)| value)
            .unwrap()
            .to_owned();
        let mut all = folder.into_os_string();
        all.push(":");
        all.push(own);
        command.env("PATH", all);
    }
}

fn records(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn findings(record: &Value) -> Vec<(&str, &str, &str)> {
    let all = record["findings"].as_array().unwrap().iter();
    all.map(|one| {
        let text = |name: &str| one[name].as_str().unwrap();
        (text("part"), text("code"), text("severity"))
    })
    .collect()
}

fn of<'a>(records: &'a [Value], field: &str, value: &Value) -> &'a Value {
    let mut own = records.iter().filter(|record| record[field] == *value);
    let record = own
        .next()
        .unwrap_or_else(|| panic!("{field} {value}: {records:#?}"));
    assert!(own.next().is_none(), "{field} {value} twice: {records:#?}");
    record
}

#[test]
fn what_the_parts_find_is_one_record_a_subject() {
    let lab = Lab::of(&[
        web(30050, "paperless", "a", 50),
        web(30051, "web", "b", 61), // another ID than its address makes, and unknown to the IPAM
    ]);
    let output = lab.audit(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let records = records(&output);
    let web = &records[0];
    assert_eq!(
        (&web["vmid"], &web["name"], &web["node"], &web["status"]),
        (&json!(30051), &json!("web"), &json!("b"), &json!("warning"))
    );
    assert_eq!(
        findings(web),
        [
            ("vmid check", "id-mismatch", "warning"),
            ("ipalloc check", "not-in-ipam", "warning"),
        ]
    );
    let fine = of(&records, "vmid", &json!(30050));
    assert_eq!((&fine["status"], findings(fine)), (&json!("ok"), vec![]));
    // The address that no guest has any more.
    let free = of(&records, "name", &json!("web"));
    assert_eq!(free["vmid"], 30051, "{free}");
    for part in PARTS {
        let record = of(&records, "part", &json!(part));
        let wanted = part == "vmid check" || part == "ipalloc check";
        assert_eq!(record["ran"], wanted, "{record}");
        assert_eq!(record["status"], "ok", "{record}");
    }
    assert_eq!(records.len(), 2 + PARTS.len(), "{records:#?}");
}

#[test]
fn nothing_found_is_zero() {
    let lab = Lab::new();
    let output = lab.audit(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let table = lab.audit(&["--format", "table"]);
    assert_eq!(
        String::from_utf8_lossy(&table.stdout),
        "nothing was found: 2 subjects, 2 parts\n"
    );
    let line = lab.audit(&["--nagios"]);
    assert_eq!(
        String::from_utf8_lossy(&line.stdout),
        "AUDIT OK: 2 subjects|ok=8;;;0;8 warning=0;;;0;8 unknown=0;;;0;8 critical=0;;;0;8\n"
    );
    assert_eq!(line.status.code(), Some(0));
}

/// Asked for and not run is unknown, and never fine.
#[test]
fn a_part_that_cannot_be_run_is_named() {
    let lab = Lab::new();
    let words = ["--without", "cover,schedule,pvx-migrate"];
    let output = lab.command(&words).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let all = records(&output);
    let record = of(&all, "part", &json!("ipalloc check"));
    assert_eq!(findings(record), [("audit", "not-run", "unknown")]);
    let message = record["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("no IPAM is named"), "{message}");
    assert_eq!(all[0], *record, "the gravest first");
    let line = lab
        .command(&[&words[..], &["--nagios"]].concat())
        .output()
        .unwrap();
    assert_eq!(line.status.code(), Some(3), "{line:?}");
    assert!(
        line.stdout
            .starts_with(b"AUDIT UNKNOWN: ipalloc check: not-run: "),
        "{line:?}"
    );

    // Killed, and cut off in a record.
    for (script, why) in [
        ("kill -KILL $$", "exit code 137"),
        (
            "$program \"$@\" | head -c 300; exit 1",
            "lines that are no records",
        ),
        ("exit 3", "it said nothing"),
    ] {
        let mut command =
            lab.command(&["--ipam", "ipam", "--without", "cover,schedule,pvx-migrate"]);
        lab.shim(&mut command, "ipalloc", script);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{script}: {output:?}");
        let all = records(&output);
        let record = of(&all, "part", &json!("ipalloc check"));
        let message = record["findings"][0]["message"].as_str().unwrap();
        assert!(message.contains(why), "{script}: {message}");
        assert_eq!(record["status"], "unknown", "{script}: {record}");
    }
}

/// Exit code 1 is that of findings, and of a script that died; 0 that of nothing to find, and of nothing looked at.
#[test]
fn a_part_without_a_record_has_not_looked() {
    let guests = [web(30050, "paperless", "a", 50)];
    #[rustfmt::skip]
    let cases: [(&str, &str, &str, &[&str], &str); 9] = [
        ("pbsprune",    "*",          "echo 'no space left' >&2; exit 1", &["backup-coverage", "schedule-lint"], "exit code 1"),
        ("pbsprune",    "cover*",     "exit 1",                           &["backup-coverage"],                  "it said nothing"),
        ("pbsprune",    "cover*",     "exit 0",                           &["backup-coverage"],                  "has written nothing"),
        ("pbsprune",    "schedule*",  "exit 0",                           &["schedule-lint"],                    "has written nothing"),
        ("pbsprune",    "cover*",     "printf '{\"vmid\": 30050, \"findings\": [{\"code\": \"a\", \"severity\": \"info\"}]}\\n'; exit 1", &["backup-coverage"], "exit code 1"),
        ("pvx-migrate", "audit*",     "exit 1",                           &["pvx-migrate audit"],                "exit code 1"),
        ("pvx-migrate", "audit*",     "exit 0",                           &["pvx-migrate audit"],                "has written nothing"),
        ("vmid",        "check*",     "exit 1",                           &["vmid check"],                       "exit code 1"),
        ("ipalloc",     "check*",     "exit 0",                           &["ipalloc check"],                    "has written nothing"),
    ];
    let lab = with_backups(&guests, &READS);
    for (program, words, script, parts, why) in cases {
        let script = format!(
            "if [[ \"$*\" == {words} && \"$*\" != *--help* ]]; then {script}; fi; exec \"$program\" \"$@\""
        );
        let output = lab.all_parts_with(&[], program, &script);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{program} {script}: {output:?}"
        );
        let all = records(&output);
        for part in PARTS.iter().filter(|part| **part != "hacheck check") {
            let record = of(&all, "part", &json!(part));
            let stopped = parts.contains(part);
            assert_eq!(record["ran"], !stopped, "{program} {script}: {record}");
            assert_eq!(
                record["status"],
                if stopped { "unknown" } else { "ok" },
                "{record}"
            );
            if stopped {
                let message = record["findings"][0]["message"].as_str().unwrap();
                assert!(message.contains(why), "{program} {script}: {message}");
            }
        }
        let line = lab.all_parts_with(&["--nagios"], program, &script);
        assert_eq!(line.status.code(), Some(3), "{program} {script}: {line:?}");
    }
    // The cluster itself.
    for script in ["exit 1", "exit 0", "echo '{}'", "echo '[]' '[]'"] {
        let script =
            format!("if [[ \"$*\" == state* ]]; then {script}; exit; fi; exec \"$program\" \"$@\"");
        let output = lab.all_parts_with(&[], "pvx-migrate", &script);
        assert!(
            matches!(output.status.code(), Some(2 | 3)),
            "{script}: {output:?}"
        );
        assert!(output.stdout.is_empty(), "{script}: {output:?}");
    }
}

/// A cluster without guests and jobs has nothing to have a record of.
#[test]
fn nothing_to_look_at_is_fine() {
    let lab = Lab::of(&[]);
    fs::write(
        lab.bed.path("ipam/ip-addresses.csv"),
        "address,status,dns_name,description,cf_ipalloc_key\n",
    )
    .unwrap();
    let output = lab.audit(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Whatever becomes of the page and of the folder, the findings are shown.
#[test]
fn findings_are_shown_whatever_becomes_of_the_page() {
    let lab = Lab::of(&[web(30050, "paperless", "a", 50), web(30099, "web", "b", 51)]);
    let cut_off = "if [[ \"$*\" == audit* ]]; then $program \"$@\" | head -c 300; exit 1; fi; exec \"$program\" \"$@\"";
    let lost = "if [[ \"$*\" == *lost* && \"$*\" != *--help* ]]; then $program \"$@\" | head -n 1; exit 3; fi; exec \"$program\" \"$@\"";
    let file = lab.bed.path("home");
    let in_the_way = lab.bed.path("tmp");
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &str, &[&str]); 7] = [
        ("no folder for the page", &["--page", "nowhere/x.md"],               "",      &["page"]),
        ("a folder in its place",  &["--page", file.to_str().unwrap()],       "",      &["page"]),
        ("no folder for that",     &["--keep", "nowhere/kept"],               "",      &["folder"]),
        ("neither",                &["--keep", "no/kept", "--page", "no/x"],  "",      &["folder", "page"]),
        ("drills unread",          &["--page", "a.md", "--drills", in_the_way.to_str().unwrap()], "", &[]),
        ("a record cut off",       &["--page", "b.md"],                       cut_off, &["pvx-migrate audit"]),
        ("plan lost died",         &["--page", "c.md", "--keep", "kept"],     lost,    &[]),
    ];
    for (name, words, script, not) in cases {
        for form in ["json", "nagios"] {
            let _ = fs::remove_dir_all(lab.bed.path("kept"));
            let mut all = vec!["--ipam", "ipam", "--without", "cover,schedule"];
            all.extend(words);
            if form == "nagios" {
                all.push("--nagios");
            }
            let mut command = lab.command(&all);
            if !script.is_empty() {
                lab.shim(&mut command, "pvx-migrate", script);
            }
            let output = command.output().unwrap();
            if form == "nagios" {
                let text = String::from_utf8_lossy(&output.stdout);
                let code = if not.is_empty() { 1 } else { 3 };
                assert!(text.contains("30099 web: id-mismatch"), "{name}: {text}");
                assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
                assert_eq!(text.lines().count(), 1, "{name}: {text}");
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
            let all = records(&output);
            assert!(
                findings(of(&all, "vmid", &json!(30099))).contains(&(
                    "vmid check",
                    "id-mismatch",
                    "warning"
                )),
                "{name}: {all:#?}"
            );
            let unknown: Vec<&str> = all
                .iter()
                .filter(|record| record["ran"] == false && record["status"] == "unknown")
                .map(|record| record["part"].as_str().unwrap())
                .collect();
            assert_eq!(unknown, not, "{name}: {all:#?}");
            let status = |record: &Value| record["status"] != "unknown";
            assert!(all.is_sorted_by_key(status), "{name}: the gravest first");
        }
    }
    let page = fs::read_to_string(lab.bed.path("c.md")).unwrap();
    assert!(
        page.contains("Not worked out: pvx-migrate plan lost could not be run to its end"),
        "{page}"
    );
    assert!(page.contains("| pvx-migrate plan lost | "), "{page}");
    let page = fs::read_to_string(lab.bed.path("b.md")).unwrap();
    assert!(page.contains("| pvx-migrate audit | "), "{page}");
    assert!(page.contains("30099 web | id-mismatch"), "{page}");
    let left: Vec<_> = fs::read_dir(lab.bed.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A configuration that nobody read is not fine because the site says so.
#[test]
fn what_is_unseen_is_never_exempt() {
    let lab = Lab::new();
    let state = lab.sim.command(&["state"]).output().unwrap();
    let mut state: Value = serde_json::from_slice(&state.stdout).unwrap();
    state["guests"][0]["config"] = Value::Null;
    fs::write(lab.bed.path("state.json"), state.to_string()).unwrap();
    lab.site(&json!({"exempt": [{"code": "no-config", "vmid": 30050, "why": "old"}]}));
    let output = lab.audit(&["--state", "state.json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let all = records(&output);
    let own = findings(of(&all, "vmid", &json!(30050)));
    assert!(
        own.contains(&("vmid check", "unseen", "unknown")),
        "{own:?}"
    );
}

#[test]
fn hacheck_is_asked_only_if_that_is_asked_for() {
    let lab = Lab::new();
    let mut command = lab.command(&["--ipam", "ipam", "--without", "cover,schedule,pvx-migrate"]);
    lab.shim(
        &mut command,
        "hacheck",
        "touch -- \"$HOME/asked\"; exec \"$program\" \"$@\"",
    );
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    assert!(!lab.bed.path("home/asked").exists());
    // A site without pairs has nothing to be asked for, and that is told, too.
    let output = lab.audit(&["--probe"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let all = records(&output);
    let record = of(&all, "part", &json!("hacheck check"));
    let message = record["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("no pairs in it"), "{message}");
}

#[test]
fn what_the_site_exempts_is_info() {
    let guests = [web(30050, "paperless", "a", 50), web(30099, "web", "b", 51)];
    let exempt = |list: Value| json!({"exempt": list});
    #[rustfmt::skip]
    let cases = [
        ("none",       json!([]),                                                                        Some(1), vec!["id-mismatch"]),
        ("matches",    json!([{"code": "id-mismatch", "vmid": 30099, "why": "old"}]),                    Some(0), vec![]),
        ("by node",    json!([{"code": "id-mismatch", "node": "b", "why": "old"}]),                      Some(0), vec![]),
        ("other node", json!([{"code": "id-mismatch", "node": "a", "why": "old"}]),                      Some(1), vec!["exemption-unused", "id-mismatch"]),
        ("till today", json!([{"code": "id-mismatch", "vmid": 30099, "why": "old", "until": today()}]),  Some(0), vec![]),
        ("is over",    json!([{"code": "id-mismatch", "vmid": 30099, "why": "old", "until": "2020-01-01"}]),
                                                                                                         Some(1), vec!["exemption-expired", "id-mismatch"]),
        ("no such",    json!([{"code": "id-mismatsch", "vmid": 30099, "why": "old"}]),                   Some(1), vec!["exemption-unknown", "id-mismatch"]),
        ("a part's that isn't run", json!([{"code": "id-mismatch", "vmid": 30099, "why": "old"}, {"code": "stale", "vmid": 30050, "why": "old"}]),
                                                                                                         Some(0), vec![]),
    ];
    let lab = Lab::of(&guests);
    for (name, list, code, codes) in cases {
        lab.site(&exempt(list));
        let output = lab.audit(&[]);
        assert_eq!(output.status.code(), code, "{name}: {output:?}");
        let all = records(&output);
        let mut found: Vec<&str> = all
            .iter()
            .flat_map(findings)
            .filter(|(.., severity)| *severity != "info")
            .map(|(_, code, _)| code)
            .collect();
        found.sort_unstable();
        assert_eq!(found, codes, "{name}");
        if name == "matches" {
            let record = of(&all, "vmid", &json!(30099));
            assert_eq!(record["findings"][0]["exempt"], "old", "{record}");
            assert_eq!(record["status"], "ok", "{record}");
        }
    }
}

fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn forms_for_people() {
    let lab = Lab::of(&[web(30050, "=cmd", "a", 50), web(30099, "web", "b", 51)]);
    let table = lab.audit(&["--format", "table"]);
    assert_eq!(table.status.code(), Some(1));
    let text = String::from_utf8(table.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("severity  subject"), "{text}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("30099 web") && line.contains("id-mismatch")),
        "{text}"
    );
    let csv = lab.audit(&["--format", "csv"]);
    let text = String::from_utf8(csv.stdout).unwrap();
    assert!(
        text.starts_with("\"severity\",\"code\",\"subject\",\"vmid\",\"name\""),
        "{text}"
    );
    assert!(text.contains(",\"'=cmd\","), "{text}");

    // What a terminal would obey, or what would be a line of its own.
    let state = lab.sim.command(&["state"]).output().unwrap();
    let mut state: Value = serde_json::from_slice(&state.stdout).unwrap();
    state["guests"][1]["name"] = json!("we\nb\r\u{1b}[2J\u{202e}");
    fs::write(lab.bed.path("state.json"), state.to_string()).unwrap();
    for form in ["csv", "table"] {
        let output = lab.audit(&["--state", "state.json", "--format", form]);
        let text = String::from_utf8(output.stdout).unwrap();
        let unsafe_ones = text.matches(['\r', '\u{1b}', '\u{202e}']).count();
        assert_eq!(unsafe_ones, 0, "{form}: {text:?}");
        assert!(text.contains("we?b??[2J?"), "{form}: {text:?}");
    }
}

#[test]
fn calls_that_are_wrong_and_clusters_that_are_away() {
    let lab = Lab::new();
    #[rustfmt::skip]
    let cases: [(&str, &[&str], i32, &str); 8] = [
        ("a word",              &["web"],                             2, "no argument is taken"),
        ("no such form",        &["--format", "markdown"],            2, "--format is json, table or csv"),
        ("no such part",        &["--without", "backup"],             2, "there is no part backup"),
        ("no site",             &["--site", "nowhere.json"],          2, "nowhere.json"),
        ("no state",            &["--state", "nowhere.json"],         2, "nowhere.json: can't be read"),
        ("another document",    &["--state", "site.json"],            2, "site.json"),
        ("a folder that is there", &["--keep", "documents"],          2, "documents: it is there already"),
        ("the wrong authority", &["--fingerprint", "AA"],             2, ""),
    ];
    for (name, words, code, message) in cases {
        let output = lab.audit(words);
        assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
        assert!(said(&output).contains(message), "{name}: {output:?}");
        assert!(output.stdout.is_empty(), "{name}: {output:?}");
        let line = lab.audit(&[words, &["--nagios"]].concat());
        assert_eq!(line.status.code(), Some(3), "{name}: {line:?}");
        let text = String::from_utf8_lossy(&line.stdout);
        assert!(
            text.starts_with("AUDIT UNKNOWN: ") && text.contains(message),
            "{name}: {line:?}"
        );
        assert_eq!(text.lines().count(), 1, "{name}: {line:?}");
    }
    let away = |words: &[&str]| {
        let mut command = lab.command(words);
        command.env("PROXMOX_VE_ENDPOINT", "http://127.0.0.1:9");
        command.output().unwrap()
    };
    let output = away(&[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let line = away(&["--nagios"]);
    assert_eq!(line.status.code(), Some(3), "{line:?}");
    assert!(line.stdout.starts_with(b"AUDIT UNKNOWN: "), "{line:?}");
}

/// A cluster of which one job backs up all, a backup server that has one guest's backups, and tokens that only read.
pub fn with_backups(guests: &[Value], rights: &[&str]) -> Lab {
    let mut lab = Lab::of(&[]);
    let node = json!({"timezone": "Europe/Berlin"});
    lab.sim = Sim::start(&with(
        cluster(guests),
        json!({
        "nodes": {"a": node, "b": node, "c": node},
        "storages": {"backups": {"type": "pbs", "content": "backup", "server": "192.168.10.250", "datastore": "store1", "shared": 1}},
        "backup_jobs": [{"id": "nightly", "schedule": "02:30", "all": 1, "storage": "backups", "repeat-missed": 1}],
        "rights": {"pvx@pve!drain": {"/": rights}}}),
    ));
    lab.site(&json!({"timezone": "Europe/Berlin"}));
    let own = |time: i64| {
        json!({"ns": "", "backup-type": "ct", "backup-id": "30050", "backup-time": time, "comment": "paperless", "owner": "backup@pbs", "protected": false,
            "verification": {"state": "ok", "upid": "UPID:pbs:00001BC6:0016E51C:00000019:6929A7A9:verify:store1:backup@pbs!x:"},
            "files": [{"filename": "root.pxar.didx", "size": 5}, {"filename": "index.json.blob", "size": 5}]})
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let server = json!({"snapshots": [own(now - 60), own(now - 86_400)], "zone": "Europe/Berlin",
        "admin": {"gc": [{"store": "store1", "schedule": "21:00"}], "prune": [], "verify": [], "sync": []}, "tasks": [],
        "sees": {"/": ["Sys.Audit", "Remote.Audit"], "/datastore/store1": ["Datastore.Audit"]}});
    fs::write(lab.bed.path("pbs.json"), server.to_string()).unwrap();
    lab
}

impl Lab {
    /// All parts, on a backup server, too.
    fn all_parts(&self, words: &[&str]) -> Output {
        self.all_parts_of(words, None)
    }

    /// With a program in the place of one of the tools.
    fn all_parts_with(&self, words: &[&str], name: &str, script: &str) -> Output {
        self.all_parts_of(words, Some((name, script)))
    }

    fn all_parts_of(&self, words: &[&str], shim: Option<(&str, &str)>) -> Output {
        let _ = fs::remove_dir_all(self.bed.path("bin"));
        let mut all = vec!["pbs.json", "audit", "--ipam", "ipam", "--site", "site.json"];
        all.extend(words);
        let server = root().join("tests/lab/pbs-api");
        let mut command = self.bed.command(server.to_str().unwrap(), &all);
        command.envs(self.sim.environment());
        if let Some((name, script)) = shim {
            self.shim(&mut command, name, script);
        }
        command.output().unwrap()
    }
}

pub const READS: [&str; 5] = [
    "Sys.Audit",
    "VM.Audit",
    "Datastore.Audit",
    "Pool.Audit",
    "SDN.Audit",
];

/// Planted faults are found once each, and nothing else is.
#[test]
fn all_parts_together() {
    let mut web = web(30051, "web", "b", 61);
    web["config"].as_object_mut().unwrap().remove("cores");
    let lab = with_backups(&[self::web(30050, "paperless", "a", 50), web], &READS);
    let output = lab.all_parts(&["--keep", "kept"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let records = records(&output);
    let mut found: Vec<String> = Vec::new();
    for record in &records {
        let subject = [
            "vmid", "job", "node", "storage", "cluster", "site", "part", "name",
        ];
        let subject = subject
            .iter()
            .find(|name| !record[**name].is_null())
            .unwrap();
        let all = findings(record).into_iter();
        let all = all.filter(|(.., severity)| *severity != "info");
        found.extend(all.map(|(part, code, severity)| {
            format!("{} {}: {part}: {severity} {code}", subject, record[subject])
        }));
    }
    found.sort();
    assert_eq!(
        found,
        [
            "job \"nightly\": schedule-lint: warning dst-skipped",
            "vmid 30051: backup-coverage: critical never",
            "vmid 30051: ipalloc check: warning not-in-ipam",
            "vmid 30051: pvx-migrate audit: warning no-limit",
            "vmid 30051: vmid check: warning id-mismatch",
        ],
        "{records:#?}"
    );
    assert_eq!(records[0]["vmid"], 30051, "the gravest first");
    for part in &PARTS[..5] {
        assert_eq!(of(&records, "part", &json!(part))["ran"], true, "{part}");
    }
    let line = lab.all_parts(&["--nagios"]);
    assert_eq!(line.status.code(), Some(2), "{line:?}");

    let page = lab.bed.prints("site-page", &["--from", "kept"]);
    for text in [
        "| critical | 30051 web | never |",
        "| 30050 paperless | nightly |   |   |",
        "| 30051 web | nightly |   | never |",
        "  #110;ightly :t",
        "| nightly | a, b, c, store1 | 02:30 | Europe/Berlin | 20",
        "Not by themselves, if a is lost:",
        "| 30050 paperless | restored from a backup |",
        "| 30051 web | **gone** |",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let Some(diagrams) = crate::diagrams::drawn("all_parts_together", &page) else {
        return;
    };
    let types: Vec<&str> = diagrams.iter().map(|one| &one.0[..]).collect();
    assert_eq!(types, ["flowchart-v2", "gantt"]);
    assert!(diagrams[1].1.contains("nightly"), "{:?}", diagrams[1]);
}

/// With each right gone something is unseen, and that is never fine.
#[test]
fn what_a_token_cannot_see_is_unknown() {
    let guests = [web(30050, "paperless", "a", 50)];
    for missing in ["Sys.Audit", "VM.Audit", "Datastore.Audit"] {
        let rights: Vec<&str> = READS
            .into_iter()
            .filter(|right| *right != missing)
            .collect();
        let lab = with_backups(&guests, &rights);
        let output = lab.all_parts(&[]);
        assert_eq!(output.status.code(), Some(1), "{missing}: {output:?}");
        let all = records(&output);
        let unseen: Vec<_> = all
            .iter()
            .flat_map(findings)
            .filter(|(_, code, severity)| *code == "unseen" && *severity == "unknown")
            .collect();
        assert!(!unseen.is_empty(), "{missing}: {all:#?}");
        let line = lab.all_parts(&["--nagios"]);
        assert!(
            matches!(line.status.code(), Some(2 | 3)),
            "{missing}: {line:?}"
        );
    }
}

/// A notice names who is concerned, and the stream stays as it is.
#[test]
fn an_audit_that_tells() {
    let lab = Lab::of(&[web(30050, "paperless", "a", 50), web(30099, "web", "b", 51)]);
    let words = "--site site.json --ipam ipam --without cover,schedule,pvx-migrate";
    let script = format!("NTFY_URL=$RECEIVER/jobs HOSTNAME=h audit --notify {words}");
    let receiver = root().join("tests/lab/notices");
    let mut command = lab
        .bed
        .command(receiver.to_str().unwrap(), &["bash", "-c", &script]);
    command.envs(lab.sim.environment());
    let told = command.output().unwrap();
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let quiet = lab.audit(&[]);
    assert_eq!(records(&told), records(&quiet));
    let got = fs::read_to_string(lab.bed.path("got")).unwrap();
    for text in ["audit", "web", "warning: ID 30099", "exit code 1"] {
        assert!(got.contains(text), "{text}: {got}");
    }
}

/// What an audit kept makes the page that site-page writes by itself.
#[test]
fn the_page_of_a_kept_audit() {
    let lab = Lab::of(&[web(30050, "paperless", "a", 50), web(30099, "web", "b", 51)]);
    let output = lab.audit(&["--keep", "kept"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let state = lab.bed.path("kept/state.json");
    let kept = lab.bed.prints("site-page", &["--from", "kept"]);
    let state = state.to_str().unwrap();
    let words = [
        "--ipam",
        "ipam",
        "--without",
        "cover,schedule,pvx-migrate",
        "--site",
        "site.json",
        "--state",
        state,
    ];
    assert_eq!(kept, lab.bed.prints("site-page", &words));
    assert!(
        kept.contains("| warning | 30099 web | id-mismatch |"),
        "{kept}"
    );
    let mode = fs::metadata(lab.bed.path("kept/state.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "configurations may have secrets in them");
    let left: Vec<_> = fs::read_dir(lab.bed.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(root().exists());
}
