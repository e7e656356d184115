//! One holder, two, a stranger, and hand-overs.

use super::*;

#[test]
fn holders() {
    let both = [("a", 0, 3500), ("b", 0, 3500)];
    let told = |a: Option<u64>, b: Option<u64>| World::vrrp().fact("a", a, true).fact("b", b, true);
    #[rustfmt::skip]
    let cases = vec![
        ("two answer, two speak", World::vrrp().raw(&both, &both), "critical split-brain"),
        ("two answer, one speaks", World::vrrp().raw(&both, &all("b")), "critical split-brain, unknown blind"),
        ("two answer, nobody is heard", World::vrrp().raw(&both, &[]).with(|w| w.pair.unicast = true), "critical split-brain, unknown blind"),
        ("one answers, two speak", World::vrrp().raw(&all("a"), &both), "critical split-brain"),
        ("two have it", told(Some(60_000), Some(60_000)), "critical split-brain"),
        ("two have it, one without a daemon", World::vrrp().fact("a", Some(60_000), false).fact("b", Some(50_000), true), "critical split-brain, critical vrrp-daemon-dead"),
        ("auth mismatch", told(Some(60_000), Some(60_000)).raw(&both, &all("a")), "critical split-brain"),
        ("one is a stranger", World::vrrp().raw(&[("a", 0, 3500), ("x", 0, 3500)], &all("a")), "critical foreign-holder, unknown blind"),
        ("only a stranger", World::vrrp().raw(&all("x"), &all("a")), "critical foreign-holder, unknown blind"),
        ("a strange speaker", World::vrrp().raw(&all("a"), &all("x")), "critical foreign-holder, unknown blind"),
        ("the checker itself", World::vrrp().with(|w| { w.evidence.own.push(OwnAddress { interface: "eth0".to_owned(), address: address("vip"), prefix_length: None, held_ms: None, unused: None }) }), "critical foreign-holder, unknown blind"),
        ("a stranger for a moment", World::vrrp().raw(&[all("a")[0], ("x", 1000, 1500)], &all("a")), "critical foreign-holder, unknown blind"),
        ("a stranger in between", World::vrrp().raw(&[("a", 0, 1000), ("x", 1250, 2000), ("a", 2250, 3500)], &all("a")), "critical foreign-holder, unknown blind"),
        ("a strange advert, once", World::vrrp().raw(&all("a"), &[all("a")[0], ("x", 900, 900)]), "critical foreign-holder, unknown blind"),
        ("a MAC while b's is not known", World::vrrp().raw(&all("x"), &all("a")).with(|w| { w.window().replies.as_mut().unwrap().retain(|r| r.ip != address("b")); }), "a by adverts"),
        ("not the preferred one", World::vrrp().raw(&all("b"), &all("b")), "warning holder-unexpected, b by mac"),
        ("not the preferred one, and fine", World::vrrp().raw(&all("b"), &all("b")).with(|w| w.pair.expect_preferred = false), "b by mac"),
        ("ARP and adverts differ", World::vrrp().raw(&all("a"), &all("b")), "unknown holder-unknown, unknown blind"),
    ];
    all_say(cases);
}

#[test]
fn hand_overs_are_no_split_brain() {
    let moved = || {
        World::vrrp().raw(
            &[("a", 0, 1000), ("b", 1750, 3500)],
            &[("a", 0, 1000), ("b", 1700, 3500)],
        )
    };
    let calm = |world: World| world.with(|w| w.pair.expect_preferred = false);
    #[rustfmt::skip]
    let cases = vec![
        ("priority 0, then the other", calm(moved()), "b by mac"),
        ("both for less than an interval", calm(World::vrrp().raw(&[("a", 0, 1500), ("b", 1000, 3500)], &[("a", 0, 1000), ("b", 1000, 3500)])), "b by mac"),
        ("facts of before it moved", calm(moved().fact("a", Some(60_000), true).fact("b", None, true)), "b by mac"),
        ("facts of before, raw of after", calm(World::vrrp().raw(&all("b"), &all("b")).fact("a", Some(60_000), true).fact("b", None, true)), "b by mac"),
        ("the old holder's facts alone", calm(World::vrrp().raw(&all("b"), &all("b")).fact("a", Some(60_000), true)), "b by mac"),
        ("moved while the facts were told", calm(World::vrrp().raw(&all("b"), &all("b")).fact("a", Some(60_000), true).fact("b", Some(300), true)), "b by mac"),
        ("the same, without raw", World::vrrp().fact("a", Some(60_000), true).fact("b", Some(300), true), "unknown holder-unknown"),
        ("identity of before it moved", calm(moved().identities(["a", "a", "b"])), "b by mac"),
        ("moving when the window closed", World::vrrp().raw(&[("a", 0, 3500), ("b", 3000, 3500)], &all("a")), "unknown holder-unknown, unknown blind"),
    ];
    all_say(cases);
}

#[test]
fn virtual_macs_name_nobody() {
    let twice = |world: World| {
        world.with(|w| {
            let replies = w.window().replies.as_mut().unwrap();
            let again: Vec<_> = replies
                .iter()
                .filter(|r| r.ip == address("vip"))
                .cloned()
                .collect();
            replies.extend(again);
        })
    };
    #[rustfmt::skip]
    let cases = vec![
        ("adverts name the holder", World::vrrp().raw(&all("virtual"), &all("a")), "a by adverts"),
        ("nothing names it", World::vrrp().raw(&all("virtual"), &[]).with(|w| w.pair.unicast = true), "unknown holder-unknown, unknown blind"),
        ("two under one MAC, two speak", twice(World::vrrp().raw(&all("virtual"), &[("a", 0, 3500), ("b", 0, 3500)])), "critical split-brain"),
        ("two under one MAC, one speaks", twice(World::vrrp().raw(&all("virtual"), &all("a"))), "critical split-brain, unknown blind"),
        ("the virtual and its own by turns", World::vrrp().raw(&[("virtual", 0, 2000), ("a", 2250, 3500)], &all("a")), "a by mac"),
    ];
    all_say(cases);
}

#[test]
fn daemons() {
    let silent = |w: &mut World| w.pair.unicast = true;
    let two = || {
        World::vrrp()
            .fact("a", Some(60_000), true)
            .fact("b", None, true)
    };
    let joined = |world: World, interfaces: &[&str]| {
        let names = interfaces.iter().map(|&name| name.to_owned());
        let names = Some(names.collect());
        world.with(|w| w.evidence.facts[1].facts.vrrp_joined = names)
    };
    #[rustfmt::skip]
    let cases = vec![
        ("silent", World::vrrp().raw(&all("a"), &[]), "warning vrrp-silent, a by mac"),
        ("silent, but unicast", World::vrrp().raw(&all("a"), &[]).with(silent), "unknown blind, a by mac"),
        ("silent for a moment", World::vrrp().raw(&all("a"), &[]).with(|w| w.window().window_ms = 2000), "unknown blind, a by mac"),
        ("holder's is dead", World::vrrp().fact("a", Some(60_000), false).fact("b", None, true), "critical vrrp-daemon-dead, a by facts"),
        ("standby's is dead", World::vrrp().fact("a", Some(60_000), true).fact("b", None, false), "warning vrrp-daemon-dead, a by facts"),
        ("was dead, and speaks since", World::vrrp().raw(&all("a"), &all("a")).fact("a", Some(60_000), false).fact("b", None, true), "a by mac"),
        ("speaks, and died meanwhile", World::vrrp().raw(&all("a"), &all("a")).fact("a", Some(60_000), false).fact("b", None, true).with(|w| w.evidence.facts[0].local = true), "critical vrrp-daemon-dead, a by mac"),
        ("standby's is stopped", two().with(|w| w.evidence.facts[1].facts.vrrp_stopped = Some(true)), "warning vrrp-daemon-dead, a by facts"),
        ("holder's is stopped", two().with(|w| w.evidence.facts[0].facts.vrrp_stopped = Some(true)), "critical vrrp-daemon-dead, a by facts"),
        ("standby has no instance for it", two().instance(|i| { i.vrid = 61; i.vips = vec![ip("192.0.2.161")]; }), "warning config-drift, a by facts"),
        ("standby has no instance at all", two().with(|w| w.evidence.facts[1].facts.keepalived = Some(Vec::new())), "warning config-drift, a by facts"),
        ("standby listens elsewhere", joined(two(), &["eth1"]), "warning config-drift, a by facts"),
        ("standby listens here, too", joined(two(), &["eth1", "eth0"]), "a by facts"),
        ("standby listens nowhere", joined(two(), &[]), "warning config-drift, a by facts"),
        ("on the pair's interface", joined(two(), &["eth1"]).with(|w| w.pair.interface = Some("eth1".to_owned())), "a by facts"),
        ("on a virtual MAC's interface", joined(two(), &["vrrp.55"]).with(|w| {
            w.evidence.facts[1].facts.interfaces.push(Interface { name: "vrrp.55".to_owned(), mac: Some(mac("virtual")), up: true });
        }), "a by facts"),
        ("unicast needs no group", joined(two(), &[]).with(silent), "a by facts"),
        ("standby is in fault", World::vrrp().fact("a", Some(60_000), true).fact("b", None, true).instance(|i| i.state = State::Fault), "warning vrrp-fault, a by facts"),
    ];
    all_say(cases);
}

#[test]
fn what_may_be_only_passing() {
    let moved = |letters| {
        World::vrrp()
            .probes(letters)
            .raw(&[("a", 0, 500), ("b", 1250, 3500)], &[])
    };
    #[rustfmt::skip]
    let cases = [
        ("steady", World::vrrp().raw(&all("a"), &all("a")), false),
        ("steady and mute", World::vrrp().probes("t++").raw(&all("a"), &all("a")), false),
        ("one answer lost", World::vrrp().probes("t++").raw(&[("a", 0, 1000), ("a", 1500, 3500)], &[]), false),
        ("nobody all the time", World::vrrp().probes("t++").raw(&[], &[]), false),
        ("moved, and answers", moved("+++"), false),
        ("moved, and mute", moved("t++"), true),
        ("moved, its service wrong", moved("w++"), false),
        ("away for a while", World::vrrp().probes("t++").raw(&[("a", 0, 500), ("a", 2500, 3500)], &[]), true),
        ("gone for good", World::vrrp().probes("t++").raw(&[("a", 0, 500)], &[]), true),
        ("the window closed in between", World::vrrp().raw(&[("a", 0, 3000), ("b", 3250, 3500)], &[]), true),
        ("a stranger in between", World::vrrp().probes("t++").raw(&[("a", 0, 500), ("x", 1000, 1500), ("a", 2500, 3500)], &[]), false),
        ("two at once", World::vrrp().probes("t++").raw(&[all("a")[0], all("b")[0]], &[]), false),
        ("silent, and its daemon lives", World::vrrp().raw(&all("a"), &[]).fact("a", Some(60_000), true), true),
        ("silent, and nobody knows", World::vrrp().raw(&all("a"), &[]), false),
        ("silent, and its daemon is dead", World::vrrp().raw(&all("a"), &[]).fact("a", Some(60_000), false), false),
        ("no raw sockets", World::vrrp().probes("t++"), false),
    ];
    for (name, world, want) in cases {
        assert_eq!(world.verdict().passing, want, "{name}: {}", said(&world));
    }
    let before = "vip-down: no answer in time";
    let world = moved("+++").with(|w| w.evidence.looked_before = Some(before.to_owned()));
    let verdict = world.verdict();
    let told = verdict.findings.iter().find(|f| f.code == "hand-over");
    assert!(told.unwrap().message.ends_with(before), "{verdict:?}");
}
