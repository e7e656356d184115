//! What can be said from where, and of the services.

use super::*;

#[test]
fn what_a_vantage_point_can_say_of_a_healthy_pair() {
    let named = || World::vrrp().identities(["a", "a", "b"]);
    let raw = || World::vrrp().raw(&all("a"), &all("a"));
    let told = |world: World| world.fact("a", Some(60_000), true).fact("b", None, true);
    #[rustfmt::skip]
    let cases = vec![
        ("probes alone", named(), "unknown blind, a by identity"),
        ("probes alone, accepted", named().with(|w| w.accept = true), "a by identity"),
        ("neighbours name the holder", World::vrrp().neighbours(&[("vip", "a"), ("a", "a"), ("b", "b")]), "unknown blind, a by mac"),
        ("nothing names it", World::vrrp(), "unknown holder-unknown, unknown blind"),
        ("nothing names it, accepted", World::vrrp().with(|w| w.accept = true), ""),
        ("raw", raw(), "a by mac"),
        ("facts of all", told(World::vrrp()), "a by facts"),
        ("both", told(raw()), "a by mac"),
        ("facts of the holder alone", World::vrrp().fact("a", Some(60_000), true), "unknown blind, a by facts"),
        ("facts of the standby alone", named().fact("b", None, true), "unknown blind, a by identity"),
        ("adverts but no ARP, and the standby's facts", World::vrrp().raw(&all("a"), &all("a")).fact("b", None, true).with(|w| w.window().replies = None), "unknown blind, a by adverts"),
        ("no probes", told(World::vrrp().probes("")), "unknown blind, a by facts"),
        ("active-active", World::active().probes(" ++"), ""),
        ("active-active without probes", World::active(), "unknown blind"),
    ];
    all_say(cases);
    let blind = |world: &World| {
        let findings = world.verdict().findings;
        findings
            .into_iter()
            .filter(|f| f.code == "blind")
            .map(|f| f.message)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        blind(&raw()),
        ["not seen: that b's VRRP daemon lives (--facts)"]
    );
    let fault = "not seen: whether b's VRRP instance is in FAULT (keepalived tells root: hacheck member as root)";
    assert_eq!(blind(&told(raw())), [fault]);
    assert_eq!(blind(&told(raw()).instance(|_| {})), [""; 0]);
    let excluded = |world: World| blind(&world.with(|w| w.pair.excluded = true));
    let list = "not seen: that b's VRRP daemon lives, and would have all of the addresses (--facts by root)";
    assert_eq!(excluded(raw()), [list]);
    let list = "not seen: whether b's VRRP instance is in FAULT, or lacks one of the addresses (keepalived tells root: hacheck member as root)";
    assert_eq!(excluded(told(raw())), [list]);
}

#[test]
fn what_could_not_be_seen_is_never_ok() {
    let eperm = |w: &mut World| {
        let unseen = Unseen {
            what: "arp and adverts".to_owned(),
            errno: "EPERM".to_owned(),
            message: "socket".to_owned(),
        };
        w.evidence.raw = Some(RawWindow {
            errors: vec![unseen],
            ..RawWindow::default()
        });
    };
    let away = |w: &mut World| {
        w.evidence.raw = Some(RawWindow {
            away: true,
            ..RawWindow::default()
        });
    };
    let dump = |w: &mut World, errno: &str| {
        let unseen = Unseen {
            what: "keepalived".to_owned(),
            errno: errno.to_owned(),
            message: "process 7".to_owned(),
        };
        w.evidence.facts[1].facts.errors.push(unseen);
    };
    #[rustfmt::skip]
    let cases = vec![
        ("raw not permitted", World::vrrp().identities(["a", "a", "b"]).with(eperm), "unknown blind, unknown blind, a by identity"),
        ("raw not permitted, and that is accepted", World::vrrp().identities(["a", "a", "b"]).with(eperm).with(|w| w.accept = true), "unknown blind, a by identity"),
        ("no interface there", World::vrrp().identities(["a", "a", "b"]).with(away), "unknown blind, a by identity"),
        ("no interface there, and that is accepted", World::vrrp().identities(["a", "a", "b"]).with(away).with(|w| w.accept = true), "a by identity"),
        ("no interface there, and all members told", World::vrrp().fact("a", Some(60_000), true).fact("b", None, true).with(away), "a by facts"),
        ("probes not permitted, and that is accepted", World::vrrp().probes("uuu").raw(&all("a"), &all("a")).with(|w| w.accept = true), "unknown blind, a by mac"),
        ("a dump that does not come", World::vrrp().fact("a", Some(60_000), true).fact("b", None, true).with(|w| dump(w, "ETIMEDOUT")), "unknown blind, a by facts"),
        ("a dump that there is not", World::vrrp().fact("a", Some(60_000), true).fact("b", None, true).with(|w| dump(w, "")), "a by facts"),
        ("a dump that needs root", World::vrrp().fact("a", Some(60_000), true).fact("b", None, true).with(|w| dump(w, "EPERM")), "a by facts"),
        ("nobody asks at the VIP", World::vrrp().probes(" ++").raw(&all("a"), &all("a")), "unknown blind, a by mac"),
        ("probes not permitted", World::vrrp().probes("uuu").raw(&all("a"), &all("a")), "unknown blind, a by mac"),
        ("facts too old", World::vrrp().raw(&all("a"), &all("a")).with(|w| { w.evidence.unusable.push(Unseen { what: "facts of b".to_owned(), errno: String::new(), message: "old".to_owned(), }); }), "unknown blind, a by mac"),
        ("unicast adverts", World::vrrp().raw(&all("a"), &[]).with(|w| w.pair.unicast = true), "unknown blind, a by mac"),
        ("unicast adverts, told", World::vrrp().raw(&all("a"), &[]).with(|w| w.pair.unicast = true).fact("a", Some(9_000), true).fact("b", None, true), "a by mac"),
        ("routed", World::vrrp().neighbours(&[("a", "b"), ("b", "b")]), "unknown holder-unknown, unknown blind"),
        ("virtual MAC", World::vrrp().neighbours(&[("vip", "virtual"), ("a", "a"), ("b", "b")]), "unknown holder-unknown, unknown blind"),
        ("all behind one MAC", World::vrrp().neighbours(&[("vip", "a"), ("a", "a"), ("b", "a")]), "unknown holder-unknown, unknown blind"),
        ("all say the same name", World::vrrp().identities(["x", "x", "x"]), "unknown holder-unknown, unknown blind"),
        ("no member has it", World::vrrp().fact("a", None, true).fact("b", None, true), "unknown holder-unknown"),
        ("facts are of before", World::vrrp().identities(["b", "a", "b"]).fact("a", Some(9_000), true).fact("b", None, true), "unknown holder-unknown"),
    ];
    all_say(cases);
}

#[test]
fn services() {
    let raw = |letters| World::vrrp().probes(letters).raw(&all("a"), &all("a"));
    // Another probe, which was answered at the VIP and the members as the letters say.
    let beside = |world: World, letters: &str| {
        let other = World::vrrp().probes(letters).evidence.probes;
        world.with(|w| {
            w.pair.probes.push(w.pair.probes[0].clone());
            let other = other
                .into_iter()
                .map(|probed| Probed { probe: 1, ..probed });
            w.evidence.probes.extend(other);
        })
    };
    let old = [("vip", "a"), ("a", "a"), ("b", "b")];
    #[rustfmt::skip]
    let cases = vec![
        ("all gone", raw("rrr"), "critical vip-down, warning member-service-down, warning member-service-down, a by mac"),
        ("VIP without an answer to ARP", World::vrrp().probes("t++").raw(&[], &[]), "critical vip-down, unknown blind"),
        ("VIP gone, but still a neighbour", World::vrrp().probes("tt+").raw(&[], &[]).neighbours(&[("vip", "a"), ("a", "a"), ("b", "b")]), "critical vip-down, unknown blind, warning member-service-down"),
        ("VIP gone, not probed", World::vrrp().probes(" ++").raw(&[], &[]), "critical vip-down, unknown blind"),
        ("holder's service is dead", raw("rr+"), "critical vip-up-holder-dead, warning member-service-down, a by mac"),
        ("holder's service hangs", raw("tt+"), "critical vip-up-holder-dead, warning member-service-down, a by mac"),
        ("a refusal, one dead, no other means", World::vrrp().probes("rr+"), "critical vip-up-holder-dead, unknown holder-unknown, unknown blind, warning member-service-down"),
        ("standby's service is dead", raw("++r"), "warning member-service-down, a by mac"),
        ("one of two dead everywhere", beside(raw("ttt"), "+++"), "critical vip-service-down, warning member-service-down, warning member-service-down, a by mac"),
        ("one of two dead, the other wrong", beside(raw("ttt"), "www"), "critical vip-service-down, critical wrong-function, critical wrong-function, warning member-service-down, warning wrong-function, warning member-service-down, a by mac"),
        ("two of two dead", beside(raw("ttt"), "ttt"), "critical vip-down, critical vip-down, warning member-service-down, warning member-service-down, a by mac"),
        ("one of two dead on the holder", beside(raw("tt+"), "+++"), "critical vip-up-holder-dead, warning member-service-down, a by mac"),
        ("VIP mute, and an old neighbour entry", World::vrrp().probes("t++").neighbours(&old), "critical vip-down, unknown holder-unknown, unknown blind"),
        ("VIP and its neighbour hang, the other answers", World::vrrp().probes("tt+").neighbours(&old), "critical vip-up-holder-dead, unknown blind, warning member-service-down, a by mac"),
        ("VIP is mute, its neighbour refuses", World::vrrp().probes("tr+").neighbours(&old), "critical vip-up-holder-dead, unknown blind, warning member-service-down, a by mac"),
        ("VIP and all hang", World::vrrp().probes("ttt").neighbours(&old), "critical vip-down, unknown holder-unknown, unknown blind, warning member-service-down, warning member-service-down"),
        ("VIP hangs, its neighbour was not asked", World::vrrp().probes("t +").neighbours(&old), "critical vip-down, unknown holder-unknown, unknown blind"),
        ("VIP refuses, and its neighbour entry", World::vrrp().probes("rrr").neighbours(&old), "critical vip-down, unknown blind, warning member-service-down, warning member-service-down, a by mac"),
        ("VIP mute, holder answers", raw("t++"), "critical vip-down, a by mac"),
        ("VIP refuses, holder answers", raw("r++"), "critical vip-wrong-source, a by mac"),
        ("wrong at the VIP", raw("ww+"), "critical wrong-function, critical wrong-function, a by mac"),
        ("wrong on the standby", raw("++w"), "warning wrong-function, a by mac"),
        ("answer from elsewhere", raw("t++").with(|w| w.evidence.probes[0].reply.strayed = Some(address("a"))), "critical vip-wrong-source, a by mac"),
        ("active-active: one dead", World::active().probes(" +t"), "warning member-service-down"),
        ("active-active: all dead", World::active().probes(" tt"), "critical member-service-down, critical member-service-down"),
        ("active-active: one is wrong", World::active().probes(" +w"), "critical wrong-function"),
    ];
    all_say(cases);
}
