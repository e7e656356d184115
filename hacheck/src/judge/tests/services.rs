//! Services that are no pairs, routes of a proxy, and what HA has done with guests.

use super::*;
use crate::probe::route::Legs;

/// A service of these addresses, asked by one probe: a letter for each address.
fn service(more: &str, addresses: &[&str], letters: &str) -> World {
    let addresses: Vec<String> = addresses
        .iter()
        .map(|who| address(who).to_string())
        .collect();
    let text = format!(
        r#"{{"name":"s","addresses":{},"probes":[{{"dns":{{"name":"ha.test"}}}}]{more}}}"#,
        json!(addresses)
    );
    World::of(&text).probes(&format!(" {letters}"))
}

fn placed(world: World, guests: &str) -> World {
    let places = Places::parse(guests.as_bytes()).unwrap();
    world.with(|w| w.evidence.places = Some(places))
}

#[test]
fn whether_a_service_answers() {
    let two = ["a", "b"];
    let active = |letters: &str| service(r#","ha":"active-active""#, &two, letters);
    let failover = |letters: &str| service(r#","ha":"failover""#, &two, letters);
    let answers = |a: &str, b: &str| {
        active("++").with(|w| {
            for (probed, data) in w.evidence.probes.iter_mut().zip([a, b]) {
                probed.reply.answers = Some(vec![data.to_owned()]);
            }
        })
    };
    let unasked = |accept| {
        let world = World::of(r#"{"services":[{"name":"s","type":"qemu","vmid":101}]}"#);
        world.with(|w| w.accept = accept)
    };
    let strayed = || {
        service("", &["a"], "t").with(|w| w.evidence.probes[0].reply.strayed = Some(address("b")))
    };
    #[rustfmt::skip]
    let cases = vec![
        ("one that answers",              service("", &["a"], "+"), ""),
        ("one that refuses",              service("", &["a"], "r"), "critical service-down"),
        ("one that is silent",            service("", &["a"], "t"), "critical service-down"),
        ("one that answers something else", service("", &["a"], "w"), "critical wrong-function"),
        ("one that could not be asked",   service("", &["a"], "?"), "unknown blind"),
        ("an answer from elsewhere",      strayed(),                "critical service-down"),
        ("side by side, one is dead",     active("+r"),             "warning service-down"),
        ("side by side, both are dead",   active("rt"),             "critical service-down, critical service-down"),
        ("side by side, one was not asked", active("r?"),           "critical service-down, unknown blind"),
        ("side by side, one is wrong",    active("+w"),             "critical wrong-function"),
        ("side by side, other answers",   answers("1", "2"),        "warning aa-dns-drift"),
        ("not side by side, one is dead", failover("+r"),           "critical service-down"),
        ("not said, one is dead",         service("", &two, "+r"),  "critical service-down"),
        ("nothing asks",                  unasked(false),           "unknown blind"),
        ("nothing asks, and may",         unasked(true),            ""),
    ];
    all_say(cases);
}

#[test]
fn on_a_pair() {
    let pair = |vip: &str| {
        format!(
            r#"{{"name":"p",{vip}"members":[{{"name":"a","address":"192.0.2.11"}},{{"name":"b","address":"192.0.2.12"}}],
            "probes":[{{"dns":{{"name":"ha.test"}}}},{{"tcp":{{"port":53}},"on":"members"}}]}}{{"name":"s","pair":"p"}}"#
        )
    };
    let of = |vip: &str, letters: &str| {
        World::of("{\"name\":\"s\",\"addresses\":[\"192.0.2.11\"]}")
            .with(|w| w.pair = Pair::parse(pair(vip).as_bytes()).unwrap().remove(1))
            .probes(&format!(" {letters}"))
    };
    let vip = r#""vip":"192.0.2.110","#;
    assert_eq!(
        of(vip, "+").pair.probes.len(),
        1,
        "not what the VIP is not asked"
    );
    assert_eq!(of("", "++").pair.probes.len(), 2);
    #[rustfmt::skip]
    let cases = vec![
        ("the VIP answers",          of(vip, "+"), ""),
        ("the VIP is dead",          of(vip, "t"), "critical service-down"),
        ("both members answer",      of("", "++"), ""),
        ("one of the members does",  of("", "r+"), "warning service-down"),
        ("none does",                of("", "rr"), "critical service-down, critical service-down"),
    ];
    all_say(cases);
}

#[test]
fn at_a_vip_that_was_moving() {
    let before = Some("service-down 192.0.2.11: dns ha.test A: no answer in time".to_owned());
    let world = service("", &["a"], "+").with(|w| w.evidence.looked_before = before);
    let verdict = world.verdict();
    let told: Vec<_> = verdict.findings.iter().map(|one| one.code).collect();
    assert_eq!(
        (told, verdict.severity()),
        (vec!["hand-over"], Severity::Info)
    );
}

#[test]
fn where_its_guest_is() {
    let guest = |status: &str, more: &str| {
        format!(r#"{{"type":"lxc","vmid":101,"node":"node3","status":"{status}"{more}}}"#)
    };
    let asked = |guests: &str| placed(service(r#","vmid":101"#, &["a"], "+"), guests);
    let unasked = |guests: &str| {
        let world = World::of(r#"{"services":[{"name":"s","vmid":101}]}"#);
        placed(world, guests)
    };
    let ha = |state: &str| asked(&guest("running", &format!(r#","hastate":"{state}""#)));
    let away = r#"{"type":"node","node":"node3","status":"offline"}"#;
    let state = r#"{"nodes":[{"node":"node3","online":false}],"storages":[],"guests":[{"type":"lxc","vmid":101,"node":"node3","status":"unknown"}]}"#;
    let other = r#"{"type":"lxc","vmid":102,"node":"node3","status":"running"}"#;
    #[rustfmt::skip]
    let cases = vec![
        ("it runs",                   asked(&guest("running", "")), ""),
        ("it is stopped",             asked(&guest("stopped", "")), "warning placement"),
        ("it is not in the list",     asked(other),                 "warning placement"),
        ("its node is offline",       asked(&format!("{}{away}", guest("unknown", ""))), "warning placement"),
        ("offline, by a state",       asked(state),                 "warning placement"),
        ("it ran, its node is offline", asked(&format!("{}{away}", guest("running", ""))), "warning placement"),
        ("it is stopped, nothing asks", unasked(&guest("stopped", "")), "critical service-down, unknown blind"),
        ("it runs, nothing asks",     unasked(&guest("running", "")), ""),
        ("where it is, nobody knows, nothing asks", unasked(other), "unknown blind, warning placement"),
        ("it ran, nothing asks",      unasked(&format!("{}{away}", guest("running", ""))), "critical service-down, unknown blind"),
        ("HA runs it",                ha("started"),                ""),
        ("HA moves it",               ha("migrate"),                ""),
        ("HA gave it up",             ha("error"),                  "warning ha-state"),
        ("HA fences its node",        ha("fence"),                  "warning ha-state"),
        ("HA looks for a node",       ha("recovery"),               "warning ha-state"),
        ("HA keeps it stopped",       ha("disabled"),               "warning ha-state"),
        ("HA gave it up, by a state", asked(r#"{"nodes":[],"storages":[],"ha":{"resources":[{"sid":"ct:101","state":"started","crm_state":"error"}]},"guests":[{"type":"lxc","vmid":101,"node":"node3","status":"running"}]}"#), "warning ha-state"),
    ];
    all_say(cases);
    let message = &asked(&format!("{}{away}", guest("unknown", "")))
        .verdict()
        .findings[0]
        .message;
    assert_eq!(message, "guest 101 is unknown on node3, which is offline");

    let member = |more: &str| {
        let guests = format!(
            r#"{{"type":"lxc","vmid":101,"node":"node3","status":"running"{more}}}{{"type":"lxc","vmid":102,"node":"node5","status":"running"}}"#
        );
        placed(World::active().probes(" ++"), &guests)
    };
    all_say(vec![
        ("a member is HA's", member(r#","hastate":"started""#), ""),
        (
            "HA gave a member up",
            member(r#","hastate":"error""#),
            "warning ha-state",
        ),
    ]);
}

#[test]
fn routes() {
    // `+` good, `w` wrong, `r` refused, `?` not asked: the proxy, then the backend.
    let legs = |target: Target, ways: &str| {
        let mut ways = ways.chars().map(|letter| reply(letter).outcome);
        let legs = Legs {
            via: address("a"),
            proxy: ways.next().unwrap(),
            backend_url: "http://192.0.2.66/".to_owned(),
            backend: ways.next().unwrap(),
        };
        let mut reply = Reply::of(legs.outcome());
        reply.legs = Some(Box::new(legs));
        Probed {
            target,
            probe: 0,
            reply,
        }
    };
    let world = |text: &str, asked: &[(Target, &str)]| {
        World::of(text).with(|w| {
            w.evidence.probes = asked
                .iter()
                .map(|(target, ways)| legs(*target, ways))
                .collect();
        })
    };
    let fixed = |ways: &str| {
        let text = r#"{"services":[{"name":"s","probes":[{"route":{"url":"https://arr.example.com/","via":"192.0.2.11","backend":"http://192.0.2.66/"}}]}]}"#;
        world(text, &[(Target::Elsewhere, ways)])
    };
    let members = r#""members":[{"name":"a","address":"192.0.2.11"},{"name":"b","address":"192.0.2.12"}],
        "probes":[{"route":{"url":"https://arr.example.com/","backend":"http://192.0.2.66/"}}]}"#;
    let addresses = |via: &str| {
        format!(
            r#"{{"name":"s","addresses":["192.0.2.11"],"probes":[{{"route":{{"url":"https://arr.example.com/","via":"{via}","backend":"http://192.0.2.66/"}}}}]}}"#
        )
    };
    let (a, b) = (Target::Member(0), Target::Member(1));
    let active = |one: &str, other: &str| {
        world(
            &format!(r#"{{"name":"p",{members}"#),
            &[(a, one), (b, other)],
        )
    };
    let vip = |vip: &str, one: &str, other: &str| {
        let text = format!(r#"{{"name":"p","vip":"192.0.2.110","vrrp":false,{members}"#);
        let asked = [(Target::Vip, vip), (a, one), (b, other)];
        world(&text, &asked).raw(&all("a"), &[])
    };
    #[rustfmt::skip]
    let cases = vec![
        ("both answer",                   fixed("++"), ""),
        ("the proxy has another page",    fixed("w+"), "critical route-down"),
        ("the proxy is dead",             fixed("r+"), "critical route-down"),
        ("the backend is dead, not the proxy", fixed("+r"), "warning route-down"),
        ("the backend is dead",           fixed("wr"), "critical route-down"),
        ("both are dead",                 fixed("rr"), "critical route-down"),
        ("the proxy was not asked",       fixed("?+"), "unknown blind"),
        ("the proxy was not asked, the backend is dead", fixed("?r"), "unknown route-down"),
        ("the backend was not asked",     fixed("+?"), "unknown blind"),
        ("the backend was not asked, the proxy is dead", fixed("r?"), "critical route-down"),
        ("a pair that nobody else asks",  world(&format!(r#"{{"name":"p",{}"#, members.replace("\"backend\"", "\"via\":\"192.0.2.66\",\"backend\"")), &[(Target::Elsewhere, "++")]), "unknown blind"),
        ("addresses that nobody else asks", world(&addresses("192.0.2.66"), &[(Target::Elsewhere, "++")]), "unknown blind"),
        ("the address is the proxy's",    world(&addresses("192.0.2.11"), &[(Target::Elsewhere, "++")]), ""),
        ("the address is the backend's",  world(&addresses("192.0.2.12").replace(r#"["192.0.2.11"]"#, r#"["192.0.2.66"]"#), &[(Target::Elsewhere, "++")]), ""),
        ("a pair's members",              active("++", "++"), ""),
        ("one member's proxy",            active("w+", "++"), "warning route-down"),
        ("both members' proxies",         active("w+", "w+"), "critical route-down, critical route-down"),
        ("the backend is told once",      active("+r", "+r"), "warning route-down"),
        ("at a VIP",                      vip("++", "++", "++"), "a by mac"),
        ("the VIP's proxy",               vip("w+", "w+", "++"), "critical route-down, warning route-down, a by mac"),
        ("the standby's proxy",           vip("++", "++", "r+"), "warning route-down, a by mac"),
    ];
    all_say(cases);
    let message = |world: World| world.verdict().findings[0].message.clone();
    let label = "route https://arr.example.com/";
    assert_eq!(
        message(fixed("wr")),
        format!(
            "{label}: the backend http://192.0.2.66/: connection refused, and the proxy 192.0.2.11: REFUSED, not NOERROR"
        )
    );
    assert_eq!(
        message(fixed("w+")),
        format!(
            "{label}: the proxy 192.0.2.11: REFUSED, not NOERROR; the backend http://192.0.2.66/ answers"
        )
    );
    assert_eq!(
        message(fixed("+r")),
        format!(
            "{label}: the backend http://192.0.2.66/: connection refused, but the proxy 192.0.2.11 answers"
        )
    );
}
