//! Decisions of `allocate`, a table for each question.

use super::*;
use crate::{
    exclude::Gateway,
    known::Known,
    properties::sample,
    request::Fields,
    span::{self, Span},
};
use vmid::stream;

fn requests(lines: &[&str]) -> Vec<Result<Request, Refused>> {
    let kept = stream::parse(lines.join("\n").as_bytes()).unwrap();
    let request = |kept: &stream::Kept| Request::of(&kept.record(), &Fields::default());
    kept.iter().map(request).collect()
}

/// What each request gets, told as `ADDRESS CHANGE` or as the code of its refusal.
fn told(batch: &Batch, view: &View, naming: &Naming, skip: usize) -> Vec<String> {
    let change = |change: &Option<Change>| match change {
        None => "kept",
        Some(Change::Create(_)) => "new",
        Some(Change::Adopt(..)) => "adopted",
        Some(Change::Move(_, _, None)) => "moved",
        Some(Change::Move(..)) => "moved, back",
        Some(Change::Mark(_, "active", _, None)) => "back",
        Some(Change::Mark(_, "active", _, Some(_))) => "adopted, back",
        Some(_) => "wrong",
    };
    let tell = |result: Result<Grant, Refused>| match result {
        Ok(grant) => format!(
            "{}/{} {}",
            grant.address,
            grant.length,
            change(&grant.change)
        ),
        Err(refused) => refused.code.as_str().to_owned(),
    };
    let results = batch.decide(view, naming, skip);
    results.into_iter().map(tell).collect()
}

fn networks() -> Networks {
    sample::networks(&[
        "10.0.0.0/29 vlan=30",
        "10.0.1.0/29 vlan=31 full",
        "10.0.0.0/29 vlan=32 vrf=blue",
        "10.0.0.6-10.0.0.6 length=29",
    ])
}

#[test]
fn one_request() {
    let view = sample::view(&[
        "10.0.0.2/29 name=two",
        "10.0.0.2/32 status=dhcp",
        "10.0.0.3/29 key=web name=web.lab",
        "10.0.0.4/29 key=old name=old retired=2026-11-01",
        "10.0.1.2/29 key=full",
        "10.0.0.5/29 name=db.lab",
        "10.0.1.3/29 name=away",
        "10.0.0.2/29 name=vip role=vip",
        "10.0.0.3/29 name=two.lab",
        "10.0.1.4/29 name=gone retired=2026-11-01",
        "10.0.0.3/29 key=twice",
        "10.0.0.4/29 key=twice",
        "10.0.0.3/29 key=multi/eth0",
    ]);
    #[rustfmt::skip]
    let cases: &[(&str, &str, bool, &str)] = &[
        ("nobody's name, all are taken",  r#"{"name":"new","vlan":30}"#, false, "exhausted"),
        ("the VRF has them all",          r#"{"name":"new","vlan":32}"#, false, "10.0.0.2/29 new"),
        ("the range that was kept free",  r#"{"name":"new","range":"10.0.0.6"}"#, false, "10.0.0.6/29 new"),
        ("its own",                       r#"{"name":"WEB.","vlan":30}"#, false, "10.0.0.3/29 kept"),
        ("its own as wanted",             r#"{"name":"web","vlan":30,"address":"10.0.0.3"}"#, false, "10.0.0.3/29 kept"),
        ("another one wanted",            r#"{"name":"web","vlan":30,"address":"10.0.0.6"}"#, false, "name-taken"),
        ("or the next",                   r#"{"name":"web","vlan":30,"address":"10.0.0.6","fallback":"next"}"#, false, "10.0.0.3/29 kept"),
        ("its own is elsewhere",          r#"{"name":"web","vlan":31}"#, false, "name-taken"),
        ("in another VRF",                r#"{"name":"web","vlan":32}"#, false, "name-taken"),
        ("retired, and comes back",       r#"{"name":"old","vlan":30}"#, false, "10.0.0.4/29 back"),
        ("its own in a full prefix",      r#"{"name":"full","vlan":31}"#, false, "10.0.1.2/29 kept"),
        ("a full prefix",                 r#"{"name":"new","vlan":31}"#, false, "excluded"),
        ("two of its own",                r#"{"name":"twice","vlan":30}"#, false, "name-taken"),
        ("of another interface",          r#"{"name":"multi","vlan":32}"#, false, "10.0.0.2/29 new"),
        ("a name without owner",          r#"{"name":"db","vlan":30}"#, false, "unowned"),
        ("adopted",                       r#"{"name":"db","vlan":30}"#, true,  "10.0.0.5/29 adopted"),
        ("adopted as wanted",             r#"{"name":"db","vlan":30,"address":"10.0.0.5/29"}"#, true,  "10.0.0.5/29 adopted"),
        ("adopted, another one wanted",   r#"{"name":"db","vlan":30,"address":"10.0.0.6"}"#, true,  "name-taken"),
        ("not there to adopt",            r#"{"name":"away","vlan":30}"#, true,  "unowned"),
        ("a shared address",              r#"{"name":"vip","vlan":30}"#, true,  "unowned"),
        ("one of two",                    r#"{"name":"two","vlan":30}"#, true,  "unowned"),
        ("the wanted one of two",         r#"{"name":"two","vlan":30,"address":"10.0.0.2"}"#, true,  "10.0.0.2/29 adopted"),
        ("adopted and retired",           r#"{"name":"gone","vlan":31}"#, true,  "10.0.1.4/29 adopted, back"),
        ("wanted and taken",              r#"{"name":"new","vlan":30,"address":"10.0.0.2"}"#, false, "address-taken"),
        ("wanted and free elsewhere",     r#"{"name":"new","vlan":32,"address":"10.0.0.5"}"#, false, "10.0.0.5/29 new"),
        ("wanted, or the next",           r#"{"name":"new","vlan":32,"address":"10.0.0.1","fallback":"next"}"#, false, "10.0.0.2/29 new"),
        ("wanted in the range",           r#"{"name":"new","vlan":30,"address":"10.0.0.6"}"#, false, "excluded"),
        ("no name",                       r#"{"vlan":30}"#, false, "bad-name"),
    ];
    for (name, request, adopt, want) in cases {
        let naming = Naming {
            domain: None,
            adopt: *adopt,
            ..Naming::default()
        };
        let batch = Batch::new(requests(&[request]), &networks(), &Policy::default());
        assert_eq!(told(&batch, &view, &naming, 0), [*want], "{name}");
    }
}

#[test]
fn one_address_of_several() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], &str, &str, &str)] = &[
        ("the first keeps it",            &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b"], r#"{"name":"a","vlan":30}"#, "10.0.0.3/29 kept", "10.0.0.3/29 kept"),
        ("the second does not",           &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30}"#, "shared-address", "10.0.0.2/29 moved"),
        ("nor beside one without owner",  &["10.0.0.3/29", "10.0.0.3/29 key=b"],       r#"{"name":"b","vlan":30}"#, "shared-address", "10.0.0.2/29 moved"),
        ("with another mask",             &["10.0.0.3/32", "10.0.0.3/29 key=b"],       r#"{"name":"b","vlan":30}"#, "shared-address", "10.0.0.2/29 moved"),
        ("in another VRF",                &["10.0.0.3/29 vrf=blue", "10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30}"#, "10.0.0.3/29 kept", "10.0.0.3/29 kept"),
        ("of a VIP",                      &["10.0.0.3/29 role=vip", "10.0.0.3/29 key=b role=vip"], r#"{"name":"b","vlan":30}"#, "10.0.0.3/29 kept", "10.0.0.3/29 kept"),
        ("a guest's, a VIP by now",       &["10.0.0.3/29 key=a role=vip", "10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30}"#, "shared-address", "10.0.0.2/29 moved"),
        ("out of use in its own record",  &["10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30,"ipam_status":"deprecated","tenant":"Acme Inc."}"#, "10.0.0.3/29 kept", "10.0.0.3/29 kept"),
        ("in a new one",                  &["10.0.0.3/29 key=a"], r#"{"name":"b","vlan":30,"tenant":"Acme Inc."}"#, "bad-field", "bad-field"),
        ("another one wanted",            &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30,"address":"10.0.0.5"}"#, "shared-address", "10.0.0.5/29 moved"),
        ("a taken one wanted",            &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b", "10.0.0.5/29"], r#"{"name":"b","vlan":30,"address":"10.0.0.5"}"#, "shared-address", "address-taken"),
        ("the same one wanted",           &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30,"address":"10.0.0.3"}"#, "shared-address", "address-taken"),
        ("nothing is free",               &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b", "10.0.0.2/29", "10.0.0.4/29", "10.0.0.5/29"], r#"{"name":"b","vlan":30}"#, "shared-address", "exhausted"),
        ("it was retired",                &["10.0.0.3/29 key=a", "10.0.0.3/29 key=b retired=2026-11-01"], r#"{"name":"b","vlan":30}"#, "shared-address", "10.0.0.2/29 moved, back"),
        ("two of its own",                &["10.0.0.3/29 key=b", "10.0.0.3/29 key=b"], r#"{"name":"b","vlan":30}"#, "name-taken", "name-taken"),
        ("to adopt the first",            &["10.0.0.3/29 name=b", "10.0.0.3/29 key=c"], r#"{"name":"b","vlan":30}"#, "10.0.0.3/29 adopted", "10.0.0.3/29 adopted"),
        ("to adopt the second",           &["10.0.0.3/29 key=c", "10.0.0.3/29 name=b"], r#"{"name":"b","vlan":30}"#, "shared-address", "shared-address"),
        ("to adopt beside a guest's",     &["10.0.0.3/29 key=c role=vip", "10.0.0.3/29 name=b"], r#"{"name":"b","vlan":30}"#, "shared-address", "shared-address"),
        ("to adopt before a guest's",     &["10.0.0.3/29 name=b", "10.0.0.3/29 key=c role=vip"], r#"{"name":"b","vlan":30}"#, "shared-address", "shared-address"),
        ("to adopt beside nobody's VIP",  &["10.0.0.3/29 role=vip", "10.0.0.3/29 name=b"], r#"{"name":"b","vlan":30}"#, "10.0.0.3/29 adopted", "10.0.0.3/29 adopted"),
    ];
    for (name, records, request, want, reassigned) in cases {
        let view = sample::view(records);
        let batch = Batch::new(requests(&[request]), &networks(), &Policy::default());
        for (reassign, want) in [(false, want), (true, reassigned)] {
            let naming = Naming {
                domain: None,
                adopt: true,
                reassign,
                ..Naming::default()
            };
            assert_eq!(
                told(&batch, &view, &naming, 0),
                [*want],
                "{name} {reassign}"
            );
        }
    }
    // Who was moved by this run gives way, whatever the order of the records.
    let lone = sample::view(&["10.0.0.3/29 key=b", "10.0.0.3/29 key=c"]);
    let mut pending = sample::view(&["10.0.0.3/29 key=b", "10.0.0.3/29 role=vip"]);
    pending.entries[0].comments = "ipalloc: gets the role vip".to_owned();
    let batch = Batch::new(
        requests(&[r#"{"name":"b","vlan":30}"#]),
        &networks(),
        &Policy::default(),
    );
    let naming = Naming {
        reassign: true,
        ..Naming::default()
    };
    for mut view in [lone, pending] {
        view.done.insert(view.entries[0].id);
        assert_eq!(told(&batch, &view, &naming, 0), ["10.0.0.2/29 moved"]);
    }
}

#[test]
fn one_host_by_two_names() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, Option<&str>, &str)] = &[
        ("the longer, owned by the short",  "10.0.0.3/29 key=z name=z.lab",      "z.lab", Some("lab"), "name-taken"),
        ("no domain is given",              "10.0.0.3/29 key=z name=z.lab",      "z.lab", None,        "name-taken"),
        ("the short, owned by the longer",  "10.0.0.3/29 key=z.lab name=Z.lab.", "z",     Some("lab"), "name-taken"),
        ("recorded without the domain",     "10.0.0.3/29 key=z name=z",          "z.lab", Some("lab"), "name-taken"),
        ("elsewhere",                       "10.0.9.3/29 key=z name=z.lab",      "z.lab", Some("lab"), "name-taken"),
        ("of another domain",               "10.0.0.3/29 key=z.x name=z.x",      "z",     Some("lab"), "10.0.0.2/29 new"),
        ("no domain: of some domain",       "10.0.0.3/29 key=z.lab name=z.lab",  "z",     None,        "10.0.0.2/29 new"),
        ("an interface of it",              "10.0.0.3/29 key=z/eth0 name=z.lab", "z",     Some("lab"), "10.0.0.2/29 new"),
        ("its own is in another domain",    "10.0.0.3/29 key=z name=z.x",        "z",     Some("lab"), "name-taken"),
        ("its own is in none",              "10.0.0.3/29 key=z name=z",          "z",     Some("lab"), "10.0.0.3/29 kept"),
        ("its own is in one, none asked for", "10.0.0.3/29 key=z name=z.x",      "z",     None,        "10.0.0.3/29 kept"),
        ("its own is called otherwise",     "10.0.0.3/29 key=z name=y.lab",      "z",     Some("lab"), "10.0.0.3/29 kept"),
        ("no name in the DNS",              "10.0.0.3/29 key=y",                 "z",     Some("lab"), "10.0.0.2/29 new"),
        ("nobody's, without the domain",    "10.0.0.3/29 name=z",                "z.lab", Some("lab"), "unowned"),
        ("nobody's, of another domain",     "10.0.0.3/29 name=z.x",              "z.lab", Some("lab"), "10.0.0.2/29 new"),
    ];
    for (name, record, asked, domain, want) in cases {
        let naming = Naming {
            domain: domain.map(str::to_owned),
            ..Naming::default()
        };
        let request = format!(r#"{{"name":"{asked}","vlan":30}}"#);
        let batch = Batch::new(requests(&[&request]), &networks(), &Policy::default());
        let view = sample::view(&[record]);
        assert_eq!(told(&batch, &view, &naming, 0), [*want], "{name}");
        // What the rule goes by must be asked for.
        let (ask, entry) = (batch.ask(&naming), &view.entries[0]);
        let asked = ask.wants(entry.key.as_deref(), &entry.dns_name, entry.address);
        assert!(asked || want.ends_with("new"), "{name}");
    }
    let naming = Naming {
        domain: Some("lab".into()),
        ..Naming::default()
    };
    let lines = [
        r#"{"name":"z","vlan":30}"#,
        r#"{"name":"Z.lab","vlan":32}"#,
        r#"{"name":"y","vlan":32}"#,
    ];
    let batch = Batch::new(requests(&lines), &networks(), &Policy::default());
    let want = ["duplicate-name", "duplicate-name", "batch"];
    assert_eq!(told(&batch, &View::default(), &naming, 0), want);
    let want = ["10.0.0.2/29 new", "10.0.0.2/29 new", "10.0.0.3/29 new"];
    assert_eq!(told(&batch, &View::default(), &Naming::default(), 0), want);
}

#[test]
fn batches() {
    let view = sample::view(&["10.0.0.3/29 key=web", "10.0.0.4/29 name=db"]);
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("none", &[], &[]),
        ("as many as there are", &[r#"{"name":"a","vlan":30}"#, r#"{"name":"b","vlan":30}"#],
            &["10.0.0.2/29 new", "10.0.0.5/29 new"]),
        ("one too many", &[r#"{"name":"a","vlan":30}"#, r#"{"name":"b","vlan":30}"#, r#"{"name":"c","vlan":30}"#],
            &["batch", "batch", "exhausted"]),
        ("its own takes none", &[r#"{"name":"a","vlan":30}"#, r#"{"name":"web","vlan":30}"#, r#"{"name":"c","vlan":30}"#],
            &["10.0.0.2/29 new", "10.0.0.3/29 kept", "10.0.0.5/29 new"]),
        ("a wish behind the next free", &[r#"{"name":"a","vlan":30}"#, r#"{"name":"b","vlan":30,"address":"10.0.0.2"}"#],
            &["10.0.0.5/29 new", "10.0.0.2/29 new"]),
        ("two wish for one", &[r#"{"name":"a","vlan":30,"address":"10.0.0.2"}"#, r#"{"name":"b","vlan":30,"address":"10.0.0.2"}"#],
            &["batch", "address-taken"]),
        ("one adopts for two", &[r#"{"name":"db","vlan":30,"interface":"a"}"#, r#"{"name":"db","vlan":30,"interface":"b"}"#],
            &["batch", "address-taken"]),
        ("the same owner", &[r#"{"name":"a","vlan":30}"#, r#"{"name":"A.","vlan":32}"#],
            &["duplicate-name", "duplicate-name"]),
        ("two tables count apart", &[r#"{"name":"a","vlan":30}"#, r#"{"name":"b","vlan":32}"#],
            &["10.0.0.2/29 new", "10.0.0.2/29 new"]),
    ];
    let naming = Naming {
        domain: None,
        adopt: true,
        ..Naming::default()
    };
    for (name, lines, want) in cases {
        let batch = Batch::new(requests(lines), &networks(), &Policy::default());
        assert_eq!(told(&batch, &view, &naming, 0), *want, "{name}");
    }
}

#[test]
fn who_was_overtaken_looks_further_on() {
    #[rustfmt::skip]
    let cases: &[(&str, usize, usize, &[&str])] = &[
        ("one free is left out",       1, 1, &["10.0.0.3/29 new"]),
        ("three",                      3, 1, &["10.0.0.5/29 new"]),
        ("as many as there are",       4, 1, &["10.0.0.2/29 new"]),
        ("many more than there are", 99, 1, &["10.0.0.2/29 new"]),
        ("what was left out is needed", 3, 3, &["10.0.0.5/29 new", "10.0.0.2/29 new", "10.0.0.3/29 new"]),
    ];
    let networks = sample::networks(&["10.0.0.0/29 vlan=30", "10.0.0.6-10.0.0.6"]);
    let view = sample::view(&[]);
    for (name, skip, count, want) in cases {
        let request = |n: usize| format!(r#"{{"name":"guest{n}","vlan":30}}"#);
        let lines: Vec<String> = (0..*count).map(request).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let batch = Batch::new(requests(&lines), &networks, &Policy::default());
        assert_eq!(
            told(&batch, &view, &Naming::default(), *skip),
            *want,
            "{name}"
        );
    }
}

#[test]
fn a_server_may_choose_where_nothing_is_held_back() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], Gateway, &[&str], &str, bool)] = &[
        ("a gateway is held back",     &["10.0.0.0/29 vlan=30"], Gateway::First, &[], r#"{"name":"a","vlan":30}"#, false),
        ("it has a record",            &["10.0.0.0/29 vlan=30"], Gateway::First, &["10.0.0.1/29"], r#"{"name":"a","vlan":30}"#, true),
        ("nothing is",                 &["10.0.0.0/29 vlan=30"], Gateway::None, &[], r#"{"name":"a","vlan":30}"#, true),
        ("a range is",                 &["10.0.0.0/29 vlan=30", "10.0.0.5-10.0.0.6"], Gateway::None, &[], r#"{"name":"a","vlan":30}"#, false),
        ("this one was wanted",        &["10.0.0.0/29 vlan=30"], Gateway::None, &[], r#"{"name":"a","vlan":30,"address":"10.0.0.3"}"#, false),
        ("from a range",               &["10.0.0.0/29 vlan=30", "10.0.0.1-10.0.0.6"], Gateway::None, &[], r#"{"name":"a","range":"10.0.0.1"}"#, false),
    ];
    for (name, networks, gateway, records, request, want) in cases {
        let policy = Policy {
            gateway: Some(*gateway),
            ..Policy::default()
        };
        let batch = Batch::new(requests(&[request]), &sample::networks(networks), &policy);
        let granted = batch.decide(&sample::view(records), &Naming::default(), 0);
        let Some(Change::Create(new)) = granted[0].clone().unwrap().change else {
            panic!("{name}");
        };
        assert_eq!(new.any_of.is_some(), *want, "{name}");
    }
}

#[test]
fn how_full_it_is() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], usize, &str)] = &[
        ("nothing",                &["10.0.0.2/29", "10.0.0.3/29", "10.0.0.4/29", "10.0.0.5/29"], 1, "10.0.0.0/29 is full: 6 usable addresses, none free"),
        ("one",                    &["10.0.0.2/29", "10.0.0.3/29", "10.0.0.4/29"], 2, "10.0.0.0/29 has 1 free address, 2 were asked for"),
        ("some, two were wanted",  &["10.0.0.2/29"], 4, "10.0.0.0/29 has 3 free addresses, 4 were asked for"),
    ];
    for (name, records, count, want) in cases {
        let request = |n: usize| match n {
            1 => r#"{"name":"guest1","vlan":30,"address":"10.0.0.5"}"#.to_owned(),
            n => format!(r#"{{"name":"guest{n}","vlan":30}}"#),
        };
        let lines: Vec<String> = (0..*count).map(request).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let batch = Batch::new(requests(&lines), &networks(), &Policy::default());
        let results = batch.decide(&sample::view(records), &Naming::default(), 0);
        let refused = results.into_iter().filter_map(Result::err);
        let messages: Vec<String> = refused
            .filter(|refused| refused.code == Code::Exhausted)
            .map(|refused| refused.message)
            .collect();
        assert_eq!(messages, [*want], "{name}");
    }
}

#[test]
fn all_is_in_longer_prefixes() {
    let networks = sample::networks(&[
        "10.0.0.0/24 status=container",
        "10.0.0.0/25 vlan=30",
        "10.0.0.128/25 vlan=31",
        "10.0.0.120-10.0.0.135",
    ]);
    let lines = &[r#"{"name":"a","range":"10.0.0.120"}"#];
    let force = Policy {
        force: true,
        ..Policy::default()
    };
    let batch = Batch::new(requests(lines), &networks, &force);
    let refused = batch.decide(&sample::view(&[]), &Naming::default(), 0);
    let want = "10.0.0.120-10.0.0.135 has none to give: all its addresses are in 10.0.0.0/25, 10.0.0.128/25, which were not asked for";
    let want = Refused::new(Code::Exhausted, want);
    assert_eq!(refused, [Err(want)]);
}

/// Records need not be listed where the IPAM says itself what is free.
#[test]
fn free_as_the_ipam_says() {
    let bits = |last: u128| span::bits("10.0.0.0".parse().unwrap()) + last;
    #[rustfmt::skip]
    let cases: &[(&str, &str, &[u128], bool, &str, bool)] = &[
        ("the lowest",                "10.0.0.0/29", &[3, 4, 5], false, "10.0.0.3/29", true),
        ("not the gateway",           "10.0.0.0/29", &[1, 4, 5], false, "10.0.0.4/29", false),
        ("not what is in a range",    "10.0.0.0/29 10.0.0.2-10.0.0.4", &[3, 4, 5], false, "10.0.0.5/29", false),
        ("a range that is taken",     "10.0.0.0/29 10.0.0.2-10.0.0.4", &[5], false, "10.0.0.5/29", true),
        ("a range that nothing is said of", "10.0.0.0/29 10.0.0.5-10.0.0.6", &[2, 3], false, "10.0.0.2/29", false),
        ("a range of which all is known",   "10.0.0.0/29 10.0.0.5-10.0.0.6", &[2, 3], true, "10.0.0.2/29", true),
        ("none",                      "10.0.0.0/29", &[],        true,  "exhausted",   false),
    ];
    for (name, lines, free, are_all, want, by_server) in cases {
        let networks = sample::networks(&lines.split(' ').collect::<Vec<_>>());
        let lines = &[r#"{"name":"a","prefix":"10.0.0.0/29"}"#];
        let batch = Batch::new(requests(lines), &networks, &Policy::default());
        let place = batch.ask(&Naming::default()).within.remove(0);
        let free: Vec<u128> = free.iter().map(|last| bits(*last)).collect();
        let known = Known::of_free(Span::of(place.net), &free, *are_all);
        let mut view = sample::view(&[]);
        view.known.insert(place.place(), known);
        let got = batch.decide(&view, &Naming::default(), 0).remove(0);
        let got = got.map_or_else(
            |refused| (refused.code.as_str().to_owned(), false),
            |grant| {
                let any =
                    matches!(&grant.change, Some(Change::Create(new)) if new.any_of.is_some());
                (format!("{}/{}", grant.address, grant.length), any)
            },
        );
        assert_eq!(got, ((*want).to_owned(), *by_server), "{name}");
    }
}

#[test]
fn a_pool_is_filled_from_its_first() {
    let networks = sample::networks(&[
        "10.0.1.0/29 vlan=30",
        "10.0.0.0/29 vlan=30",
        "10.0.2.0/29 vlan=30 full",
    ]);
    let view = sample::view(&[
        "10.0.0.2/29",
        "10.0.0.3/29",
        "10.0.0.4/29",
        "10.0.0.5/29",
        "10.0.1.3/29 key=web name=web",
        "10.0.2.3/29 key=old name=old",
        "10.0.1.4/29 name=db",
        "10.9.0.4/29 key=away name=away",
    ]);
    let one =
        |name: &str, more: &str| format!(r#"{{"name":"{name}","vlan":30,"pool":true{more}}}"#);
    let many = |count: usize| (0..count).map(|n| one(&format!("g{n}"), "")).collect();
    #[rustfmt::skip]
    let cases: &[(&str, Vec<String>, &[&str])] = &[
        ("from the first",           many(1), &["10.0.0.6/29 new"]),
        ("then from the next",       many(4), &["10.0.0.6/29 new", "10.0.1.2/29 new", "10.0.1.5/29 new", "10.0.1.6/29 new"]),
        ("all of them are full",     many(5), &["batch", "batch", "batch", "batch", "exhausted"]),
        ("its own in the second",    vec![one("web", "")], &["10.0.1.3/29 kept"]),
        ("its own in a full one",    vec![one("old", "")], &["10.0.2.3/29 kept"]),
        ("its own elsewhere",        vec![one("away", "")], &["name-taken"]),
        ("adopted in the second",    vec![one("db", "")], &["10.0.1.4/29 adopted"]),
        ("wanted in the second",     vec![one("x", r#","address":"10.0.1.6""#)], &["10.0.1.6/29 new"]),
        ("wanted in a full one",     vec![one("x", r#","address":"10.0.2.6""#)], &["excluded"]),
        ("wanted in none",           vec![one("x", r#","address":"10.0.9.6""#)], &["excluded"]),
        ("or the next",              vec![one("x", r#","address":"10.0.9.6","fallback":"next""#)], &["10.0.0.6/29 new"]),
        ("the gateway of the second", vec![one("x", r#","address":"10.0.1.1""#)], &["excluded"]),
        ("beside one by name",       vec![one("x", ""), r#"{"name":"y","prefix":"10.0.0.0/29","address":"10.0.0.6"}"#.into()], &["10.0.1.2/29 new", "10.0.0.6/29 new"]),
    ];
    let naming = Naming {
        adopt: true,
        ..Naming::default()
    };
    for (name, lines, want) in cases {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let batch = Batch::new(requests(&lines), &networks, &Policy::default());
        assert_eq!(told(&batch, &view, &naming, 0), *want, "{name}");
        for result in batch.decide(&view, &naming, 0).into_iter().flatten() {
            let prefix = result.prefix.unwrap();
            assert!(
                prefix.contains(&result.address),
                "{name}: the one that is used"
            );
        }
    }
    let all = many(5);
    let lines: Vec<&str> = all.iter().map(String::as_str).collect();
    let batch = Batch::new(requests(&lines), &networks, &Policy::default());
    let refused = batch.decide(&view, &naming, 0).pop().unwrap().unwrap_err();
    let want = "10.0.0.0/29, 10.0.1.0/29 have 4 free addresses, 5 were asked for";
    assert_eq!(refused.message, want);
    // Who was overtaken may skip all of the first.
    assert_eq!(batch.decide(&view, &naming, 9).len(), 5);
}
