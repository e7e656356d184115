//! Files of the node that a guest needs to start: hook scripts, LXC's hooks and includes,
//! interfaces that a container takes for itself.

use serde_json::{Value, json};
use vmid::site::Site;

use super::{
    policy::Policy,
    table_fixture::{
        SSD, allow, ct, decide, managed, outcome, stopped, subject, vm, warnings, with,
    },
};

/// node5 alone is to be decided about.
fn others_off() -> Vec<(&'static str, Value)> {
    vec![
        ("/nodes/1/online", json!(false)),
        ("/nodes/3/online", json!(false)),
    ]
}

fn site(text: &str) -> Policy {
    allow(|policy| policy.site = Site::parse(text.as_bytes()).unwrap())
}

#[test]
fn files_of_the_node() {
    let hook = || json!({"hookscript": "local:snippets/hook.pl"});
    let on_share = || json!({"hookscript": "share:snippets/hook.pl"});
    let lxc = |more: Value| ct(with(json!({"rootfs": SSD}), more));
    let qemu = |more: Value| vm(with(json!({"scsi0": SSD}), more));
    let raw = |key: &str, value: &str| lxc(json!({"lxc": [[key, value]]}));
    let phys = || lxc(json!({"lxc": [["lxc.net.1.type", "phys"], ["lxc.net.1.link", "enp3s0"]]}));
    let macvlan =
        || lxc(json!({"lxc": [["lxc.net.1.type", "macvlan"], ["lxc.net.1.link", "vmbr0"]]}));
    let shown = |list: Value| vec![("/storages/3/nodes/node5/snippets", list)];
    let admin = || {
        vec![(
            "/permissions/~1storage",
            json!({"Datastore.Audit": true, "Datastore.Allocate": true}),
        )]
    };
    let plain = Policy::default;
    let take = || allow(|policy| policy.move_stopped = true);
    let listed = || {
        site(
            r#"{"nodes":[{"name":"node5","files":["local:snippets/hook.pl","/usr/local/bin/up.sh"],"devices":["/sys/class/net/enp3s0"]}]}"#,
        )
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str, &str)> = vec![
        ("CT (the real 9.2: shut down, moved, start refused)", lxc(hook()), [admin(), shown(json!([]))].concat(), plain(), "blocked local-file", ""),
        ("VM (the real 8.4: live move fails, stays here)", qemu(hook()), [admin(), shown(json!(["local:snippets/other"]))].concat(), plain(), "blocked local-file", ""),
        ("the node shows it",                 lxc(hook()), [admin(), shown(json!(["local:snippets/hook.pl"]))].concat(), plain(), "restart node5", ""),
        ("a VM, and the node shows it",       qemu(hook()), shown(json!(["local:snippets/hook.pl"])), plain(), "live node5", ""),
        ("managed, and the node lacks it",    lxc(hook()), [vec![managed("ct:101")], admin(), shown(json!([]))].concat(), plain(), "blocked local-file", ""),
        ("an empty list is all that a token without Datastore.Allocate is given", lxc(hook()), shown(json!([])), plain(), "blocked local-file", ""),
        ("... and the site knows it there",   lxc(hook()), shown(json!([])), listed(), "restart node5", ""),
        ("the site says so, the node does not", lxc(hook()), [admin(), shown(json!([]))].concat(), listed(), "blocked local-file", ""),
        ("not asked, as the token lacks Datastore.Allocate",                         lxc(hook()), vec![], plain(), "blocked local-file", ""),
        ("not asked (version 1)",             lxc(hook()), admin(), plain(), "blocked unseen", ""),
        ("not asked, and the site knows it",  lxc(hook()), vec![], listed(), "restart node5", ""),
        ("on the share",                      lxc(on_share()), vec![], plain(), "restart node5", ""),
        ("a VM's on the share",               qemu(on_share()), vec![], plain(), "live node5", ""),
        ("its storage is not there",          lxc(json!({"hookscript": "zdata:snippets/hook.pl"})), vec![], plain(), "blocked local-file", ""),
        ("its storage is unknown",            lxc(json!({"hookscript": "gone:snippets/hook.pl"})), vec![], plain(), "blocked unseen", ""),
        ("stopped: moves, and that is told",  stopped(lxc(hook())), [admin(), shown(json!([]))].concat(), take(), "offline node5", "local-file"),
        ("LXC's hook",                        raw("lxc.hook.pre-start", "/usr/local/bin/up.sh x"), vec![], plain(), "blocked local-file", ""),
        ("... that the site knows there",     raw("lxc.hook.pre-start", "/usr/local/bin/up.sh x"), vec![], listed(), "restart node5", ""),
        ("an include",                        raw("lxc.include", "/etc/pve-local/extra.conf"), vec![], plain(), "blocked local-file", ""),
        ("an include that all have",          raw("lxc.include", "/usr/share/lxc/config/nesting.conf"), vec![], plain(), "restart node5", ""),
        ("an interface of the node",          phys(), vec![], plain(), "blocked local-file", ""),
        ("... that the site knows there",     phys(), vec![], listed(), "restart node5", ""),
        ("macvlan on a bridge that is there", macvlan(), vec![], plain(), "restart node5", ""),
        ("the node's random numbers",         qemu(json!({"rng0": "source=/dev/hwrng"})), vec![], plain(), "blocked device", ""),
    ];
    let mut wrong = Vec::new();
    for (name, guest, changes, policy, want, told) in rows {
        let plan = decide(&guest, &[others_off(), changes].concat(), &policy);
        let step = subject(&plan);
        let got = (outcome(step), warnings(step));
        if (&got.0[..], &got.1[..]) != (want, told) {
            wrong.push(format!("{name}: {want} ({told}), not {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
