//! What the simulated cluster does with guests that are made and removed, beyond what was recorded:
//! what goes wrong, what is left then, who is told, and names that are told too late.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::sim::{Sim, cluster, container, four_at_once, machine, with};

const TEMPLATE: &str = "local:vztmpl/debian-13.tar.zst";

/// Three nodes with a template; a container 101 and a VM 102 live on a, 103 is a container that is down.
fn scenario(change: Value) -> Value {
    let stopped = with(container(103, "a"), json!({"status": "stopped"}));
    let mut all = cluster(&[container(101, "a"), machine(102, "a"), stopped]);
    all["storages"]["local"] = json!({"type": "dir", "path": "/var/lib/vz", "content": "vztmpl,iso,import,images,rootdir"});
    all["files"] =
        json!({TEMPLATE: {"seconds": 20}, "local:import/debian-13.qcow2": {"seconds": 20}});
    all["nodes"]["a"]["bridges"] = json!(["vmbr0"]);
    with(all, change)
}

fn asked(vmid: u64) -> Value {
    json!({"vmid": vmid, "ostemplate": TEMPLATE, "rootfs": "thin:8", "hostname": "paperless", "memory": 512,
        "net0": "name=eth0,bridge=vmbr0,tag=30,ip=192.0.2.50/24", "description": "made\npvx run x"})
}

/// Status and data (or message) of a request.
fn ask(sim: &Sim, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = sim.raw(
        method,
        &format!("/api2/json{path}"),
        &sim.authorization(),
        body,
    );
    let (status, mut json) = (answer.status(), answer.json());
    let word = if status == 200 { "data" } else { "message" };
    (status, json[word].take())
}

fn done(sim: &Sim, method: &str, path: &str, body: Option<&Value>) -> Value {
    let (status, data) = ask(sim, method, path, body);
    assert_eq!(status, 200, "{method} {path}: {data}");
    sim.until("done", |truth| {
        truth["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|task| !task["end"].is_null())
    });
    data
}

fn exits(truth: &Value) -> Vec<String> {
    let tasks = truth["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| task["exitstatus"].as_str().unwrap_or("-").to_owned())
        .collect()
}

/// Fault, the answer's status (0: none), the ends of tasks, the lock of the guest if it is there, and
/// how many volumes are in no config.
type Case = (
    &'static str,
    Value,
    u16,
    &'static [&'static str],
    Option<&'static str>,
    usize,
);

#[test]
fn what_goes_wrong_leaves_what_it_leaves() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("nothing", json!([]), 200, &["OK"], Some(""), 0),
        ("reply lost after it had its effect", json!([{"fault": "reply", "match": "POST *lxc", "acts": true}]), 0, &["OK"], Some(""), 0),
        ("reply lost before", json!([{"fault": "reply", "match": "POST *lxc"}]), 0, &[], None, 0),
        ("502 after it had its effect", json!([{"fault": "reply", "match": "POST *lxc", "acts": true, "status": 502}]), 502, &["OK"], Some(""), 0),
        ("no worker", json!([{"fault": "no-worker", "match": "POST *lxc"}]), 500, &["unexpected status"], Some("create"), 0),
        ("killed at once", json!([{"fault": "dies-allocate", "vmid": 900}]), 200, &["unexpected status"], Some("create"), 0),
        ("killed while it unpacks", json!([{"fault": "dies-unpack", "vmid": 900}]), 200, &["unexpected status"], Some("create"), 1),
        ("killed before the config", json!([{"fault": "dies-configure", "vmid": 900}]), 200, &["unexpected status"], Some("create"), 1),
        ("killed by hand", json!([{"fault": "worker-dies", "vmid": 900, "when": {"task": "vzcreate", "phase": "unpack"}}]), 200, &["unexpected status"], Some("create"), 1),
        ("fails", json!([{"fault": "create-fails", "vmid": 900, "exit": "boom"}]), 200, &["unable to create CT 900 - boom"], None, 0),
        ("fails and leaves a disk", json!([{"fault": "create-fails", "vmid": 900, "exit": "boom"}, {"fault": "stays", "vmid": 900}]), 200, &["unable to create CT 900 - boom"], None, 1),
        ("the node loses its power", json!([{"fault": "node-down", "node": "b", "when": {"task": "vzcreate", "phase": "unpack"}}]), 200, &["unexpected status"], Some("create"), 1),
    ];
    four_at_once(
        cases,
        |case| case.0.to_owned(),
        |(name, faults, status, ends, lock, left)| {
            let sim = Sim::start(&scenario(json!({"faults": faults})));
            // Nothing is answered at all where the status is 0.
            let path = "/api2/json/nodes/b/lxc";
            let request = crate::wire::Message::request(
                "POST",
                path,
                &sim.authorization(),
                Some(&asked(900)),
            );
            let answer = crate::wire::ask(sim.address(), &request);
            assert_eq!(
                answer.map_or(0, |answer| answer.status()),
                *status,
                "{name}"
            );
            let truth = sim.until("ended", |truth| {
                truth["tasks"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|task| !task["end"].is_null())
            });
            assert_eq!(exits(&truth), *ends, "{name}");
            let guest = &truth["guests"]["900"];
            assert_eq!(guest["vmid"].as_u64().is_some(), lock.is_some(), "{name}");
            assert_eq!(
                guest["lock"].as_str().unwrap_or_default(),
                lock.unwrap_or_default(),
                "{name}"
            );
            assert_eq!(
                truth["leftovers"].as_array().unwrap().len(),
                *left,
                "{name}: {}",
                truth["leftovers"]
            );
        },
    );
}

#[test]
fn a_task_that_is_stopped_cleans_up() {
    let sim = Sim::start(&scenario(
        json!({"files": {TEMPLATE: {"seconds": 1e6}}, "pools": {"made": []}}),
    ));
    let (_, upid) = ask(
        &sim,
        "POST",
        "/nodes/a/lxc",
        Some(&with(asked(900), json!({"pool": "made"}))),
    );
    sim.until("at work", |truth| {
        !truth["leftovers"].as_array().unwrap().is_empty()
    });
    let upid = upid.as_str().unwrap();
    let (status, seen) = ask(&sim, "GET", "/nodes/a/storage/thin/content?vmid=900", None);
    assert_eq!(
        (status, &seen[0]["content"]),
        (200, &json!("rootdir")),
        "{seen}"
    );
    assert_eq!(
        ask(&sim, "DELETE", &format!("/nodes/a/tasks/{upid}"), None).0,
        200
    );
    let truth = sim.until("ended", |truth| !truth["tasks"][0]["end"].is_null());
    assert!(
        exits(&truth)[0].ends_with("failed: received interrupt"),
        "{:?}",
        exits(&truth)
    );
    assert_eq!(
        (
            &truth["guests"]["900"],
            &truth["leftovers"],
            &truth["pools"]["made"]
        ),
        (&Value::Null, &json!([]), &json!([]))
    );
}

#[test]
fn of_two_that_make_one_id_one_wins() {
    let sim = Sim::start(&scenario(json!({})));
    let (first, _) = ask(&sim, "POST", "/nodes/a/lxc", Some(&asked(900)));
    let (second, why) = ask(
        &sim,
        "POST",
        "/nodes/b/qemu",
        Some(&json!({"vmid": 900, "memory": 64})),
    );
    assert_eq!((first, second), (200, 500));
    assert_eq!(
        why,
        "unable to create VM 900 - CT 900 already exists on node 'a'\n"
    );
}

#[test]
fn a_full_storage_is_told_of_by_some_only() {
    // Storage and size, how the task ends, and whether what was made has lost data.
    let full = |kind: &str| json!({"storages": {"full": {"type": kind, "path": "/full", "content": "images,rootdir", "total": 1_u64 << 30, "used": 1_u64 << 30}}});
    #[rustfmt::skip]
    let cases = [
        ("dir", "full:8", "OK", true),
        ("dir", "full:0", "unable to create CT 900 - command 'lxc-usernsexec", false),
        ("zfspool", "full:8", "unable to create CT 900 - command 'lxc-usernsexec", false),
        ("lvm", "full:8", "unable to create CT 900 - lvcreate 'full/vm-900-disk-0' error:   Volume group \"full\" has insufficient free space", false),
    ];
    four_at_once(
        &cases,
        |case| format!("{case:?}"),
        |(kind, rootfs, end, damaged)| {
            let sim = Sim::start(&scenario(full(kind)));
            done(
                &sim,
                "POST",
                "/nodes/a/lxc",
                Some(&with(asked(900), json!({"rootfs": rootfs}))),
            );
            let truth = sim.truth();
            assert!(
                exits(&truth)[0].starts_with(end),
                "{kind}: {:?}",
                exits(&truth)
            );
            assert_eq!(
                truth["guests"]["900"]["damaged"] == true,
                *damaged,
                "{kind}"
            );
            assert_eq!(truth["leftovers"], json!([]), "{kind}");
        },
    );
}

#[test]
fn a_vm_is_imported_grows_and_starts() {
    let sim = Sim::start(&scenario(json!({})));
    let vm = json!({"vmid": 901, "name": "big", "cores": 2, "memory": 2048, "scsihw": "virtio-scsi-single",
        "scsi0": "thin:0,import-from=local:import/debian-13.qcow2,discard=on", "ide2": "thin:cloudinit",
        "net0": "virtio,bridge=vmbr0,tag=30", "ipconfig0": "ip=192.0.2.51/24", "boot": "order=scsi0"});
    done(&sim, "POST", "/nodes/a/qemu", Some(&vm));
    done(
        &sim,
        "PUT",
        "/nodes/a/qemu/901/resize",
        Some(&json!({"disk": "scsi0", "size": "32G"})),
    );
    done(&sim, "POST", "/nodes/a/qemu/901/status/start", None);
    let (_, config) = ask(&sim, "GET", "/nodes/a/qemu/901/config", None);
    assert_eq!(config["scsi0"], "thin:vm-901-disk-0,discard=on,size=32G");
    assert_eq!(config["ide2"], "thin:vm-901-cloudinit,media=cdrom");
    assert!(
        config["net0"]
            .as_str()
            .unwrap()
            .starts_with("virtio=BC:24:11:"),
        "{config}"
    );
    assert_eq!(sim.truth()["guests"]["901"]["status"], "running");
}

#[test]
fn names_are_told_too_late_by_the_cluster_and_at_once_by_the_node() {
    let sim = Sim::start(&scenario(
        json!({"faults": [{"fault": "pvestatd-dies", "node": "a"}]}),
    ));
    let listed = |vmid: u64| {
        let (_, rows) = ask(&sim, "GET", "/cluster/resources?type=vm", None);
        let rows = rows.as_array().unwrap().clone();
        rows.into_iter()
            .find(|row| row["vmid"] == vmid)
            .unwrap_or_default()
    };
    done(&sim, "DELETE", "/nodes/a/lxc/103", None);
    assert_eq!(listed(103), Value::Null);
    done(
        &sim,
        "POST",
        "/nodes/a/lxc",
        Some(&with(asked(103), json!({"hostname": "fresh"}))),
    );
    done(&sim, "POST", "/nodes/a/lxc", Some(&asked(900)));
    let (old, new) = (listed(103), listed(900));
    assert_eq!(
        (&old["name"], &old["status"]),
        (&json!("ct103"), &json!("stopped")),
        "{old}"
    );
    assert_eq!(
        (new.get("name"), &new["status"]),
        (None, &json!("unknown")),
        "{new}"
    );
    let (_, config) = ask(&sim, "GET", "/nodes/a/lxc/103/config", None);
    assert_eq!(
        (&config["hostname"], &config["description"]),
        (&json!("fresh"), &json!("made\npvx run x\n"))
    );
    let (_, rows) = ask(&sim, "GET", "/nodes/a/lxc", None);
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .any(|row| row["name"] == "fresh"),
        "{rows}"
    );
    sim.fault(&json!({"fault": "pvestatd-back", "node": "a"}));
    sim.until("told", |_| {
        listed(103)["name"] == "fresh" && listed(900)["name"] == "paperless"
    });
}

#[test]
fn what_names_a_guest_goes_with_it_or_stays() {
    let jobs = json!([{"id": "all-of-it", "vmid": "103"}, {"id": "some", "vmid": "101,103"}, {"id": "but", "all": 1, "exclude": "103"}]);
    let change = json!({"backup_jobs": jobs, "pools": {"p": [103]}, "tokens": {"zz@pve!m": "s", "pvx@pve!drain": "s"},
        "rights": {"zz@pve!m": {"/vms/103": ["VM.Allocate"]}},
        "ha": {"crm_secs": 1e6, "resources": {"ct:101": {}, "ct:103": {"state": "ignored"}},
            "rules": {"apart": {"type": "resource-affinity", "affinity": "negative", "resources": "ct:101,ct:103"},
                "home": {"type": "node-affinity", "resources": "ct:103", "nodes": "a"}}},
        "replication": [{"id": "103-0", "guest": 103, "target": "b", "type": "local"}]});
    let sim = Sim::start(&scenario(change));
    let own = |body: Option<&Value>, path: &str, method: &str| {
        let answer = sim.raw(
            method,
            &format!("/api2/json{path}"),
            "PVEAPIToken=zz@pve!m=s",
            body,
        );
        (answer.status(), answer.json()["message"].take())
    };
    let (status, why) = own(None, "/nodes/a/lxc/103", "DELETE");
    assert_eq!(
        (status, why),
        (
            500,
            json!("unable to remove CT 103 - used in HA resources and purge parameter not set.\n")
        )
    );
    assert_eq!(own(None, "/nodes/a/lxc/103?purge=1", "DELETE").0, 200);
    let truth = sim.until("gone", |truth| truth["guests"]["103"].is_null());
    assert_eq!(
        truth["backup_jobs"],
        json!([{"id": "some", "vmid": "101"}, {"id": "but", "all": 1}])
    );
    assert_eq!(
        (&truth["pools"]["p"], &truth["ha"]),
        (&json!([]), &json!(["ct:101"]))
    );
    let (_, rules) = ask(&sim, "GET", "/cluster/ha/rules", None);
    assert_eq!(
        (rules.as_array().unwrap().len(), &rules[0]["resources"]),
        (1, &json!("ct:101")),
        "{rules}"
    );
    assert_eq!(ask(&sim, "GET", "/cluster/replication", None).1, json!([]));
    // The right to the ID itself went, too.
    let (status, why) = own(Some(&asked(103)), "/nodes/a/lxc", "POST");
    assert_eq!((status, why), (403, json!("Permission check failed\n")));
}

#[test]
fn a_destroy_that_dies_leaves_a_guest_without_its_data() {
    // A guest whose destroy failed is whole; one whose worker died isn't, and nothing says so.
    for (fault, end, damaged) in [
        ("destroy-fails", "it was to fail", false),
        ("dies-destroy", "unexpected status", true),
    ] {
        let sim = Sim::start(&scenario(
            json!({"faults": [{"fault": fault, "vmid": 103}]}),
        ));
        done(&sim, "DELETE", "/nodes/a/lxc/103", None);
        let truth = sim.truth();
        assert_eq!(exits(&truth), [end]);
        assert_eq!(truth["guests"]["103"]["damaged"], damaged, "{fault}");
        assert_eq!(truth["guests"]["103"]["lock"], Value::Null, "{fault}");
    }
}

#[test]
fn a_config_is_changed_with_its_digest_only() {
    let sim = Sim::start(&scenario(json!({})));
    for (path, why) in [
        (
            "/nodes/a/lxc/103/config",
            "detected modified configuration - file changed by other user? Try again.\n",
        ),
        (
            "/nodes/a/qemu/102/config",
            "checksum mismatch (file change by other user?)\n",
        ),
    ] {
        let (_, config) = ask(&sim, "GET", path, None);
        let change = json!({"description": "pvx destroys", "digest": config["digest"]});
        assert_eq!(
            ask(&sim, "PUT", path, Some(&change)),
            (200, Value::Null),
            "{path}"
        );
        assert_eq!(
            ask(&sim, "PUT", path, Some(&change)),
            (500, json!(why)),
            "{path}"
        );
        let (_, after) = ask(&sim, "GET", path, None);
        assert_eq!(after["description"], "pvx destroys\n", "{path}");
    }
}

#[test]
fn uploads_overwrite_and_are_seen() {
    let sim = Sim::start(&scenario(json!({})));
    let upload = |node: &str, fields: &[(&str, &str)], file: &str| {
        let mut body: String = fields
            .iter()
            .map(|(name, value)| {
                format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            })
            .collect();
        body += &format!(
            "--B\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"new-1.tar.zst\"\r\n\r\n{file}\r\n--B--\r\n"
        );
        let path = format!("/api2/json/nodes/{node}/storage/local/upload");
        let mut request = crate::wire::Message::request("POST", &path, &sim.authorization(), None);
        request.headers.retain(|(name, _)| name != "Content-Type");
        request.headers.push((
            "Content-Type".into(),
            "multipart/form-data; boundary=B".into(),
        ));
        request.body = body.into_bytes();
        let answer = crate::wire::ask(sim.address(), &request).unwrap();
        assert_eq!(answer.status(), 200, "{answer:?}");
        let upid = answer.json()["data"].as_str().unwrap().to_owned();
        sim.until("done", |truth| {
            truth["tasks"]
                .as_array()
                .unwrap()
                .iter()
                .all(|task| !task["end"].is_null())
        });
        let truth = sim.truth();
        let exit = exits(&truth).pop().unwrap();
        (
            upid.split(':').nth(1).unwrap().to_owned(),
            upid.contains(":imgcopy::"),
            exit,
        )
    };
    // What `printf 'one\n' | sha256sum` says.
    let sum = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806";
    let kind = ("content", "vztmpl");
    let sums = |sum| [kind, ("checksum-algorithm", "sha256"), ("checksum", sum)];
    assert_eq!(
        upload("b", &sums(sum), "one\n"),
        ("a".into(), true, "OK".into())
    );
    let (_, _, exit) = upload("b", &sums(sum), "two two\n");
    assert!(exit.starts_with("checksum mismatch: got '"), "{exit}");
    let size = || {
        ask(
            &sim,
            "GET",
            "/nodes/b/storage/local/content?content=vztmpl",
            None,
        )
        .1
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["volid"] == "local:vztmpl/new-1.tar.zst")
        .map(|row| row["size"].clone())
    };
    assert_eq!(size(), Some(json!(4)));
    upload("b", &[kind], "another\n");
    assert_eq!(size(), Some(json!(8)));
    // It is on the node that it was sent to, and on no other.
    let other = with(
        asked(900),
        json!({"ostemplate": "local:vztmpl/new-1.tar.zst"}),
    );
    done(&sim, "POST", "/nodes/a/lxc", Some(&other));
    assert_eq!(
        exits(&sim.truth()).pop().unwrap(),
        "unable to create CT 900 - volume 'local:vztmpl/new-1.tar.zst' does not exist"
    );
}

#[test]
fn a_hook_is_told_of_guests_and_gives_host_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (hook, told) = (folder.path().join("hook"), folder.path().join("told"));
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>'{}'\n[ \"$1\" != create ] || echo 'ed25519 SHA256:abc'\n",
        told.display()
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let sim = Sim::with_hook(&scenario(json!({})), &hook);
    done(
        &sim,
        "POST",
        "/nodes/b/lxc",
        Some(&with(asked(900), json!({"start": 1}))),
    );
    let truth = sim.until("running", |truth| {
        truth["guests"]["900"]["status"] == "running"
    });
    let log = truth["tasks"][0]["log"].to_string();
    assert!(log.contains("Creating SSH host key 'ssh_host_ed25519_key' - this may take some time ...\",\"done: SHA256:abc root@paperless"), "{log}");
    done(&sim, "POST", "/nodes/b/lxc/900/status/shutdown", None);
    done(&sim, "DELETE", "/nodes/b/lxc/900", None);
    let net = truth["guests"]["900"]["config"]["net0"].as_str().unwrap();
    let line = |event: &str| format!("{event} b 900 paperless {net}\n");
    let want: String = ["create", "start", "stop", "destroy"].map(line).concat();
    assert_eq!(fs::read_to_string(&told).unwrap(), want);
}

#[test]
fn what_a_plan_looks_at_before_is_there_to_see() {
    let change = json!({"nodes": {"a": {"bridges": ["vmbr0", "vmbr1"], "vlan_aware": ["vmbr1"]}},
        "storages": {"off": {"type": "dir", "content": "rootdir", "disable": 1}},
        "files": {"local:vztmpl/debian-13.tar.zst": {"debian": 13}, "local:vztmpl/debian-15.tar.zst": {"debian": 15}}});
    let sim = Sim::start(&scenario(change));
    let (_, bridges) = ask(&sim, "GET", "/nodes/a/network?type=bridge", None);
    let aware: Vec<_> = bridges
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["bridge_vlan_aware"].clone())
        .collect();
    assert_eq!(aware, [Value::Null, json!(1)], "{bridges}");
    let (_, storages) = ask(&sim, "GET", "/nodes/a/storage", None);
    let off = storages
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["storage"] == "off")
        .unwrap();
    assert_eq!(
        (&off["enabled"], &off["active"], &off["avail"]),
        (&json!(0), &json!(0), &json!(0)),
        "{off}"
    );
    let (_, listed) = ask(&sim, "GET", "/cluster/resources?type=storage", None);
    assert!(
        !listed
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["storage"] == "off"),
        "{listed}"
    );
    let why = "storage 'off' is disabled\n";
    assert_eq!(
        ask(&sim, "GET", "/nodes/a/storage/off/content", None),
        (500, json!(why))
    );
    assert_eq!(
        ask(
            &sim,
            "POST",
            "/nodes/a/lxc",
            Some(&with(asked(900), json!({"rootfs": "off:8"})))
        ),
        (500, json!(why))
    );
    for (vmid, version) in [(900, 13), (901, 15)] {
        let template = format!("local:vztmpl/debian-{version}.tar.zst");
        done(
            &sim,
            "POST",
            "/nodes/a/lxc",
            Some(&with(asked(vmid), json!({"ostemplate": template}))),
        );
    }
    assert_eq!(exits(&sim.truth()), ["OK", "WARNINGS: 1"]);
}
