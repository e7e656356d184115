//! Several VIPs of one instance: what is said of one alone, and what of all.

use super::*;

const VIPS: [&str; 3] = ["192.0.2.110", "192.0.2.120", "fd00::120"];

fn pair() -> Pair {
    let text = r#"{"name":"p","vips":["192.0.2.110","192.0.2.120","fd00::120"],"vrid":55,
        "members":[{"name":"a","address":"192.0.2.11","preferred":true},{"name":"b","address":"192.0.2.12"}],
        "probes":[{"dns":{"name":"ha.test"}}]}"#;
    Pair::parse(text.as_bytes()).unwrap().remove(0)
}

/// What was seen of the VIP at `place`: as of the one VIP of other tests.
fn view(place: usize, world: World) -> World {
    world.with(|w| {
        w.pair = pair().views().remove(place);
        let own = ip(VIPS[place]);
        let moved = |address: &mut IpAddr| {
            if *address == super::address("vip") {
                *address = own;
            }
        };
        let raw = w.evidence.raw.iter_mut();
        raw.flat_map(|raw| raw.replies.iter_mut().flatten())
            .for_each(|reply| moved(&mut reply.ip));
        let raw = w.evidence.raw.iter_mut();
        raw.flat_map(|raw| raw.adverts.iter_mut().flatten())
            .for_each(|advert| advert.vips = VIPS[..2].iter().map(|vip| ip(vip)).collect());
        for stated in &mut w.evidence.facts {
            let addresses = stated.facts.addresses.iter_mut();
            addresses.for_each(|own| moved(&mut own.address));
        }
    })
}

/// The same was seen of all three.
fn alike(world: impl Fn() -> World) -> [World; 3] {
    [0, 1, 2].map(|place| view(place, world()))
}

fn verdicts(worlds: &[World; 3]) -> (Verdict, Vec<Verdict>) {
    let verdicts = worlds.iter().map(World::verdict).collect();
    together(&worlds[0].pair, verdicts)
}

fn codes(verdict: &Verdict) -> String {
    let findings = verdict.findings.iter();
    let bad = findings.filter(|finding| finding.severity > Severity::Info);
    let bad = bad.map(|finding| format!("{} {}", finding.severity.name(), finding.code));
    bad.collect::<Vec<_>>().join(", ")
}

/// A name, what was seen of each, what is said of all and of each alone, and who holds all.
type Row = (
    &'static str,
    [World; 3],
    &'static str,
    [&'static str; 3],
    Option<usize>,
);

#[test]
fn what_is_said_of_one_and_of_all() {
    let well = || World::vrrp().raw(&all("a"), &all("a"));
    let other = || World::vrrp().raw(&all("b"), &all("b"));
    let calm = |world: World| world.with(|w| w.pair.expect_preferred = false);
    let one_else = |place: usize, world: World| {
        let mut worlds = alike(well);
        worlds[place] = view(place, world);
        worlds
    };
    let without_vrrp = |mut worlds: [World; 3]| {
        for world in &mut worlds {
            (world.pair.vrrp, world.pair.vrid) = (false, None);
        }
        worlds
    };
    let moving = World::vrrp().raw(
        &[("a", 0, 1000), ("b", 1750, 3500)],
        &[("a", 0, 1000), ("b", 1700, 3500)],
    );
    #[rustfmt::skip]
    let cases: Vec<Row> = vec![
        ("all is well", alike(well), "", ["", "", ""], Some(0)),
        ("the standby's service is dead", alike(|| well().probes("++r")), "warning member-service-down", ["", "", ""], Some(0)),
        ("one is down", one_else(1, World::vrrp().probes("t++").raw(&[], &all("a"))), "", ["", "critical vip-down, unknown blind", ""], Some(0)),
        ("two masters", one_else(1, calm(World::vrrp().raw(&all("b"), &[]))), "critical split-brain", ["", "warning holder-unexpected, warning vrrp-silent", ""], None),
        ("one is held twice", one_else(1, World::vrrp().raw(&[("a", 0, 3500), ("b", 0, 3500)], &all("a"))), "unknown blind", ["", "critical split-brain", ""], None),
        ("one was just moving", one_else(2, moving), "unknown holder-unknown", ["", "", "warning holder-unexpected"], None),
        ("by the answers alone", [view(0, World::vrrp().identities(["a", "a", "b"])), view(1, World::vrrp().identities(["b", "a", "b"])), view(2, World::vrrp().identities(["a", "a", "b"]))],
            "unknown blind, unknown holder-unknown", ["", "unknown blind, warning holder-unexpected", ""], None),
        ("they move by themselves", without_vrrp([view(0, well()), view(1, other()), view(2, well())]), "", ["", "warning holder-unexpected", ""], None),
    ];
    for (name, worlds, want, own, holder) in cases {
        let (whole, of_vips) = verdicts(&worlds);
        let got: Vec<String> = of_vips.iter().map(codes).collect();
        assert_eq!(
            (codes(&whole).as_str(), got),
            (want, own.map(str::to_owned).to_vec()),
            "{name}"
        );
        assert_eq!(whole.holder, holder, "{name}");
    }
}

#[test]
fn one_vip_is_as_it_was() {
    let world = World::vrrp().raw(&all("a"), &all("a"));
    let verdict = world.verdict();
    assert_eq!(
        together(&world.pair, vec![verdict.clone()]),
        (verdict, vec![])
    );
}

#[test]
fn a_second_look_is_for_all_of_them() {
    let moving = || World::vrrp().raw(&[("a", 0, 1000), ("b", 1750, 3500)], &all("a"));
    let well = || World::vrrp().raw(&all("a"), &all("a"));
    let split = || World::vrrp().raw(&[("a", 0, 3500), ("b", 0, 3500)], &all("a"));
    let worlds = |world: World| [view(0, well()), view(1, moving()), view(2, world)];
    assert!(verdicts(&worlds(well())).0.passing);
    assert!(!verdicts(&worlds(split())).0.passing);
}

/// The message of the first finding of a code.
fn message(verdict: &Verdict, code: &str) -> Option<String> {
    let mut findings = verdict.findings.iter();
    findings.find(|f| f.code == code).map(|f| f.message.clone())
}

#[test]
fn drift_of_the_list() {
    let heard = |vips: &[&str]| {
        let mut worlds = alike(|| World::vrrp().raw(&all("a"), &all("a")));
        for world in &mut worlds {
            let adverts = world.window().adverts.iter_mut().flatten();
            adverts.for_each(|advert| advert.vips = vips.iter().map(|vip| ip(vip)).collect());
        }
        verdicts(&worlds)
    };
    let (_, own) = heard(&VIPS[..1]);
    let want = "a uses VRID 55 for 192.0.2.110, not for 192.0.2.120";
    assert_eq!(message(&own[1], "config-drift").as_deref(), Some(want));
    assert_eq!(own[1].severity(), Severity::Critical);
    assert_eq!(own[0].severity(), Severity::Info);
    assert_eq!(own[2].severity(), Severity::Info, "it stands in no advert");
    let (whole, _) = heard(&[VIPS[0], VIPS[1], "192.0.2.130", "fe80::1"]);
    let want = "a advertises 192.0.2.130, too, which the pair's vips don't name";
    assert_eq!(message(&whole, "config-drift").as_deref(), Some(want));
    assert_eq!(whole.severity(), Severity::Info);

    let dumped = alike(|| {
        let told = World::vrrp().fact("a", Some(60_000), true);
        let told = told.instance(|i| (i.state, i.base_priority) = (State::Master, 150));
        told.fact("b", None, true).instance(|_| {})
    });
    let dumped = dumped.map(|world| {
        world.with(|w| {
            let addresses = [&VIPS[..2], &VIPS[..1]];
            for (stated, vips) in w.evidence.facts.iter_mut().zip(addresses) {
                let instance = &mut stated.facts.keepalived.as_mut().unwrap()[0];
                instance.vips = vips.iter().map(|vip| ip(vip)).collect();
                instance.excluded = vec![ip(VIPS[2])];
            }
        })
    });
    let (whole, own) = verdicts(&dumped);
    let want = "two lists of addresses: 192.0.2.110 and 192.0.2.120 of a and 192.0.2.110 of b";
    assert_eq!(message(&whole, "config-drift").as_deref(), Some(want));
    let want = "b: its VRRP instance dns does not have 192.0.2.120: while b is master, nobody does";
    assert_eq!(message(&own[1], "config-drift").as_deref(), Some(want));
    assert_eq!(codes(&own[0]), "");
}

#[test]
fn the_instance_is_known_by_another_of_its_addresses() {
    let unnamed = alike(|| World::vrrp().raw(&all("a"), &all("a")));
    let unnamed = unnamed.map(|world| world.with(|w| w.pair.vrid = None));
    let (whole, own) = verdicts(&unnamed);
    assert_eq!(codes(&whole), "");
    assert_eq!(own.iter().map(codes).collect::<String>(), "");
}

#[test]
fn an_instance_listens_on_one_of_two_segments() {
    // Routers: VRRP on eth0, and the second address on eth1.
    let routers = |joined: &str| {
        let told = World::vrrp().fact("a", Some(60_000), true);
        told.fact("b", None, true).with(|w| {
            w.pair.vips = vec![ip("192.0.2.110"), ip("198.51.100.110")];
            w.pair.vip = Some(ip("198.51.100.110"));
            let facts = &mut w.evidence.facts[1].facts;
            let mut second = facts.addresses[0].clone();
            (second.interface, second.address) = ("eth1".to_owned(), ip("198.51.100.12"));
            facts.addresses.push(second);
            facts.vrrp_joined = Some(vec![joined.to_owned()]);
        })
    };
    let drift = |joined: &str| message(&routers(joined).verdict(), "config-drift");
    assert_eq!(drift("eth0"), None);
    assert!(drift("eth2").is_some());
}
