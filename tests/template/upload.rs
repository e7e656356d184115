//! `--upload`: to the simulated cluster, whose API overwrites what has the same name without a word.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Ran, build_template, builds, root, search_path, site, tools::tools};

/// A template of 2,000,000 bytes as build-template leaves it, with its manifest.
struct Template {
    folder: TempDir,
    name: String,
}

impl Template {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..2_000_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let plain = folder.path().join("plain");
        fs::write(&plain, bytes).unwrap();
        let sum = Command::new("sha256sum").arg(&plain).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
        let name = format!("debian-12-base_12.11-20250501-{}_amd64", &sum[..8]);
        fs::rename(plain, folder.path().join(format!("{name}.tar.zst"))).unwrap();
        let manifest = json!({"template": "base", "file": format!("{name}.tar.zst"), "sha256": sum, "size": 2_000_000, "suite": "bookworm", "packages": {"bash": "5.2"}});
        fs::write(
            folder.path().join(format!("{name}.json")),
            manifest.to_string(),
        )
        .unwrap();
        Self { folder, name }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("{}.tar.zst", self.name))
    }

    fn volume(&self) -> String {
        format!("local:vztmpl/{}.tar.zst", self.name)
    }

    /// Runs this in bash beside the cluster, with the call that uploads as its words; the records of what wrote to `$OUT.out*`.
    fn runs(&self, change: &Value, target: &str, script: &str) -> (Vec<Value>, Value) {
        let truth = self.beside(change, target, &["-c", script, "-"]);
        let text: String = (0..2)
            .filter_map(|i| fs::read_to_string(self.folder.path().join(format!("ran.out{i}"))).ok())
            .collect();
        let records = text
            .lines()
            .map(|line| serde_json::from_str(line).expect(line));
        (records.collect(), truth)
    }

    /// Uploads it as often to `target` of a cluster of two nodes, whose scenario is changed so; and what the cluster has then.
    fn uploads(&self, change: &Value, target: &str, times: usize) -> (Vec<Ran>, Value) {
        let script = "for ((i = 0; i < $1; i++)); do code=0; \"${@:2}\" >\"$OUT.out$i\" 2>\"$OUT.err$i\" || code=$?; echo $code >\"$OUT.code$i\"; done";
        let truth = self.beside(change, target, &["-c", script, "-", &times.to_string()]);
        let out = self.folder.path().join("ran");
        let part = |kind: &str, i: usize| {
            fs::read_to_string(out.with_extension(format!("{kind}{i}"))).unwrap()
        };
        let ran = (0..times).map(|i| Ran {
            code: part("code", i).trim().parse().ok(),
            records: part("out", i)
                .lines()
                .map(|line| serde_json::from_str(line).expect(line))
                .collect(),
            said: part("err", i),
        });
        (ran.collect(), truth)
    }

    fn beside(&self, change: &Value, target: &str, bash: &[&str]) -> Value {
        let mut scenario = json!({"nodes": {"a": {}, "b": {}}, "guests": [], "tokens": {"root@pam!pvx": "11111111-2222-3333-4444-555555555555"},
            "storages": {"local": {"type": "dir", "path": "/var/lib/vz", "content": "vztmpl,iso"}, "thin": {"type": "lvmthin", "content": "rootdir,images"}}});
        for (name, value) in change.as_object().unwrap() {
            scenario[name] = value.clone();
        }
        let (file, truth) = (
            self.folder.path().join("scenario"),
            self.folder.path().join("truth"),
        );
        fs::write(&file, scenario.to_string()).unwrap();
        let out = self.folder.path().join("ran");
        let status = Command::new(&tools()["pve-cluster"])
            .args(["--speed", "100", "--truth"])
            .arg(&truth)
            .arg(&file)
            .arg("bash")
            .args(bash)
            .arg(root().join("scripts/build-template"))
            .arg("--file")
            .arg(self.path())
            .args(["--upload", target])
            .env_clear()
            .env("PATH", search_path())
            .env("OUT", &out)
            .env("upload_wait_s", "4")
            .status()
            .unwrap();
        assert!(status.success() || bash.len() == 3, "{status}");
        serde_json::from_slice(&fs::read(truth).unwrap()).unwrap()
    }
}

fn posts(truth: &Value) -> usize {
    let tasks = truth["tasks"].as_array().unwrap();
    tasks
        .iter()
        .filter(|task| task["type"] == "imgcopy")
        .count()
}

#[test]
fn a_new_name_is_uploaded_once() {
    let template = Template::new();
    let (ran, truth) = template.uploads(&json!({}), "b:local", 2);
    for (ran, changed) in ran.iter().zip([true, false]) {
        let record = ran.good();
        assert_eq!(
            (
                &record["changed"],
                &record["volid"],
                &record["node"],
                &*ran.said
            ),
            (&json!(changed), &json!(template.volume()), &json!("b"), "")
        );
    }
    assert_eq!(posts(&truth), 1, "{truth:#}");
}

/// An answer that is lost, or is none of the API's: what was sent may have come all the same, and is looked for.
#[test]
fn lost_answers_are_looked_up() {
    let template = Template::new();
    let reply = |fields: Value| {
        let mut fault = json!({"fault": "reply", "match": "POST */upload"});
        for (name, value) in fields.as_object().unwrap() {
            fault[name] = value.clone();
        }
        json!({"faults": [fault]})
    };
    for (name, fault) in [
        ("cut off", reply(json!({"acts": true}))),
        ("half of it", reply(json!({"form": "half"}))),
        (
            "a gateway's",
            reply(json!({"acts": true, "status": 504, "form": "html"})),
        ),
    ] {
        let (ran, truth) = template.uploads(&fault, "b:local", 1);
        assert_eq!(ran[0].good()["changed"], true, "{name}: {ran:?}");
        assert_eq!(posts(&truth), 1, "{name}");
    }
    for (name, fault) in [
        ("never came", reply(json!({}))),
        (
            "a gateway's, that took nothing",
            reply(json!({"status": 502, "form": "html"})),
        ),
    ] {
        let (ran, truth) = template.uploads(&fault, "b:local", 2);
        let error = &ran[0].records[0]["error"];
        assert_eq!(
            (ran[0].code, &error["code"]),
            (Some(3), &json!("upload")),
            "{name}: {ran:?}"
        );
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("the same call goes on"),
            "{name}: {error}"
        );
        assert_eq!(ran[1].good()["changed"], true, "{name}: {ran:?}");
        assert_eq!(posts(&truth), 1, "{name}");
    }
}

#[test]
fn what_is_refused_and_what_fails() {
    let template = Template::new();
    let volume = template.volume();
    let rights = |list: &[&str]| json!({"rights": {"root@pam!pvx": {"/storage/local": list}}});
    let full = json!({"local": {"type": "dir", "path": "/var/lib/vz", "content": "vztmpl", "total": 1_000_000, "used": 0}});
    #[rustfmt::skip]
    let table: &[(&str, &str, Value, i32, &str, &str)] = &[
        ("of another size",   "b:local", json!({"files": {&volume: {"bytes": 5}}}), 1, "name-taken", "with 5 bytes where this has 2000000"),
        ("no templates",      "b:thin",  json!({}), 1, "no-such-storage", "thin takes no container templates"),
        ("no such storage",   "b:nope",  json!({}), 3, "upload", "storage 'nope' does not exist"),
        ("no such node",      "c:local", json!({}), 3, "upload", "HTTP 500 hostname lookup 'c' failed"),
        ("no room",           "b:local", json!({"storages": full}), 1, "no-room", "has 1000000 bytes left"),
        ("may not look",      "b:local", rights(&["Datastore.AllocateTemplate"]), 3, "upload", "Datastore.Audit"),
        ("may not upload",    "b:local", rights(&["Datastore.Audit"]), 3, "upload", "needs Datastore.AllocateTemplate on /storage/local"),
        ("the worker dies",   "b:local", json!({"faults": [{"fault": "worker-dies", "when": {"task": "imgcopy", "phase": "copy"}}]}), 3, "upload", "the upload's task failed: unexpected status"),
    ];
    for (name, target, change, code, error, part) in table {
        let (ran, _) = template.uploads(change, target, 1);
        let record = &ran[0].records[0];
        assert_eq!(
            (ran[0].code, &record["error"]["code"], &record["changed"]),
            (Some(*code), &json!(error), &json!(false)),
            "{name}: {ran:?}"
        );
        let message = record["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{name}: {message}");
        assert!(
            ran[0].said.contains(part) && ran[0].said.lines().count() == 1,
            "{name}: {ran:?}"
        );
    }
}

/// A look that fails once, or whose answer is none of the API's, is no failure of the task.
#[test]
fn looks_that_fail() {
    let template = Template::new();
    let look = |request: &str, after: u64, fields: Value| {
        let mut fault = json!({"fault": "reply", "match": request, "when": {"request": request, "after": after}});
        for (name, value) in fields.as_object().unwrap() {
            fault[name] = value.clone();
        }
        json!({"faults": [fault]})
    };
    let (page, failed) = (
        json!({"status": 200, "form": "html"}),
        json!({"status": 500}),
    );
    for (name, fault) in [
        ("the task", look("GET */tasks/*", 1, failed.clone())),
        ("a page for it", look("GET */tasks/*", 1, page.clone())),
        ("the result", look("GET */content*", 2, failed.clone())),
        ("a page for it", look("GET */content*", 2, page.clone())),
    ] {
        let (ran, truth) = template.uploads(&fault, "b:local", 1);
        assert_eq!(ran[0].good()["changed"], true, "{name}: {ran:?}");
        assert_eq!(posts(&truth), 1, "{name}");
    }
    let always = |mut fault: Value| {
        fault["faults"][0]["times"] = json!(1000);
        fault
    };
    for (name, fault, part, sent) in [
        (
            "the result",
            always(look("GET */content*", 2, failed)),
            "it was uploaded, says Proxmox, and local:vztmpl/",
            1,
        ),
        (
            "a page before it",
            always(look("GET */content*", 1, page.clone())),
            "/storage/local/content: its answer is none of the API's",
            0,
        ),
        (
            "a page of storages",
            always(look("GET */nodes/b/storage", 1, page)),
            "/nodes/b/storage: its answer is none of the API's",
            0,
        ),
    ] {
        let (ran, truth) = template.uploads(&fault, "b:local", 1);
        let error = &ran[0].records[0]["error"];
        assert_eq!(
            (ran[0].code, &error["code"], posts(&truth)),
            (Some(3), &json!("upload"), sent),
            "{name}: {ran:?}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{name}: {message}");
    }
}

/// Two runs at once: one uploads it, and only one says so.
#[test]
fn two_at_once() {
    let template = Template::new();
    let script = "\"$@\" >\"$OUT.out0\" & first=$!; \"$@\" >\"$OUT.out1\"; wait $first";
    let (records, truth) = template.runs(&json!({}), "b:local", script);
    let changed = records.iter().filter(|record| record["changed"] == true);
    assert_eq!((changed.count(), posts(&truth)), (1, 1), "{records:?}");
}

/// Another name than the one that was built could be that of another file, and Proxmox makes `_` of most other signs.
#[test]
fn names_that_were_not_built() {
    let template = Template::new();
    let sum = &template.name[template.name.len() - 14..][..8];
    for (name, part) in [
        ("mine".to_owned(), "was built as"),
        (
            template.name.replace("base", "c++"),
            "is no name that Proxmox would keep",
        ),
        (format!("other-{sum}_amd64"), "was built as"),
    ] {
        let (file, manifest) = (
            template.folder.path().join(format!("{name}.tar.zst")),
            template.folder.path().join(format!("{name}.json")),
        );
        fs::copy(template.path(), &file).unwrap();
        fs::copy(
            template
                .folder
                .path()
                .join(format!("{}.json", template.name)),
            manifest,
        )
        .unwrap();
        let words = ["--file", file.to_str().unwrap(), "--upload=b:local"];
        let output = build_template(template.folder.path(), &words)
            .env("PROXMOX_VE_ENDPOINT", "http://127.0.0.1:1")
            .env("PROXMOX_VE_API_TOKEN", "root@pam!pvx=x")
            .output()
            .unwrap();
        let ran = Ran::of(&output);
        assert_eq!((ran.code, ran.records.len()), (Some(2), 0), "{ran:?}");
        assert!(ran.said.contains(part), "{name}: {ran:?}");
    }
}

/// What is to be uploaded isn't built for minutes when the storage takes none.
#[test]
fn the_storage_is_looked_at_before_the_build() {
    if !builds("the storage before the build") {
        return;
    }
    let template = Template::new();
    let site = site(template.folder.path(), &json!({"base": {}, "more": {}}));
    let script = format!("\"$1\" base more --upload=b:thin '{site}' >\"$OUT.out0\"");
    let (records, _) = template.runs(&json!({}), "b:thin", &script);
    let told: Vec<_> = records
        .iter()
        .map(|record| (&record["template"], &record["error"]["code"]))
        .collect();
    let code = json!("no-such-storage");
    assert_eq!(told, [(&json!("base"), &code), (&json!("more"), &code)]);
}

/// A file that isn't what its manifest says never leaves.
#[test]
fn a_file_that_is_another() {
    let template = Template::new();
    let refused = |part: &str| {
        let (ran, truth) = template.uploads(&json!({}), "b:local", 1);
        assert_eq!(
            (ran[0].code, ran[0].records.len(), posts(&truth)),
            (Some(2), 0, 0),
            "{ran:?}"
        );
        assert!(ran[0].said.contains(part), "{ran:?}");
    };
    let bytes = fs::read(template.path()).unwrap();
    fs::write(template.path(), &bytes[..1_999_999]).unwrap();
    refused("the file isn't the one that was built");
    fs::write(template.path(), &bytes).unwrap();
    let manifest = template
        .folder
        .path()
        .join(format!("{}.json", template.name));
    let right: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    for (key, value, part) in [
        ("size", json!("2 MB"), "it is no manifest"),
        ("size", Value::Null, "it is no manifest"),
        ("size", json!(5), "it says 5 bytes"),
        ("template", Value::Null, "it is no manifest"),
        ("template", json!("a\u{1b}b"), "it is no manifest"),
        ("file", json!("other.tar.zst"), "was built as"),
    ] {
        let mut wrong = right.clone();
        wrong[key] = value;
        fs::write(&manifest, wrong.to_string()).unwrap();
        refused(part);
    }
    fs::write(&manifest, "[1]").unwrap();
    refused("it is no manifest of build-template's");
    fs::write(&manifest, "{\"sha256\":").unwrap();
    refused("it is no JSON");
    fs::remove_file(&manifest).unwrap();
    refused("no template with a manifest");
}
