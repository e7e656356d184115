//! What the reader makes of answers as PVE 8 and 9 give them, and of those that fail.

use serde_json::{Value, json};

use super::test_server::{nine, state};

#[test]
fn an_answer_without_data_is_never_an_empty_state() {
    #[rustfmt::skip]
    let paths = ["/version", "/cluster/resources", "/cluster/status", "/storage", "/access/permissions",
        "/cluster/ha/resources", "/cluster/ha/rules", "/cluster/replication", "/cluster/tasks", "/nodes/a/status",
        "/nodes/a/qemu/101/config?current=1"];
    for path in paths {
        let mut answers = nine();
        answers.insert(path.to_owned(), (200, Value::Null));
        let stop = state(answers, &[]).0.expect_err(path).to_string();
        assert!(stop.contains("the answer has no data"), "{path}: {stop}");
        assert_eq!(
            stop.matches(path).count(),
            1,
            "{path} is named once: {stop}"
        );
    }
    let none = nine().into_keys().map(|path| (path, (200, Value::Null)));
    assert!(state(none.collect(), &[]).0.is_err(), "all of them");
    let mut answers = nine();
    for path in ["/cluster/resources", "/cluster/status"] {
        answers.insert(path.to_owned(), (200, json!([])));
    }
    let stop = state(answers, &[]).0.unwrap_err().to_string();
    assert!(stop.contains("it shows no node"), "{stop}");
}

#[test]
fn names_that_would_leave_the_path_are_refused() {
    for name in ["..", "a/../b", "a\r\nX: y", "a?x=", "a%2fb", ""] {
        let mut answers = nine();
        let resources = json!([{"type": "node", "node": "a", "status": "online"}, {"type": "lxc", "vmid": 102, "name": "c", "node": name}]);
        answers.insert("/cluster/resources".to_owned(), (200, resources));
        let (result, seen) = state(answers, &[]);
        let stop = result.expect_err(name).to_string();
        assert!(stop.contains("is no name of a node"), "{name:?}: {stop}");
        let asked = seen.asked.lock().unwrap();
        assert!(
            !asked.iter().any(|path| path.starts_with("/nodes/")),
            "{name:?}"
        );
    }
}

#[test]
fn nine_in_full() {
    let state = state(nine(), &[]).0;
    let state = state.unwrap();
    assert_eq!(
        (&state.cluster.name[..], state.cluster.quorate),
        ("lab", Some(true))
    );
    assert_eq!(
        state
            .nodes
            .iter()
            .map(|node| node.votes)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(
        state
            .nodes
            .iter()
            .map(|node| node.maintenance)
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(
        state.nodes[0].bridges.as_deref(),
        Some(&["vmbr0".to_owned()][..])
    );
    assert_eq!(state.nodes[0].pve.as_deref(), Some("9.1.3"));
    assert_eq!(state.storages[0].nodes["a"].free, 5);
    assert!(
        state
            .guests
            .iter()
            .all(|guest| guest.config.is_some() && guest.precondition.is_some())
    );
    let snapshots = |at: usize| state.guests[at].snapshots.as_ref().unwrap();
    assert_eq!(
        (snapshots(0).listed(), snapshots(0).config("s1")),
        ("s1".to_owned(), Err("it was not read"))
    );
    assert_eq!(snapshots(1).config("s1"), Ok(r#"{"rootfs":"s:x"}"#));
    assert_eq!(state.ha.unwrap().rules.len(), 1);
    assert_eq!((state.missing.len(), state.self_macs.len()), (0, 1));
}

#[test]
fn one_node_in_full() {
    let read = state(nine(), &["--node", "b"])
        .0
        .unwrap()
        .guests
        .iter()
        .filter(|guest| guest.config.is_some())
        .map(|guest| guest.vmid)
        .collect::<Vec<_>>();
    assert_eq!(read, [201]);
    let refused = state(nine(), &["--node", "c"]).0.unwrap_err();
    assert_eq!(refused.to_string(), "--node c: the cluster has a, b");
}

#[test]
fn eight_has_groups_and_no_check_of_containers() {
    let mut answers = nine();
    answers.remove("/cluster/ha/rules");
    answers.insert(
        "/cluster/ha/groups".to_owned(),
        (
            200,
            json!([{"group": "g", "nodes": "a:2,b:1", "nofailback": 1}]),
        ),
    );
    answers.insert(
        "/cluster/ha/resources".to_owned(),
        (
            200,
            json!([{"sid": "vm:101", "state": "started", "group": "g"}]),
        ),
    );
    answers.retain(|path, _| !(path.contains("/lxc/") && path.ends_with("/migrate")));
    let (state, _) = state(answers, &[]);
    let state = state.unwrap();
    let ha = state.ha.unwrap();
    assert_eq!((ha.rules.len(), ha.resources[0].failback), (1, false));
    assert!(state.guests[0].precondition.is_some());
    assert!(state.guests[1].precondition.is_none() && state.guests[1].config.is_some());
}

#[test]
fn what_may_not_be_seen_is_unknown() {
    let refused = || (403, json!("Permission check failed (/, Sys.Audit)"));
    let mut answers = nine();
    for path in [
        "/cluster/status",
        "/cluster/ha/resources",
        "/cluster/ha/status/current",
        "/cluster/replication",
        "/cluster/tasks",
        "/nodes/a/status",
        "/nodes/a/qemu/101/migrate",
    ] {
        answers.insert(path.to_owned(), refused());
    }
    answers.insert(
        "/access/permissions".to_owned(),
        (200, json!({"/vms": {"VM.Audit": 1}})),
    );
    // A locked guest has no answer to PVE's check, an unreachable node none to anything.
    answers.insert(
        "/nodes/a/lxc/102/migrate".to_owned(),
        (500, json!("CT is locked (backup)")),
    );
    answers.insert(
        "/nodes/a/network?type=any_bridge".to_owned(),
        (200, json!([])),
    );
    answers.insert(
        "/nodes/b/status".to_owned(),
        (595, json!("No route to host")),
    );
    answers.insert(
        "/nodes/b/network?type=any_bridge".to_owned(),
        (595, json!("No route to host")),
    );
    let state = state(answers, &[]).0.unwrap();
    assert_eq!(state.cluster.quorate, None);
    assert!(state.ha.is_none() && state.replication.is_none() && state.tasks.is_none());
    assert_eq!(
        (
            state.nodes[0].pve.as_deref(),
            state.nodes[1].bridges.as_ref()
        ),
        (None, None)
    );
    assert!(state.guests[0].precondition.is_none() && state.guests[0].config.is_some());
    assert!(state.guests[1].precondition.is_none() && state.guests[1].config.is_some());
    let missing: Vec<&str> = state
        .missing
        .iter()
        .map(|missing| &missing.privilege[..])
        .collect();
    assert_eq!(
        missing,
        [
            "Sys.Audit",
            "VM.Migrate",
            "VM.PowerMgmt",
            "Datastore.Audit",
            "Sys.Audit",
            "SDN.Audit"
        ]
    );
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let mut answers = nine();
    for path in ["/cluster/resources", "/nodes/a/qemu/101/config?current=1"] {
        answers.get_mut(path).unwrap().0 = 0;
    }
    let (state, seen) = state(answers, &[]);
    assert!(state.unwrap().guests[0].config.is_some());
    let asked = seen.asked.lock().unwrap();
    assert_eq!(
        asked
            .iter()
            .filter(|path| *path == "/cluster/resources")
            .count(),
        2
    );
}

#[test]
fn what_stops_the_reading() {
    #[rustfmt::skip]
    let cases = [
        ("an unknown token",    "/version",           (401, json!("authentication failure")), "/version: status 401: authentication failure"),
        ("not PVE",             "/version",           (404, Value::Null),                     "/version: status 404"),
        ("no overview",         "/cluster/resources", (500, json!("no quorum?")),             "/cluster/resources: status 500: no quorum?"),
        ("a guest without ID",  "/cluster/resources", (200, json!([{"type": "lxc", "node": "a"}])), r#"/cluster/resources: not a guest: {"type":"lxc","node":"a"}"#),
    ];
    for (name, path, answer, want) in cases {
        let mut answers = nine();
        answers.insert(path.to_owned(), answer);
        let stop = state(answers, &[]).0.unwrap_err().to_string();
        assert!(stop.ends_with(want), "{name}: {stop}");
    }
}

#[test]
fn groups_count_wherever_they_answer() {
    let group = || json!([{"group": "g", "nodes": "a:2,b:1", "restricted": 1, "nofailback": 1}]);
    let member = || json!([{"sid": "vm:101", "state": "started", "group": "g"}]);
    let rule =
        || json!([{"rule": "r", "type": "node-affinity", "resources": "ct:102", "nodes": "a"}]);
    let migrated = || json!("cannot index groups: ha groups have been migrated to rules\n");
    // What rules and groups answer, and the names of the rules, none if HA is unseen.
    #[rustfmt::skip]
    let cases: [(&str, (u16, Value), (u16, Value), Option<Vec<&str>>); 8] = [
        ("PVE 8",                    (501, json!("no such method")), (200, group()),        Some(vec!["group g"])),
        ("PVE 9",                    (200, rule()),                  (500, migrated()),     Some(vec!["r"])),
        ("between 8 and 9",          (200, rule()),                  (200, group()),        Some(vec!["r", "group g"])),
        ("... as yet without rules", (200, json!([])),               (200, group()),        Some(vec!["group g"])),
        ("groups are forgotten",     (200, rule()),                  (501, json!("what?")), Some(vec!["r"])),
        ("rules may not be seen",    (403, json!("no")),             (500, migrated()),     None),
        ("groups may not be seen",   (200, rule()),                  (403, json!("no")),    None),
        ("groups fail",              (200, rule()),                  (500, json!("no quorum?")), None),
    ];
    for (name, rules, groups, want) in cases {
        let mut answers = nine();
        answers.insert("/cluster/ha/rules".to_owned(), rules);
        answers.insert("/cluster/ha/groups".to_owned(), groups);
        answers.insert("/cluster/ha/resources".to_owned(), (200, member()));
        let ha = state(answers, &[]).0.unwrap().ha;
        let names = ha
            .as_ref()
            .map(|ha| ha.rules.iter().map(|rule| rule.name()).collect());
        assert_eq!(names, want, "{name}");
    }
}

#[test]
fn what_the_storages_hold_is_read_if_it_is_wanted() {
    let mut answers = nine();
    let overview = &mut answers.get_mut("/cluster/resources").unwrap().1;
    let more = [("s", "b", 0), ("n", "a", 1), ("n", "b", 1), ("t", "a", 0)].map(|(storage, node, shared)| {
        json!({"type": "storage", "storage": storage, "node": node, "status": "available", "plugintype": "dir", "shared": shared})
    });
    let list = overview.as_array_mut().unwrap();
    list.extend(more);
    list.push(json!({"type": "pool", "pool": "made"}));
    let jobs = json!([{"id": "nightly", "vmid": "101,102"}]);
    answers.insert("/cluster/backup".to_owned(), (200, jobs));
    let volume =
        json!([{"volid": "s:subvol-77777-disk-0", "content": "images", "vmid": 77_777, "size": 5}]);
    answers.insert("/nodes/a/storage/s/content".to_owned(), (200, volume));
    answers.insert("/nodes/b/storage/s/content".to_owned(), (200, json!([])));
    answers.insert("/nodes/a/storage/n/content".to_owned(), (403, json!("no")));
    // The node hangs: this storage gives no list, and all else is known.
    answers.insert(
        "/nodes/a/storage/t/content".to_owned(),
        (595, json!("no route")),
    );

    let (plain, seen) = state(answers.clone(), &[]);
    let plain = plain.unwrap();
    assert!(plain.content.is_none());
    assert_eq!(plain.backup_jobs.unwrap()[0].vmids, [101, 102]);
    assert_eq!(plain.pools, Some(vec!["made".to_owned()]));
    assert!(
        !plain
            .missing
            .iter()
            .any(|missing| missing.privilege == "VM.Backup")
    );
    let before = seen.asked.lock().unwrap().len();

    let (whole, seen) = state(answers, &["--content"]);
    let whole = whole.unwrap();
    let asked = seen.asked.lock().unwrap();
    assert_eq!(asked.len(), before + 4, "{asked:#?}");
    let lists = whole.content.as_ref().unwrap().iter();
    let lists: Vec<String> = lists
        .map(|list| {
            format!(
                "{}@{} {:?}",
                list.storage,
                list.node,
                list.volumes.as_ref().map(Vec::len)
            )
        })
        .collect();
    assert_eq!(
        lists,
        ["n@a None", "s@a Some(1)", "s@b Some(0)", "t@a None"]
    );
    assert_eq!(whole.volumes("s", "a").unwrap()[0].vmid, Some(77_777));
    assert_eq!(
        (whole.volumes("n", "b"), whole.volumes("s", "c")),
        (None, None)
    );
    assert!(
        whole
            .missing
            .iter()
            .any(|missing| missing.privilege == "VM.Backup")
    );
    assert!(!whole.shows_disks_of("s", 77_777));
}

#[test]
fn whose_volumes_the_lists_have() {
    #[rustfmt::skip]
    let cases: &[(&str, Value, (bool, bool))] = &[
        ("an auditor",               json!({"/": {"Datastore.Audit": 1, "VM.Audit": 1}}),                          (false, false)),
        ("who may change disks",     json!({"/": {"Datastore.Audit": 1, "VM.Config.Disk": 1}}),                    (true, false)),
        ("only there",               json!({"/vms": {"VM.Config.Disk": 1}, "/storage": {"Datastore.Audit": 1}}),   (true, false)),
        ("of another guest",         json!({"/vms/101": {"VM.Config.Disk": 1}, "/storage": {"Datastore.Audit": 1}}), (false, false)),
        ("without the audit",        json!({"/": {"Datastore.AllocateSpace": 1, "VM.Config.Disk": 1}}),            (false, false)),
        ("who may back up",          json!({"/": {"Datastore.AllocateSpace": 1, "VM.Backup": 1}}),                 (false, true)),
        ("the storage is theirs",    json!({"/storage": {"Datastore.Audit": 1, "Datastore.Allocate": 1}}),         (true, true)),
        ("nothing is known",         Value::Null,                                                                  (false, false)),
    ];
    for (name, permissions, want) in cases {
        let mut answers = nine();
        let status = if permissions.is_null() { 403 } else { 200 };
        answers.insert(
            "/access/permissions".to_owned(),
            (status, permissions.clone()),
        );
        let state = state(answers, &[]).0.unwrap();
        let got = (
            state.shows_disks_of("s", 30_050),
            state.shows_backups_of("s", 30_050),
        );
        assert_eq!(got, *want, "{name}");
    }
}

#[test]
fn how_replication_went_what_the_manager_says_and_the_jobs_in_full() {
    let mut answers = nine();
    // As Proxmox VE 9.2 gave them, of other names.
    let runs = json!([
        {"fail_count": 2, "guest": 102, "id": "102-0", "jobnum": 0, "last_sync": 1_795_000_000, "last_try": "1795000900", "next_sync": 1_795_001_000,
         "schedule": "*/5", "source": "a", "target": "b", "type": "local", "vmtype": "lxc", "duration": 3.25, "error": "no route\n"},
        {"fail_count": 0, "guest": 101, "id": "101-0", "last_sync": 0, "last_try": 0, "next_sync": 0, "target": "b", "disable": 1, "remove_job": "full"},
        {"id": "nonsense", "target": "b"},
    ]);
    answers.insert("/nodes/a/replication".to_owned(), (200, runs));
    let status = json!([
        {"id": "quorum", "status": "OK", "type": "quorum", "node": "a", "quorate": 1},
        {"node": "a", "timestamp": 5, "id": "master", "type": "master", "status": "a (active, now)"},
        {"node": "a", "armed-state": "armed", "status": "armed (CRM watchdog active)", "type": "fencing", "id": "fencing"},
        {"node": "b", "timestamp": 6, "id": "lrm:b", "type": "lrm", "status": "b (idle, watchdog standby, now)"},
        {"node": "b", "id": "service:vm:101", "sid": "vm:101", "type": "service", "crm_state": "started", "max_relocate": 3},
    ]);
    answers.insert("/cluster/ha/status/current".to_owned(), (200, status));
    let resources = json!([{"sid": "vm:101", "state": "started", "max_restart": 2}]);
    answers.insert("/cluster/ha/resources".to_owned(), (200, resources));
    let jobs = json!([
        {"all": 1, "enabled": 0, "exclude": "102", "id": "j", "next-run": 1_795_678_926, "node": "a", "schedule": "sun 03:00", "storage": "s",
         "type": "vzdump", "repeat-missed": 1, "notes-template": "{{guestname}}", "prune-backups": {"keep-last": "2"}},
        {"id": "k", "pool": "p", "mode": "stop"},
    ]);
    answers.insert("/cluster/backup".to_owned(), (200, jobs));
    answers.insert(
        "/nodes/a/qemu/101/snapshot".to_owned(),
        (
            200,
            json!([{"name": "s1", "snaptime": 7}, {"name": "current"}]),
        ),
    );
    let state = state(answers, &[]).0.unwrap();
    assert_eq!(
        to_value(&state.nodes[0].replication),
        json!([
            {"id": "102-0", "guest": 102, "source": "a", "target": "b", "schedule": "*/5", "last_sync": 1_795_000_000, "last_try": 1_795_000_900,
             "next_sync": 1_795_001_000, "fail_count": 2, "error": "no route\n", "duration": 3.25},
            {"id": "101-0", "guest": 101, "target": "b", "last_sync": 0, "last_try": 0, "fail_count": 0, "disable": true, "removed": true},
        ])
    );
    assert!(state.nodes[1].replication.is_none(), "not seen is not none");
    let ha = state.ha.unwrap();
    assert_eq!(
        to_value(&ha.status),
        json!({"quorate": true, "master": {"node": "a", "status": "a (active, now)", "timestamp": 5}, "armed": "armed",
            "nodes": [{"node": "b", "status": "b (idle, watchdog standby, now)", "timestamp": 6}]})
    );
    assert_eq!(
        to_value(&ha.resources),
        json!([{"sid": "vm:101", "state": "started", "crm_state": "started", "failback": true, "node": "b", "max_restart": 2, "max_relocate": 3}])
    );
    assert_eq!(
        to_value(&state.backup_jobs),
        json!([
            {"id": "j", "exclude": [102], "type": "vzdump", "enabled": false, "schedule": "sun 03:00", "repeat-missed": true, "next-run": 1_795_678_926,
             "storage": "s", "node": "a", "all": true, "notes-template": "{{guestname}}", "prune-backups": {"keep-last": "2"}},
            {"id": "k", "enabled": true, "repeat-missed": false, "pool": "p", "mode": "stop"},
        ])
    );
    assert_eq!(to_value(&state.guests[0].snapshot_times), json!({"s1": 7}));
}

fn to_value(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap()
}
