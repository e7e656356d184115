//! What holds now and would not at the next failover.

use super::*;
use crate::evidence::{Listening, Transport};

fn told() -> World {
    World::vrrp()
        .fact("a", Some(60_000), true)
        .fact("b", None, true)
}

/// `b`'s sockets.
fn bound(world: World, sockets: &[(&str, u16, Transport)]) -> World {
    let of = |(address, port, protocol): &(&str, u16, Transport)| Listening {
        protocol: *protocol,
        address: ip(address),
        port: *port,
    };
    let sockets: Vec<Listening> = sockets.iter().map(of).collect();
    world.with(|w| {
        for stated in &mut w.evidence.facts {
            stated.facts.listening = Some(sockets.clone());
        }
    })
}

#[test]
fn a_standby_that_would_not_answer() {
    use Transport::{Tcp, Udp};
    let rebinds = |world: World| world.with(|w| w.pair.probes[0].rebinds = true);
    let on = |world: World, on| world.with(|w| w.pair.probes[0].on = on);
    let older = || told().with(|w| w.evidence.facts[1].facts.listening = None);
    let only_own = || bound(told(), &[("127.0.0.1", 53, Udp), ("192.0.2.12", 53, Udp)]);
    #[rustfmt::skip]
    let cases = vec![
        ("bound at its start",   only_own(), "warning standby-not-listening, a by facts"),
        ("on all addresses",     bound(told(), &[("192.0.2.12", 53, Udp), ("0.0.0.0", 53, Udp)]), "a by facts"),
        ("on all of IPv6 alone", bound(told(), &[("192.0.2.12", 53, Udp), ("::", 53, Udp)]), "warning standby-not-listening, a by facts"),
        ("on all, by IPv6",      bound(told(), &[("::", 53, Udp)]), "a by facts"),
        ("on the VIP",           bound(told(), &[("192.0.2.12", 53, Udp), ("192.0.2.110", 53, Udp)]), "a by facts"),
        ("nothing on its own",   bound(told(), &[("127.0.0.1", 53, Udp)]), "a by facts"),
        ("another port",         bound(told(), &[("192.0.2.12", 54, Udp)]), "a by facts"),
        ("another protocol",     bound(told(), &[("192.0.2.12", 53, Tcp)]), "a by facts"),
        ("it binds again",       rebinds(only_own()), "a by facts"),
        ("asked of members only", on(only_own(), crate::probe::On::Members), "a by facts"),
        ("an older member",      older(), "a by facts"),
    ];
    all_say(cases);
    let findings = older().verdict().findings;
    let blind = |f: &&Finding| f.code == "blind" && f.message.contains("older");
    assert_eq!(findings.iter().filter(blind).count(), 1, "{findings:?}");
}

#[test]
fn a_promise_that_cannot_be_kept() {
    let rto = |world: World, ms| world.with(|w| w.pair.rto_ms = Some(ms));
    let every = |world: World, ms| {
        world.with(|w| {
            for advert in w.window().adverts.iter_mut().flatten() {
                advert.interval_ms = ms;
            }
        })
    };
    let raw = |ms| every(World::vrrp().raw(&all("a"), &all("a")), ms);
    let dump = |ms, version, priority| {
        told().instance(|i| {
            i.interval_ms = ms;
            i.version = version;
            i.effective_priority = priority;
        })
    };
    #[rustfmt::skip]
    let cases = vec![
        ("10 s by the adverts",   rto(raw(10_000), 15_000), "warning rto-unreachable, a by mac"),
        ("1 s by the adverts",    rto(raw(1000), 15_000), "a by mac"),
        ("a skew there must be",  rto(raw(5000), 15_000), "warning rto-unreachable, a by mac"),
        ("with that skew",        rto(raw(5000), 15_700), "a by mac"),
        ("10 s by a dump",        rto(dump(10_000, 2, 100), 15_000), "warning rto-unreachable, a by facts"),
        ("the skew counts",       rto(dump(1000, 2, 1), 3500), "warning rto-unreachable, a by facts"),
        ("a smaller skew",        rto(dump(1000, 2, 200), 3500), "a by facts"),
        ("of version 3",          rto(dump(100, 3, 1), 400), "a by facts"),
        ("by the pair's word",    rto(told(), 15_000).with(|w| w.pair.advert_ms = Some(10_000)), "warning rto-unreachable, a by facts"),
        ("nothing is known",      rto(told(), 500), "a by facts"),
        ("nothing is promised",   raw(10_000), "a by mac"),
    ];
    all_say(cases);
    let findings = rto(dump(10_000, 2, 100), 15_000).verdict().findings;
    let found = findings
        .iter()
        .find(|f| f.code == "rto-unreachable")
        .unwrap();
    assert!(
        found.message.contains("30.61 s") && found.message.contains("15 s are promised"),
        "{found:?}"
    );
}

#[test]
fn a_fault_names_what_it_tracks() {
    let world = told().instance(|i| {
        i.state = State::Fault;
        i.tracks = vec!["script chk_dns.sh".to_owned(), "interface eth1".to_owned()];
    });
    let findings = world.verdict().findings;
    let fault = findings.iter().find(|f| f.code == "vrrp-fault").unwrap();
    assert!(
        fault
            .message
            .ends_with("(it tracks script chk_dns.sh and interface eth1)"),
        "{fault:?}"
    );
    // Without root its state is not known, which is told.
    let world = told().with(|w| {
        w.evidence.facts[1].facts.errors.push(Unseen {
            what: "keepalived".to_owned(),
            errno: "EPERM".to_owned(),
            message: "its dump needs root".to_owned(),
        });
    });
    assert_eq!(said(&world), "a by facts");
    let findings = world.verdict().findings;
    let blind = findings
        .iter()
        .find(|f| f.message.contains("FAULT"))
        .unwrap();
    assert_eq!(blind.severity, Severity::Info);
    assert!(
        blind.message.contains("b's VRRP instance is in FAULT"),
        "{blind:?}"
    );
}

#[test]
fn a_second_host_answers() {
    // As a client asks: from an address of its own.
    let asked = |world: World, answers: &[(&str, u32)]| {
        world.with(|w| {
            let raw = w.window();
            raw.requests = 3;
            let reply = |(who, round): &(&str, u32)| arp(who, address("vip"), 100, *round);
            raw.answers = answers.iter().map(reply).collect();
        })
    };
    let raw = || World::vrrp().raw(&all("a"), &all("a"));
    let a = [("a", 1), ("a", 2), ("a", 3)];
    let with = |more: &[(&'static str, u32)]| [&a[..], more].concat();
    #[rustfmt::skip]
    let cases = vec![
        ("only the holder",     asked(raw(), &a), "a by mac"),
        ("the standby, too",    asked(raw(), &with(&[("b", 1), ("b", 3)])), "critical second-answer, a by mac"),
        ("a router, too",       asked(raw(), &with(&[("x", 1), ("x", 2)])), "critical second-answer, a by mac"),
        ("the holder by another interface", asked(raw().fact("a", Some(60_000), true).with(|w| {
            w.evidence.facts[0].facts.interfaces.push(Interface { name: "eth1".to_owned(), mac: Some(mac("x")), up: true });
        }), &with(&[("x", 1), ("x", 2)])), "a by mac"),
        ("once",                asked(raw(), &with(&[("b", 1)])), "a by mac"),
        ("it moved just then",  asked(World::vrrp().raw(&[("a", 0, 1000), ("b", 1750, 3500)], &[("a", 0, 1000), ("b", 1700, 3500)]), &with(&[("b", 3), ("b", 2)])), "warning holder-unexpected, b by mac"),
        ("two hold it anyway",  asked(World::vrrp().raw(&[("a", 0, 3500), ("b", 0, 3500)], &all("a")), &with(&[("b", 1), ("b", 2)])), "critical split-brain, unknown blind"),
        ("only a proxy",        asked(World::vrrp().probes("t++").raw(&[], &all("a")), &[("x", 1), ("x", 2)]), "critical second-answer, critical vip-down, unknown blind, a by adverts"),
    ];
    all_say(cases);
}

#[test]
fn an_entry_of_before_the_failover() {
    let before = |world: World, who: &str| {
        world.with(|w| {
            for stated in &mut w.evidence.facts {
                stated.facts.at_ms = w.evidence.now_ms - 1000;
            }
            w.evidence.neighbours_before = vec![Neighbour {
                address: address("vip"),
                mac: mac(who),
                interface: "eth0".to_owned(),
            }];
        })
    };
    let raw = || World::vrrp().raw(&all("a"), &all("a"));
    #[rustfmt::skip]
    let cases = vec![
        ("the holder's",        before(raw(), "a"), "a by mac"),
        ("the other's",         before(raw(), "b"), "warning stale-neighbour, a by mac"),
        ("the virtual one",     before(raw(), "virtual"), "a by mac"),
        ("nobody's that is known", before(raw(), "x"), "a by mac"),
        ("by facts",            before(told(), "b"), "warning stale-neighbour, a by facts"),
        ("it has just taken over", before(World::vrrp().fact("a", Some(3000), true).fact("b", None, true), "b"), "a by facts"),
        ("it took over since",  before(raw().fact("a", None, true).fact("b", None, true), "b"), "a by mac"),
        ("it moved just then",  before(World::vrrp().raw(&[("a", 0, 1000), ("b", 1750, 3500)], &[("a", 0, 1000), ("b", 1700, 3500)]), "a"), "warning holder-unexpected, b by mac"),
    ];
    all_say(cases);
}
