//! Configurations, certificates, files and places.

use super::*;

#[test]
fn drifts() {
    let heard = |change: fn(&mut Advert)| {
        World::vrrp().raw(&all("a"), &all("a")).with(|w| {
            w.window()
                .adverts
                .as_mut()
                .unwrap()
                .iter_mut()
                .for_each(change)
        })
    };
    let other = |change: fn(&mut Advert)| {
        World::vrrp().raw(&all("a"), &all("a")).with(|w| {
            let mut advert = advert("b", 100);
            change(&mut advert);
            w.window().adverts.as_mut().unwrap().push(advert);
        })
    };
    let dumps = |change: fn(&mut Instance)| {
        let world = World::vrrp()
            .fact("a", Some(60_000), true)
            .instance(|i| i.base_priority = 150);
        world.fact("b", None, true).instance(change)
    };
    #[rustfmt::skip]
    let cases = vec![
        ("another VRID than meant", heard(|a| a.vrid = 56), "warning config-drift, a by mac"),
        ("another version than meant", heard(|a| a.version = 3).with(|w| w.pair.version = Some(2)), "warning config-drift, a by mac"),
        ("another interval than meant", heard(|a| a.interval_ms = 2000).with(|w| w.pair.advert_ms = Some(1000)), "warning config-drift, a by mac"),
        ("wrong checksum", heard(|a| a.checksum_ok = false), "unknown blind, warning config-drift, a by mac"),
        ("came through a router", heard(|a| a.ttl = 254), "unknown blind, warning config-drift, a by mac"),
        ("two VRIDs for one VIP", other(|a| a.vrid = 56), "critical config-drift, warning config-drift, a by mac"),
        ("two versions", other(|a| a.version = 3), "critical config-drift, a by mac"),
        ("two kinds of authentication", other(|a| a.auth_type = 1), "critical config-drift, a by mac"),
        ("two intervals", other(|a| a.interval_ms = 3000), "warning config-drift, a by mac"),
        ("the VRID for other addresses", other(|a| a.vips = vec![ip("192.0.2.111")]), "critical config-drift, a by mac"),
        ("another pair's", other(|a| { a.vrid = 61; a.vips = vec![ip("192.0.2.111")]; }), "a by mac"),
        ("dumps agree", dumps(|_| ()), "a by facts"),
        ("dumps: version", dumps(|i| i.version = 3), "critical config-drift, a by facts"),
        ("dumps: VRID", dumps(|i| i.vrid = 56), "critical config-drift, a by facts"),
        ("dumps: interval", dumps(|i| i.interval_ms = 3000), "warning config-drift, a by facts"),
        ("dumps: addresses", dumps(|i| i.vips.push(ip("192.0.2.111"))), "warning config-drift, a by facts"),
        ("dumps: only another address", dumps(|i| i.vips = vec![ip("192.0.2.111")]), "warning config-drift, a by facts"),
        ("counters are of any time", dumps(|i| { i.counters.insert("auth_failure".to_owned(), 7); }), "a by facts"),
    ];
    all_say(cases);
}

#[test]
fn a_flood_is_counted() {
    let flood = World::vrrp().raw(&all("a"), &all("a")).with(|w| {
        let adverts = w.window().adverts.as_mut().unwrap();
        for source in 0..5_000_u32 {
            let interval_ms = 1000 + source;
            let source = IpAddr::from((0x0a00_0000 + source).to_be_bytes());
            adverts.push(Advert {
                source,
                interval_ms,
                ..advert("x", 100)
            });
        }
    });
    let findings = flood.verdict().findings;
    let drifts = findings.iter().filter(|f| f.code == "config-drift").count();
    assert!(drifts <= 17 && findings.len() < 25, "{}", findings.len());
    let foreign = findings.iter().find(|f| f.code == "foreign-holder");
    let message = &foreign.unwrap().message;
    assert!(
        message.ends_with("which is no member and 4992 more"),
        "{message}"
    );
    assert!(foreign.unwrap().evidence.to_string().len() < 2_000);
}

#[test]
fn answers_and_certificates() {
    let answers = |a: &[&str], b: &[&str]| {
        let (a, b) = (a.iter(), b.iter());
        let lists = [
            a.map(|&t| t.to_owned()).collect(),
            b.map(|&t| t.to_owned()).collect::<Vec<_>>(),
        ];
        World::active().probes(" ++").with(move |w| {
            for (probed, list) in w.evidence.probes.iter_mut().zip(lists) {
                probed.reply.answers = Some(list);
            }
        })
    };
    let certificates = |fields: &str, life: [(i64, i64); 2], fingerprints: [&str; 2]| {
        let world = World::of(&format!(
            r#"{{"name":"p","members":[{{"name":"a","address":"192.0.2.11"}},{{"name":"b","address":"192.0.2.12"}}],"probes":[{{"tls":{{"port":443{fields}}}}}]}}"#
        ));
        world.probes(" ++").with(|w| {
            for ((probed, (before, after)), fingerprint) in
                w.evidence.probes.iter_mut().zip(life).zip(fingerprints)
            {
                probed.reply.certificate = Some(Certificate {
                    not_before_s: NOW_S + before * 3600,
                    not_after_s: NOW_S + after * 3600,
                    names: vec!["ha.test".to_owned()],
                    fingerprint: fingerprint.to_owned(),
                });
            }
        })
    };
    let one =
        |fields: &str, before, after| certificates(fields, [(before, after), (-6, 6)], ["x", "x"]);
    #[rustfmt::skip]
    let cases = vec![
        ("the same answers", answers(&["192.0.2.1"], &["192.0.2.1"]), ""),
        ("other answers", answers(&["192.0.2.1"], &["192.0.2.2"]), "warning aa-dns-drift"),
        ("no answer from one", answers(&["192.0.2.1"], &[]), "warning aa-dns-drift"),
        ("12 hours, fresh", one("", 0, 12), ""),
        ("12 hours, 3 left", one("", -9, 3), ""),
        ("12 hours, 2 left", one("", -10, 2), "warning cert-expiry"),
        ("90 days, 4 left", one("", -86 * 24, 4 * 24), "critical cert-expiry"),
        ("expired", one("", -12, 0), "critical cert-expiry"),
        ("not yet", one("", 1, 12), "critical cert-expiry"),
        ("own thresholds", one(r#","warn_percent":10,"critical_percent":1"#, -10, 2), ""),
        ("days instead", certificates(r#","warn_days":30"#, [(-24, 29 * 24); 2], ["x", "x"]), "warning cert-expiry, warning cert-expiry"),
        ("two certificates", certificates("", [(-1, 11); 2], ["x", "y"]), "warning cert-differs"),
        ("two certificates, and fine", certificates(r#","same":false"#, [(-1, 11); 2], ["x", "y"]), ""),
    ];
    all_say(cases);
}

#[test]
fn files_and_places() {
    let file = |change: fn(&mut MemberFacts)| {
        let world = World::of(
            r#"{"name":"p","members":[{"name":"a","address":"192.0.2.11"},{"name":"b","address":"192.0.2.12"}],
                "probes":[{"dns":{"name":"ha.test"}}],"files":[{"path":"/srv/stamp","max_age_s":90000,"member":"b"}]}"#,
        );
        world
            .probes(" ++")
            .fact("b", None, true)
            .with(|w| change(&mut w.evidence.facts[0].facts))
    };
    fn aged(facts: &mut MemberFacts, age_s: i64) {
        facts.files.push(FileAge {
            path: "/srv/stamp".to_owned(),
            modified_ms: facts.at_ms - age_s * 1000,
        });
    }
    fn failed(facts: &mut MemberFacts, errno: &str) {
        facts.errors.push(Unseen {
            what: "/srv/stamp".to_owned(),
            errno: errno.to_owned(),
            message: "?".to_owned(),
        });
    }
    let placed = |guests: &str| {
        let places = Places::parse(guests.as_bytes()).unwrap();
        World::active()
            .probes(" ++")
            .with(|w| w.evidence.places = Some(places))
    };
    let at = |a: &str, b: &str| {
        let guest = |id: u32, node: &str| {
            format!(r#"{{"type":"lxc","vmid":{id},"node":"{node}","status":"running"}}"#)
        };
        placed(&(guest(101, a) + &guest(102, b)))
    };
    #[rustfmt::skip]
    let cases = vec![
        ("young", file(|f| aged(f, 90_000)), ""),
        ("old", file(|f| aged(f, 90_001)), "warning data-stale"),
        ("of the future", file(|f| aged(f, -3600)), "warning data-stale"),
        ("not there", file(|f| failed(f, "ENOENT")), "warning data-stale"),
        ("not readable", file(|f| failed(f, "EACCES")), "unknown blind"),
        ("not asked for", file(|_| ()), "unknown blind"),
        ("no facts", file(|_| ()).with(|w| w.evidence.facts.clear()), "unknown blind"),
        ("two nodes", at("node3", "node5"), ""),
        ("one node", at("node3", "node3"), "warning same-node"),
        ("no node", at("node3", ""), "warning same-node"),
        ("not in the list", placed(r#"{"type":"lxc","vmid":101,"node":"node3","status":"running"}"#), "warning same-node"),
        ("stopped", placed(r#"{"type":"lxc","vmid":101,"node":"node3","status":"running"}{"type":"lxc","vmid":102,"node":"node5","status":"stopped"}"#), "warning placement"),
        ("one storage", placed(r#"{"guests":[{"type":"lxc","vmid":101,"node":"node3","status":"running","config":{"rootfs":"nas:1"}}, {"type":"lxc","vmid":102,"node":"node5","status":"running","config":{"rootfs":"nas:2"}}],"storages":[{"storage":"nas","shared":true}]}"#), "warning same-storage"),
        ("a storage by one name on each node", placed(r#"{"guests":[{"type":"lxc","vmid":101,"node":"node3","status":"running","config":{"rootfs":"zdata:1"}}, {"type":"lxc","vmid":102,"node":"node5","status":"running","config":{"rootfs":"zdata:2"}}],"storages":[{"storage":"zdata","shared":false}]}"#), ""),
        ("meant for one node", World::active().probes(" ++").with(|w| { w.pair.members.iter_mut().for_each(|m| m.node = Some("node3".to_owned())) }), "warning same-node"),
        ("flapping", World::active().probes(" ++").with(|w| { w.evidence.past = Some(Past { changes: 4,..Past::default() }) }), "warning flapping"),
        ("flapping by keepalived's count", World::active().probes(" ++").with(|w| { w.evidence.past = Some(Past { counted: 4,..Past::default() }) }), "warning flapping"),
        ("three changes an hour", World::active().probes(" ++").with(|w| { w.evidence.past = Some(Past { changes: 3,..Past::default() }) }), ""),
    ];
    all_say(cases);
    let losses = |world: World| {
        world
            .verdict()
            .findings
            .into_iter()
            .find(|f| f.code == "placement")
            .unwrap()
            .message
    };
    assert_eq!(
        losses(at("node3", "node3")),
        "loss of node3: the service is gone"
    );
    assert!(losses(at("node3", "node5")).starts_with("loss of node3: half of"));
    let third = |id: u32, node: &str| {
        format!(r#"{{"type":"lxc","vmid":{id},"node":"{node}","status":"running"}}"#)
    };
    let three = placed(&(third(101, "node3") + &third(102, "node5") + &third(103, "node7")));
    let three = three.with(|w| {
        w.pair.vip = Some(address("vip"));
        w.pair.members.push(w.pair.members[0].clone());
        (w.pair.members[2].vmid, w.pair.members[0].preferred) = (Some(103), true);
    });
    assert_eq!(
        losses(three),
        "loss of node3: the VIP moves, 2 are left, loss of node5: 2 are left and loss of node7: 2 are left"
    );
}
