//! Pairs that are well although they look strange: each was an alarm once.

use super::*;
use crate::evidence::Unused;

/// `b`, the standby, has the VIP on that interface.
fn too(interface: &str, up: bool, unused: Option<Unused>) -> World {
    let world = World::vrrp()
        .fact("a", Some(60_000), true)
        .fact("b", None, true);
    world.with(|w| {
        let facts = &mut w.evidence.facts[1].facts;
        facts.addresses.push(OwnAddress {
            interface: interface.to_owned(),
            address: address("vip"),
            prefix_length: Some(32),
            held_ms: Some(60_000),
            unused,
        });
        facts.interfaces.push(Interface {
            name: interface.to_owned(),
            mac: None,
            up,
        });
    })
}

#[test]
fn an_address_that_is_not_used_is_not_held() {
    let info = |world: &World| {
        let findings = world.verdict().findings;
        let found = findings.into_iter().find(|f| f.code == "vip-not-used");
        found.map(|f| (f.severity, f.message))
    };
    #[rustfmt::skip]
    let cases = vec![
        ("FRR's macvlan in protodown", too("vrrp4-2-1", false, None).with(|w| {
            w.evidence.facts[1].facts.interfaces.last_mut().unwrap().mac = Some(mac("virtual"));
        }), "a by facts"),
        ("an interface that is down",  too("eth9", false, None), "warning vip-not-used, a by facts"),
        ("dadfailed, and a master",    too("eth0", true, Some(Unused::Dadfailed)).instance(|i| i.state = State::Master), "critical split-brain"),
        ("LVS's real server",          too("lo", true, None), "unknown blind, a by facts"),
        ("LVS's, seen by ARP, too",    too("lo", true, None).raw(&all("a"), &all("a")), "a by mac"),
        ("lo, and it answers ARP",     too("lo", true, None).raw(&[("a", 0, 3500), ("b", 0, 3500)], &all("a")), "critical split-brain"),
        ("dadfailed",                  too("eth0", true, Some(Unused::Dadfailed)), "warning vip-not-used, a by facts"),
        ("tentative",                  too("eth0", true, Some(Unused::Tentative)), "a by facts"),
        ("it is held, in truth",       too("eth0", true, None), "critical split-brain"),
    ];
    all_say(cases);
    let (severity, message) = info(&too("eth0", true, Some(Unused::Dadfailed))).unwrap();
    assert_eq!(severity, Severity::Warning);
    assert!(
        message.contains("b has 192.0.2.110 on eth0") && message.contains("dadfailed"),
        "{message}"
    );
    let alone = too("eth0", true, Some(Unused::Dadfailed)).with(|w| {
        w.evidence.facts[0]
            .facts
            .addresses
            .retain(|own| own.address != address("vip"));
    });
    assert_eq!(
        info(&alone).unwrap().0,
        Severity::Warning,
        "nobody holds it"
    );
}

#[test]
fn a_vip_that_vrrp_does_not_move() {
    let other = |world: World| {
        world.with(|w| {
            w.pair.vrrp = false;
            w.pair.vrid = None;
        })
    };
    let told = |a, b| other(World::vrrp().fact("a", a, false).fact("b", b, false));
    #[rustfmt::skip]
    let cases = vec![
        ("facts", told(Some(60_000), None), "a by facts"),
        ("raw",   other(World::vrrp().raw(&all("a"), &[])), "a by mac"),
        ("two have it", told(Some(60_000), Some(60_000)), "critical split-brain"),
        ("two answer", other(World::vrrp().raw(&[("a", 0, 3500), ("b", 0, 3500)], &[])), "critical split-brain"),
        ("somebody's VRRP beside it", other(World::vrrp().raw(&all("a"), &all("x"))), "a by mac"),
        ("without that word", World::vrrp().fact("a", Some(60_000), false).fact("b", None, false), "critical vrrp-daemon-dead, warning vrrp-daemon-dead, a by facts"),
    ];
    all_say(cases);
}

#[test]
fn an_excluded_vip_stands_in_no_advert() {
    // The adverts of its instance are about another address, and of another family, as a rule.
    let others = |world: World| {
        world.with(|w| {
            for advert in w.window().adverts.iter_mut().flatten() {
                advert.vips = vec![ip("192.0.2.99")];
            }
        })
    };
    let excluded = |world: World| world.with(|w| w.pair.excluded = true);
    let raw = || others(World::vrrp().raw(&all("a"), &all("a")));
    let dump = |world: World| {
        world.instance(|i| {
            i.excluded = std::mem::replace(&mut i.vips, vec![ip("192.0.2.99")]);
        })
    };
    let told = |world: World| world.fact("a", Some(60_000), true).fact("b", None, true);
    #[rustfmt::skip]
    let cases = vec![
        ("without that word",  raw(), "critical config-drift, unknown blind, a by mac"),
        ("by the pair's word", excluded(raw()), "a by mac"),
        ("by a dump",          dump(told(raw())), "a by mac"),
        ("no VRID",            excluded(raw()).with(|w| w.pair.vrid = None), "unknown blind, a by mac"),
        ("no VRID, and two instances of the members", excluded(others(World::vrrp().raw(&all("a"), &[("a", 0, 3500), ("b", 0, 3500)]))).with(|w| w.pair.vrid = None), "unknown blind, a by mac"),
        ("nobody is heard",    excluded(World::vrrp().raw(&all("a"), &[])), "warning vrrp-silent, a by mac"),
        ("two at once",        excluded(others(World::vrrp().raw(&all("a"), &[("a", 0, 3500), ("b", 0, 3500)]))), "critical split-brain"),
        ("the daemon of the other family", excluded(told(World::vrrp())).with(|w| {
            for stated in &mut w.evidence.facts {
                stated.facts.vrrp6_socket = stated.facts.vrrp_socket.replace(false);
            }
        }), "a by facts"),
        ("no daemon at all",   excluded(World::vrrp().fact("a", Some(60_000), false).fact("b", None, true)), "critical vrrp-daemon-dead, a by facts"),
    ];
    all_say(cases);
}

#[test]
fn strangers() {
    let other = |world: World, who: &str| {
        let source = address(who);
        world.with(|w| {
            let adverts = w.window().adverts.as_mut().unwrap();
            for advert in adverts.iter_mut().filter(|a| a.source == source) {
                advert.vips = vec![ip("192.0.2.99")];
            }
        })
    };
    let clash = || {
        other(
            World::vrrp().raw(&all("a"), &[("a", 0, 3500), ("x", 0, 3500)]),
            "x",
        )
    };
    let ttl = |ttl, unicast: bool| {
        World::vrrp()
            .raw(&all("a"), &[("a", 0, 3500), ("x", 0, 3500)])
            .with(|w| {
                let adverts = w.window().adverts.iter_mut().flatten();
                for advert in adverts.filter(|a| a.source == address("x")) {
                    advert.ttl = ttl;
                    if unicast {
                        advert.destination = address("a");
                    }
                }
            })
    };
    // The members are named by addresses of another network.
    let managed = |world: World| {
        world.with(|w| {
            w.pair.members[0].address = ip("198.51.100.11");
            w.pair.members[1].address = ip("198.51.100.12");
            let replies = w.window().replies.as_mut().unwrap();
            replies.retain(|r| r.ip == address("vip"));
        })
    };
    let here = |world: World| {
        world.with(|w| {
            w.pair.members[0].addresses = vec![address("a")];
            w.pair.members[1].addresses = vec![address("b")];
        })
    };
    let speak = || World::vrrp().raw(&all("a"), &all("a"));
    #[rustfmt::skip]
    let cases = vec![
        ("one VRID for two VIPs",         clash(), "warning config-drift, a by mac"),
        ("also where no VRID is named",   clash().with(|w| w.pair.vrid = None), "warning config-drift, a by mac"),
        ("with a virtual MAC",            clash().with(|w| {
            let adverts = w.window().adverts.iter_mut().flatten();
            adverts.for_each(|a| a.source_mac = Some(mac("virtual")));
        }), "critical config-drift, a by mac"),
        ("a member's",                    other(World::vrrp().raw(&all("a"), &[("a", 0, 3500), ("b", 0, 3500)]), "b"), "critical config-drift, a by mac"),
        ("through a router",              ttl(64, false), "warning config-drift, a by mac"),
        ("to the group",                  ttl(255, false), "critical foreign-holder, unknown blind"),
        ("to a member",                   ttl(64, true), "critical foreign-holder, unknown blind, warning config-drift"),
        ("members of another network",    managed(speak()), "unknown holder-unknown, unknown blind"),
        ("and their addresses here",      here(managed(speak())), "a by adverts"),
        ("a stranger beside those",       here(managed(World::vrrp().raw(&all("a"), &all("x")))), "critical foreign-holder, unknown blind"),
    ];
    all_say(cases);
}

#[test]
fn three_members() {
    let pair = r#"{"name":"p","vip":"192.0.2.110","vrid":55,"members":[{"name":"a","address":"192.0.2.11"},
        {"name":"b","address":"192.0.2.12"},{"name":"c","address":"192.0.2.13"}],"probes":[{"dns":{"name":"ha.test"}}]}"#;
    let probed = |target, letter| Probed {
        target,
        probe: 0,
        reply: reply(letter),
    };
    let world = |letters: &str| {
        World::of(pair).with(|w| {
            let targets = [
                Target::Vip,
                Target::Member(0),
                Target::Member(1),
                Target::Member(2),
            ];
            let asked = targets.into_iter().zip(letters.chars());
            w.evidence.probes = asked
                .map(|(target, letter)| probed(target, letter))
                .collect();
        })
    };
    let said = |letters: &str| {
        let findings = world(letters).verdict().findings;
        let down = findings.iter().filter(|f| f.code == "member-service-down");
        down.map(|f| f.message.clone()).collect::<Vec<_>>()
    };
    assert!(
        said("+++t")[0].ends_with("one less to take over"),
        "{:?}",
        said("+++t")
    );
    assert!(
        said("++tt").iter().all(|m| m.ends_with("no redundancy")),
        "{:?}",
        said("++tt")
    );
    let priorities = |of: [u8; 3]| {
        let mut w = World::of(pair);
        for (who, priority) in ["a", "b", "c"].into_iter().zip(of) {
            w = w
                .fact(who, None, true)
                .instance(|i| i.base_priority = priority);
        }
        w.evidence.facts[2].member = 2;
        let findings = w.verdict().findings;
        let same = findings
            .into_iter()
            .find(|f| f.message.contains("the same priority"));
        same.map(|f| f.message)
    };
    assert_eq!(priorities([150, 100, 90]), None);
    let same = priorities([150, 100, 100]).unwrap();
    assert!(
        same.starts_with("b and c have the same priority 100"),
        "{same}"
    );
    let same = priorities([150, 100, 150]).unwrap();
    assert!(
        same.starts_with("a and c have the same priority 150"),
        "{same}"
    );
}
