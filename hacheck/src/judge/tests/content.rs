//! What members hold beside each other: names, Pi-holes' lists, NFS exports.

use super::*;
use crate::probe::{
    Content,
    dns::{Kind, Said},
    nfs::{Export, Exports},
    pihole,
};

/// An active-active pair with these fields.
fn pair(fields: &str) -> World {
    World::of(&format!(
        r#"{{"name":"p","members":[{{"name":"a","address":"192.0.2.11"}},{{"name":"b","address":"192.0.2.12"}}],{fields}}}"#
    ))
}

/// What a and b say of `ads.example`, A; `-` is no answer.
fn same(a: &str, b: &str) -> World {
    named(
        pair(r#""same":["ads.example"],"probes":[{"dns":{"name":"ha.test"}}]"#).probes(" ++"),
        a,
        b,
    )
}

fn named(world: World, a: &str, b: &str) -> World {
    let said = |text: &str, kind| match text {
        "-" => Err(Outcome::Dead(How::Timeout, "no answer in time".to_owned())),
        _ if kind == Kind::Aaaa => Ok(Said {
            rcode: "NOERROR".to_owned(),
            data: Vec::new(),
        }),
        text => {
            let (rcode, data) = text.split_once(' ').unwrap_or((text, ""));
            let data = data.split_whitespace().map(str::to_owned).collect();
            Ok(Said {
                rcode: rcode.to_owned(),
                data,
            })
        }
    };
    world.with(|w| {
        w.evidence.same = [(0, a), (1, b)]
            .into_iter()
            .flat_map(|(member, text)| {
                [Kind::A, Kind::Aaaa].map(|kind| Compared {
                    member,
                    name: 0,
                    kind,
                    said: said(text, kind),
                })
            })
            .collect();
    })
}

#[test]
fn names_that_all_must_answer_alike() {
    let rotating: Vec<String> = (1..30).map(|n| format!("192.0.2.{n}")).collect();
    let many = format!("NOERROR {}", rotating.join(" "));
    #[rustfmt::skip]
    let cases = vec![
        ("the same",                   same("NOERROR 0.0.0.0", "NOERROR 0.0.0.0"), ""),
        ("blocked on one",             same("NOERROR 0.0.0.0", "NOERROR 198.51.100.7"), "warning aa-dns-drift"),
        ("blocked in two ways",        same("NXDOMAIN", "NOERROR 0.0.0.0"), "warning aa-dns-drift"),
        ("NODATA and NXDOMAIN",        same("NOERROR", "NXDOMAIN"), "warning aa-dns-drift"),
        ("neither knows it",           same("NXDOMAIN", "NXDOMAIN"), ""),
        ("one's upstream is gone",     same("SERVFAIL", "NOERROR 198.51.100.7"), "warning aa-dns-drift"),
        ("many",                       same(&many, "NOERROR 192.0.2.1"), "warning aa-dns-drift"),
        ("one is silent",              same("-", "NOERROR 0.0.0.0"), "unknown blind"),
        ("one is silent, and dead",    same("-", "NOERROR 0.0.0.0").probes(" t+"), "warning member-service-down"),
        ("silent, and what is dead is another service", named(pair(r#""same":["ads.example"],"probes":[{"tcp":{"port":8080}}]"#).probes(" t+"), "-", "NOERROR 0.0.0.0"), "unknown blind, warning member-service-down"),
        ("silent, and dead on another port", named(second(pair(r#""same":["ads.example"],"probes":[{"dns":{"name":"x"}},{"dns":{"name":"x","port":5353}}]"#).probes(" ++"), "t+"), "-", "NOERROR 0.0.0.0"), "unknown blind, warning member-service-down"),
        ("nobody's upstream is there", same("SERVFAIL", "SERVFAIL"), "warning wrong-function"),
        ("all refuse",                 same("REFUSED", "REFUSED"), "warning wrong-function"),
        ("one answers, with an error", same("-", "SERVFAIL").probes(" t+"), "warning member-service-down, warning wrong-function"),
        ("both are silent",            same("-", "-"), "unknown blind, unknown blind"),
        ("nobody was asked",           same("-", "-").with(|w| w.evidence.same.clear()), "unknown blind, unknown blind"),
        ("beside a VIP",               named(World::vrrp().raw(&all("a"), &all("a")).with(|w| w.pair.same = vec!["x.test".to_owned()]), "NOERROR 1.1.1.1", "NXDOMAIN"), "warning aa-dns-drift, a by mac"),
    ];
    all_say(cases);
    let findings = same(&many, "NXDOMAIN").verdict().findings;
    assert_eq!(
        findings[0].message,
        "dns ads.example A: a says 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6 and 23 more and b says NXDOMAIN"
    );
}

const PIHOLE: &str = r#""password_file":"/etc/pvx/pihole","fingerprint":"abababababababababababababababababababababababababababababababab""#;

/// Two Pi-holes that hold the same, but for a change of b's.
fn piholes(fields: &str, change: impl FnOnce(&mut pihole::Content)) -> World {
    let world = pair(&format!(r#""probes":[{{"pihole":{{{PIHOLE}{fields}}}}}]"#)).probes(" ++");
    let one = pihole::Content {
        blocking: "enabled".to_owned(),
        domains: 104_756,
        updated_s: Some(NOW_S - 3 * 86_400),
        core: Some("v6.1".to_owned()),
        ftl: Some("v6.2".to_owned()),
        ..pihole::Content::default()
    };
    let mut other = one.clone();
    change(&mut other);
    world.with(|w| {
        for (probed, content) in w.evidence.probes.iter_mut().zip([one, other]) {
            probed.reply.content = Some(Content::Pihole(content));
        }
    })
}

/// What came of a second probe, a letter each for a and b.
fn second(world: World, letters: &str) -> World {
    world.with(|w| {
        for (member, letter) in letters.chars().enumerate() {
            w.evidence.probes.push(Probed {
                target: Target::Member(member),
                probe: 1,
                reply: reply(letter),
            });
        }
    })
}

/// Two Pi-holes, what their DNS answers, and what their API.
fn beside(dns: &str, api: &str) -> World {
    let probes = format!(r#""probes":[{{"dns":{{"name":"x"}}}},{{"pihole":{{{PIHOLE}}}}}]"#);
    second(pair(&probes).probes(dns), api)
}

#[test]
fn piholes_beside_each_other() {
    #[rustfmt::skip]
    let cases = vec![
        ("the same",                piholes("", |_| ()), ""),
        ("disabled",                piholes("", |b| b.blocking = "disabled".to_owned()), "warning pihole-blocking-off"),
        ("disabled for a while",    piholes("", |b| (b.blocking, b.timer_s) = ("disabled".to_owned(), Some(290))), "warning pihole-blocking-off"),
        ("enabled for a while",     piholes("", |b| b.timer_s = Some(290)), ""),
        ("who knows",               piholes("", |b| b.blocking = "failed".to_owned()), "warning pihole-blocking-off"),
        ("no list",                 piholes("", |b| b.domains = -2), "warning pihole-blocking-off"),
        ("nothing on either",       piholes("", |b| b.domains = 0).with(|w| w.evidence.probes[0].reply.content = w.evidence.probes[1].reply.content.clone()), "warning pihole-blocking-off, warning pihole-blocking-off"),
        ("nothing to block by",     piholes(r#","domains_percent":100"#, |b| b.domains = 0), "warning pihole-blocking-off"),
        ("its API is silent",       piholes("", |_| ()).with(|w| w.evidence.probes[1].reply = reply('t')), "unknown blind"),
        ("both are silent",         piholes("", |_| ()).probes(" tt"), "unknown blind, unknown blind"),
        ("silent, and its DNS too", beside(" +t", "+t"), "warning member-service-down"),
        ("both APIs, and no DNS",   beside(" ++", "tt"), "unknown blind, unknown blind"),
        ("both APIs, and one DNS",  beside(" t+", "tt"), "unknown blind, warning member-service-down"),
        ("other lists",             piholes("", |b| b.domains = 104_757), "warning aa-content-drift"),
        ("within what is allowed",  piholes(r#","domains_percent":1"#, |b| b.domains = 104_000), ""),
        ("beyond what is allowed",  piholes(r#","domains_percent":1"#, |b| b.domains = 103_000), "warning aa-content-drift"),
        ("at another minute",       piholes("", |b| b.updated_s = Some(NOW_S - 3 * 86_400 - 3000)), ""),
        ("a week before",           piholes("", |b| b.updated_s = Some(NOW_S - 10 * 86_400)), "warning aa-content-drift"),
        ("does not say when",       piholes("", |b| b.updated_s = None), ""),
        ("old, and nobody asks",    piholes("", |b| b.updated_s = Some(NOW_S - 4 * 86_400 + 1)), ""),
        ("as old as may be",        piholes(r#","max_age_s":259200"#, |_| ()), ""),
        ("both are older",          piholes(r#","max_age_s":259199"#, |_| ()), "warning data-stale, warning data-stale"),
        ("age is asked, not told",  piholes(r#","max_age_s":691200"#, |b| b.updated_s = None), "unknown blind"),
        ("another FTL",             piholes("", |b| b.ftl = Some("v6.3".to_owned())), "warning aa-content-drift"),
        ("another core",            piholes("", |b| b.core = Some("v6.0.5".to_owned())), "warning aa-content-drift"),
        ("no version told",         piholes("", |b| b.core = None), ""),
        ("no password on one",      piholes("", |b| b.open = true), "warning aa-content-drift"),
        ("left open",               piholes("", |b| b.left_open = true), ""),
        ("one alone",               piholes("", |b| b.domains = 1).with(|w| w.evidence.probes[0].reply.content = None), ""),
        ("one refuses the login",   piholes("", |b| b.domains = 1).with(|w| w.evidence.probes[0].reply = reply('u')), "unknown blind"),
    ];
    all_say(cases);
    let refused = piholes("", |_| ()).with(|w| {
        w.evidence.probes[1].reply = Reply::of(Outcome::Unseen(Unseen {
            what: "pihole".to_owned(),
            errno: String::new(),
            message: "it does not take the password".to_owned(),
        }));
    });
    assert_eq!(
        refused.verdict().findings[0].message,
        "not seen: pihole of b: it does not take the password"
    );
}

/// Two NFS servers with one export each: to whom (`-`: not in the list, `?`: no list), and its handle.
fn exports(a: (&str, &str), b: (&str, &str)) -> World {
    let world = pair(r#""probes":[{"nfs":{"exports":["/srv"]}}]"#).probes(" ++");
    let unseen = |what: &str| Unseen {
        what: what.to_owned(),
        errno: String::new(),
        message: "refused".to_owned(),
    };
    world.with(|w| {
        for (probed, (to, handle)) in w.evidence.probes.iter_mut().zip([a, b]) {
            let listed = match to {
                "?" => None,
                "-" => Some(None),
                to => Some(Some(to.split_whitespace().map(str::to_owned).collect())),
            };
            let mut list = Vec::new();
            list.extend(listed.is_none().then(|| unseen("list of exports")));
            list.extend((handle == "?").then(|| unseen("handle of /srv")));
            let handle = (!["?", "-"].contains(&handle)).then(|| handle.to_owned());
            probed.reply.content = Some(Content::Nfs(Exports {
                exports: vec![Export { listed, handle }],
                unseen: list,
            }));
        }
    })
}

#[test]
fn exports_beside_each_other() {
    let to = "192.0.2.0/24";
    #[rustfmt::skip]
    let cases = vec![
        ("the same",              exports((to, "1"), (to, "1")), ""),
        ("to everybody",          exports(("", "1"), ("", "1")), ""),
        ("other handles",         exports((to, "1"), (to, "2")), "warning nfs-handle-differs"),
        ("other clients",         exports((to, "1"), ("", "1")), "warning nfs-exports-differ"),
        ("on one only",           exports((to, "1"), ("-", "-")), "warning nfs-exports-differ"),
        ("on neither",            exports(("-", "-"), ("-", "-")), "warning nfs-exports-differ"),
        ("no list, same handles", exports(("?", "1"), ("?", "1")), "unknown blind, unknown blind"),
        ("no list, others",       exports(("?", "1"), (to, "2")), "unknown blind, warning nfs-handle-differs"),
        ("a handle is refused",   exports((to, "1"), (to, "?")), "unknown blind"),
        ("one is dead",           exports((to, "1"), (to, "2")).with(|w| w.evidence.probes[1].reply = reply('t')), "warning member-service-down"),
    ];
    all_say(cases);
    let one = exports((to, "1"), ("-", "-")).verdict().findings;
    assert_eq!(
        one[0].message,
        "/srv is exported by a, and not by b, as this host is told"
    );
}
