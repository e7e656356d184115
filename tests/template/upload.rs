//! `--upload`: to the simulated cluster, whose API overwrites what has the same name without a word.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Ran, root, search_path, tools::tools};

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

    /// Uploads it as often to `target` of a cluster of two nodes, whose scenario is changed so; and what the cluster has then.
    fn uploads(&self, change: &Value, target: &str, times: usize) -> (Vec<Ran>, Value) {
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
        let script = "for ((i = 0; i < $1; i++)); do code=0; \"${@:2}\" >\"$OUT.out$i\" 2>\"$OUT.err$i\" || code=$?; echo $code >\"$OUT.code$i\"; done";
        let out = self.folder.path().join("ran");
        let status = Command::new(&tools()["pve-cluster"])
            .args(["--speed", "100", "--truth"])
            .arg(&truth)
            .arg(&file)
            .args(["bash", "-c", script, "-", &times.to_string()])
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
        assert!(status.success());
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
        let ran = ran.collect();
        (
            ran,
            serde_json::from_slice(&fs::read(truth).unwrap()).unwrap(),
        )
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
    // A look at the task that fails once is no failure of the task.
    let (ran, _) = template.uploads(
        &json!({"faults": [{"fault": "reply", "match": "GET */tasks/*", "status": 500}]}),
        "b:local",
        1,
    );
    assert_eq!(ran[0].good()["changed"], true);
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
    fs::write(&manifest, "[1]").unwrap();
    refused("it is no manifest of build-template's");
    fs::write(&manifest, "{\"sha256\":").unwrap();
    refused("it is no JSON");
    fs::remove_file(&manifest).unwrap();
    refused("no template with a manifest");
}
