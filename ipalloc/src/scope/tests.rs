//! Places and what is excluded of them, a table for each question.

use super::*;
use vmid::avoid::Avoid;

use crate::{
    properties::sample,
    request::{Fields, parse_range, parse_wanted},
};

fn networks() -> Networks {
    sample::networks(&[
        "192.168.0.0/16 status=container",
        "192.168.30.0/24 vlan=30",
        "192.168.30.128/28 vlan=31",
        "192.168.40.0/24 vlan=40",
        "192.168.41.0/24 vlan=40",
        "192.168.42.0/24 vlan=42 status=deprecated",
        "192.168.43.0/24 vlan=42",
        "192.168.44.0/24 vlan=44 full",
        "192.168.50.0/30 vlan=50",
        "192.168.50.4/31",
        "192.168.50.6/32",
        "192.168.50.8/29 pool",
        "192.168.30.0/24 vrf=blue",
        "fd00::/64 vlan=60",
        "192.168.30.200-192.168.30.250",
        "192.168.30.120-192.168.30.130",
        "192.168.30.60-192.168.30.69 status=reserved",
        "192.168.30.70-192.168.30.79 populated",
        "192.168.42.60-192.168.42.69",
        "192.168.30.245-192.168.30.255",
        "10.9.0.0-10.9.0.7 length=29",
        "10.9.1.1-10.9.1.9 length=32",
    ])
}

/// `30` is a VLAN, `192.168.30.0/24` a prefix, `192.168.30.200` a range; `blue:` before it a VRF.
fn fields(place: &str) -> Fields {
    let (vrf, place) = match place.split_once(": ") {
        Some((vrf, place)) => (Some(Vrf::parse(vrf)), place),
        None => (None, place),
    };
    let mut fields = Fields {
        vrf,
        ..Fields::default()
    };
    for word in place.split_whitespace() {
        if word.contains('/') {
            fields.place.prefix = Some(word.parse().unwrap());
        } else if word.contains(['.', ':']) {
            fields.place.range = Some(parse_range(word).unwrap());
        } else {
            fields.place.vlan = Some(word.parse().unwrap());
        }
    }
    fields
}

/// The one that is meant.
fn scope(fields: &Fields, policy: &Policy) -> Result<Scope, Refused> {
    Pool::of(fields, &networks(), policy).map(|pool| pool.first().clone())
}

#[test]
fn which_place_a_request_means() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, bool, Result<&str, &str>)] = &[
        ("the prefix of a VLAN",              "31",                          false, Ok("192.168.30.128/28")),
        ("a prefix by name",                  "Global: 192.168.30.0/24",     false, Ok("192.168.30.0/24")),
        ("in the VRF that is named",          "blue: 192.168.30.0/24",       false, Ok("192.168.30.0/24 in VRF blue")),
        ("both hold",                         "30 192.168.30.0/24",          false, Ok("192.168.30.0/24")),
        ("they contradict",                   "31 192.168.30.0/24",          false, Err("no-prefix")),
        ("nowhere",                           "",                            false, Err("no-prefix")),
        ("a VLAN without prefix",             "99",                          false, Err("no-prefix")),
        ("not in that VRF",                   "red: 30",                     false, Err("no-prefix")),
        ("two on a VLAN",                     "40",                          false, Err("ambiguous-prefix")),
        ("one of the two",                    "40 192.168.41.0/24",          false, Ok("192.168.41.0/24")),
        ("one in two VRFs",                   "192.168.30.0/24",             false, Err("ambiguous-prefix")),
        ("an open one beside a closed one",   "42",                          false, Ok("192.168.43.0/24")),
        ("the closed one by name",            "192.168.42.0/24",             false, Err("excluded")),
        ("the same, forced",                  "192.168.42.0/24",             true,  Ok("192.168.42.0/24")),
        ("a container",                       "192.168.0.0/16",              false, Err("excluded")),
        ("a full one by its VLAN, forced",    "44",                          true,  Err("excluded")),
        ("a full one by name, forced",        "44 192.168.44.0/24",          true,  Ok("192.168.44.0/24")),
        ("a range by its first address",      "192.168.30.200",              false, Ok("192.168.30.200-192.168.30.250")),
        ("by its second address",             "192.168.30.201",              false, Err("no-prefix")),
        ("by a wrong last address",           "192.168.30.200-192.168.30.249", false, Err("no-prefix")),
        ("a range on its VLAN",               "30 192.168.30.200",           false, Ok("192.168.30.200-192.168.30.250")),
        ("a range on another VLAN",           "31 192.168.30.200",           false, Err("no-prefix")),
        ("a reserved range",                  "192.168.30.60",               false, Err("excluded")),
        ("a reserved range, forced",          "192.168.30.60",               true,  Ok("192.168.30.60-192.168.30.69")),
        ("a populated range",                 "192.168.30.70",               false, Err("excluded")),
        ("a populated range, forced",         "192.168.30.70",               true,  Err("excluded")),
        ("a range in a deprecated prefix",    "192.168.42.60",               false, Err("excluded")),
        ("a range in no prefix",              "10.9.0.0",                    false, Ok("10.9.0.0-10.9.0.7")),
        ("a range in no prefix, on a VLAN",   "30 10.9.0.0",                 false, Err("no-prefix")),
    ];
    for (name, place, force, want) in cases {
        let policy = Policy {
            force: *force,
            ..Policy::default()
        };
        let scope = scope(&fields(place), &policy);
        let got = scope.and_then(|scope| match &scope.closed {
            Some(closed) => Err(closed.clone()),
            None => Ok(scope.to_string()),
        });
        let got = got.as_deref().map_err(|refused| refused.code.as_str());
        assert_eq!(got, *want, "{name}");
    }
}

#[test]
fn which_addresses_are_never_given() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("any other",                      "31",               "192.168.30.131",    ""),
        ("with the right mask",            "31",               "192.168.30.131/28", ""),
        ("with another mask",              "31",               "192.168.30.131/24", "has the mask /28 in 192.168.30.128/28"),
        ("the network's own",              "192.168.43.0/24",               "192.168.43.0",    "is the network's own or its broadcast address"),
        ("the broadcast address",          "192.168.43.0/24",               "192.168.43.255",    "is the network's own or its broadcast address"),
        ("the gateway",                    "192.168.43.0/24",               "192.168.43.1",    "is the gateway's (see --gateway)"),
        ("outside",                        "31",               "192.168.30.144",    "is not in 192.168.30.128/28"),
        ("the other family",               "31",               "::",                "is not in 192.168.30.128/28"),
        ("in the child prefix",            "30",               "192.168.30.135",    "is in the child prefix 192.168.30.128/28"),
        ("in a range",                     "30",               "192.168.30.120",    "is in the range 192.168.30.120-192.168.30.130, which was not asked for"),
        ("the range is in another VRF",    "blue: 192.168.30.0/24", "192.168.30.120", ""),
        ("avoided",                        "30",               "192.168.30.99",     "is to be avoided (--avoid)"),
        ("first of a /30",                 "50",               "192.168.50.1",      "is the gateway's (see --gateway)"),
        ("second of a /30",                "50",               "192.168.50.2",      ""),
        ("first of a /31",                 "192.168.50.4/31",  "192.168.50.4",      ""),
        ("second of a /31",                "192.168.50.4/31",  "192.168.50.5",      ""),
        ("a /32",                          "192.168.50.6/32",  "192.168.50.6",      ""),
        ("first of a pool",                "192.168.50.8/29",  "192.168.50.8",      ""),
        ("last of a pool",                 "192.168.50.8/29",  "192.168.50.15",     ""),
        ("gateway of a pool",              "192.168.50.8/29",  "192.168.50.9",      "is the gateway's (see --gateway)"),
        ("first of a /64",                 "60",               "fd00::",            "is the network's own or its broadcast address"),
        ("last of a /64",                  "60",               "fd00::ffff:ffff:ffff:ffff", ""),
        ("in the range that was asked for", "192.168.30.200",  "192.168.30.200",    ""),
        ("its end is the broadcast",       "192.168.30.245",   "192.168.30.255",    "is the network's own or its broadcast address"),
        ("another range reaches into it",  "192.168.30.200",   "192.168.30.245",    "is in the range 192.168.30.245-192.168.30.255, which was not asked for"),
        ("a child reaches into it",        "192.168.30.120",   "192.168.30.128",    "is in the child prefix 192.168.30.128/28"),
        ("outside the range",              "192.168.30.200",   "192.168.30.199",    "is not in 192.168.30.200-192.168.30.250"),
        ("network by the range's mask",    "10.9.0.0",         "10.9.0.0",          "is the network's own or its broadcast address"),
        ("gateway by the range's mask",    "10.9.0.0",         "10.9.0.1",          "is the gateway's (see --gateway)"),
        ("avoided in no prefix",           "10.9.1.1",         "10.9.1.9",          "is to be avoided (--avoid)"),
    ];
    let policy = Policy {
        avoid: vec![
            Avoid::parse("99").unwrap(),
            Avoid::parse("10.9.1.9").unwrap(),
        ],
        ..Policy::default()
    };
    for (name, place, address, want) in cases {
        let scope = scope(&fields(place), &policy).unwrap();
        let wanted = parse_wanted(address).unwrap();
        let got = scope.check(wanted);
        let got = got.map_or_else(|refused| refused.message, |_| String::new());
        let got = got
            .strip_prefix(&wanted.address.to_string())
            .unwrap_or(&got)
            .trim();
        assert_eq!(got, *want, "{name}");
    }
}

#[test]
fn all_of_a_range_is_looked_at_for_taken_addresses() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        ("in a prefix",              "192.168.30.200", "192.168.30.0/24"),
        ("its mask holds it",        "10.9.0.0",       "10.9.0.0/29"),
        ("its mask is one address",  "10.9.1.1",       "10.9.1.0/28"),
    ];
    for (name, place, want) in cases {
        let scope = scope(&fields(place), &Policy::default()).unwrap();
        assert_eq!(scope.net().to_string(), *want, "{name}");
    }
}

#[test]
fn which_prefixes_are_one_pool() {
    let networks = sample::networks(&[
        "10.0.1.0/29 vlan=30 of=1",
        "10.0.0.0/29 vlan=30 of=1",
        "10.0.2.0/29 vlan=30 of=1 full",
        "10.0.3.0/29 vlan=30 of=1 status=container",
        "fd00::/64 vlan=30 of=1",
        "10.1.0.0/29 vlan=31 of=2",
        "10.1.1.0/29 vlan=31 of=3",
        "10.2.0.0/29 vlan=32 of=4 scope=a",
        "10.2.1.0/29 vlan=32 of=4",
        "10.3.0.0/29 vlan=33 of=5 scope=a",
        "10.3.1.0/29 vlan=33 of=5 scope=b",
        "10.4.0.0/29 vlan=34 of=6",
        "10.4.1.0/29 vlan=34 of=6 vrf=blue",
        "10.5.0.0/29 vlan=35 of=7 full",
        "10.5.1.0/29 vlan=35 of=7 full",
        "10.6.0.0/16 vlan=36 of=8",
        "10.6.0.0/29 vlan=36 of=8",
    ]);
    #[rustfmt::skip]
    let cases: &[(&str, &str, Result<(&str, usize), &str>)] = &[
        ("in order, a full one for what is in it", "30", Ok(("10.0.0.0/29, 10.0.1.0/29, 10.0.2.0/29", 2))),
        ("one alone",             "30 10.0.1.0/29",    Ok(("10.0.1.0/29", 1))),
        ("two VLANs of a number", "31",                Err("no pool, because they are on several VLANs of that number; name --vlan-group or a narrower --scope")),
        ("a place is not said of one", "32",           Ok(("10.2.0.0/29, 10.2.1.0/29", 2))),
        ("two places",            "33",                Err("no pool, because they are of several places; name --scope")),
        ("two tables",            "34",                Err("no pool, because they are in several VRFs; name --vrf")),
        ("one of the tables",     "Global: 34",        Ok(("10.4.0.0/29", 1))),
        ("none is open",          "35",                Ok(("10.5.0.0/29, 10.5.1.0/29", 0))),
        ("one inside the other",  "36",                Ok(("10.6.0.0/16, 10.6.0.0/29", 2))),
        ("no such VLAN",          "99",                Err("the IPAM has no prefix on VLAN 99")),
    ];
    for (name, place, want) in cases {
        let mut fields = fields(place);
        fields.among.pool = Some(true);
        let pool = Pool::of(&fields, &networks, &Policy::default());
        let got = pool
            .as_ref()
            .map(|pool| (pool.to_string(), pool.open().count()));
        match (got, want) {
            (Ok(got), Ok((all, open))) => assert_eq!(got, ((*all).to_owned(), *open), "{name}"),
            (Err(refused), Err(want)) => {
                let message = &refused.message;
                assert!(message.ends_with(want), "{name}: {message}");
            }
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
    let mut fields = fields("36");
    fields.among.pool = Some(true);
    let pool = Pool::of(&fields, &networks, &Policy::default()).unwrap();
    let holding = |address: &str| pool.holding(address.parse().unwrap(), &Vrf::GLOBAL);
    assert_eq!(holding("10.6.0.3").unwrap().to_string(), "10.6.0.0/29");
    assert_eq!(holding("10.6.9.3").unwrap().to_string(), "10.6.0.0/16");
    assert!(holding("10.7.0.3").is_none());
}

#[test]
fn which_prefixes_belong() {
    use crate::among::{Belonging, parse_scope};
    let mut networks = sample::networks(&[
        "10.0.0.0/24 vlan=30",
        "10.1.0.0/24 vlan=30",
        "fd00::/64 vlan=30",
        "10.1.0.50-10.1.0.60",
    ]);
    let (berlin, acme) = (
        parse_scope("site:berlin").unwrap(),
        Belonging::Tenant("acme".into()),
    );
    networks.prefixes[0].belongs.insert(berlin.clone());
    networks.prefixes[1].belongs.insert(acme.clone());
    networks.prefixes[2]
        .belongs
        .extend([berlin.clone(), acme.clone()]);
    #[rustfmt::skip]
    let cases: &[(&str, &str, bool, bool, Result<&str, &str>)] = &[
        ("the site's",         "30",          true,  false, Ok("10.0.0.0/24")),
        ("the tenant's",       "30",          false, true,  Ok("10.1.0.0/24")),
        ("of both",            "30",          true,  true,  Ok("fd00::/64")),
        ("without a VLAN",     "",            false, true,  Ok("10.1.0.0/24")),
        ("the other's",        "10.0.0.0/24", false, true,  Err("the IPAM has no prefix 10.0.0.0/24 of tenant acme")),
        ("a range of it",      "10.1.0.50",   false, true,  Ok("10.1.0.50-10.1.0.60")),
        ("a range elsewhere",  "10.1.0.50",   true,  false, Err("the IPAM has no range 10.1.0.50 in site berlin")),
        ("no such VLAN",       "blue: 31",    true,  true,  Err("the IPAM has no prefix on VLAN 31 in site berlin of tenant acme in VRF blue")),
    ];
    for (name, place, of_site, of_tenant, want) in cases {
        let mut fields = fields(place);
        fields.among.scopes.extend(of_site.then(|| berlin.clone()));
        fields.among.tenant = of_tenant.then(|| acme.clone());
        let pool = Pool::of(&fields, &networks, &Policy::default());
        let got = pool.map(|pool| pool.to_string()).map_err(|r| r.message);
        let want = want.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_slug_of_several() {
    use crate::among::{Belonging, parse_scope};
    let mut networks = sample::networks(&["10.0.0.0/24 vlan=30"]);
    let scope = |text: &str| parse_scope(text).unwrap();
    let tenant = Belonging::Tenant("acme".into());
    let everything = [
        "site:berlin",
        "location:hall",
        "location:one",
        "location:lost",
        "region:north",
    ];
    networks.prefixes[0].belongs.extend(everything.map(scope));
    networks.prefixes[0].belongs.insert(tenant.clone());
    let sites = |sites: &[&str]| sites.iter().map(|&site| site.to_owned()).collect();
    networks.namesakes = [
        (scope("location:hall"), sites(&["berlin", "munich"])),
        (scope("location:lost"), sites(&["berlin", "berlin"])),
        (scope("region:north"), sites(&["", ""])),
        (tenant, sites(&["", "", ""])),
    ]
    .into();
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], bool, &str)] = &[
        ("of one",               &["location:one"],                  false, ""),
        ("of two sites",         &["location:hall"],                 false, "which prefixes are in location hall is not clear: 2 have that slug; name the site as well (--scope site:berlin,location:hall, site:munich,location:hall) or prefix instead"),
        ("of one with its site", &["site:berlin", "location:hall"],  false, ""),
        ("two of a site",        &["site:berlin", "location:lost"],  false, "which prefixes are in location lost is not clear: 2 have that slug; name prefix instead"),
        ("two regions",          &["site:berlin", "region:north"],   false, "which prefixes are in region north is not clear: 2 have that slug; name prefix instead"),
        ("tenants",              &["site:berlin"],                   true,  "which prefixes are of tenant acme is not clear: 3 have that slug; name prefix instead"),
    ];
    for (name, scopes, of_tenant, want) in cases {
        for (pool, place) in [(None, "30"), (Some(true), "30"), (None, "")] {
            let mut fields = fields(place);
            fields.among.pool = pool;
            fields.among.scopes = scopes.iter().map(|text| scope(text)).collect();
            fields.among.tenant = of_tenant.then(|| Belonging::Tenant("acme".into()));
            let got = Pool::of(&fields, &networks, &Policy::default());
            let got = got.map_or_else(|refused| refused.message, |_| String::new());
            assert_eq!(got, *want, "{name}, at {place:?}");
        }
    }
}

/// Berlin's prefix holds one of Munich's.
#[test]
fn an_address_in_somebody_else_s_child() {
    use crate::among::parse_scope;
    let mut networks = sample::networks(&[
        "10.1.0.0/16 vlan=30",
        "10.1.30.0/24 vlan=30",
        "10.1.0.0/16 vrf=blue",
    ]);
    let berlin = parse_scope("site:berlin").unwrap();
    networks.prefixes[0].belongs.insert(berlin.clone());
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, bool, &str)] = &[
        ("a guest's own",           "",   "10.1.30.9/24", true,  "10.1.30.9 is in 10.1.30.0/24, which is not in site berlin"),
        ("on the VLAN",             "30", "10.1.30.9/24", true,  "10.1.30.9 is in 10.1.30.0/24, which is not in site berlin"),
        ("without a mask",          "30", "10.1.30.9",    true,  "10.1.30.9 is in 10.1.30.0/24, which is not in site berlin"),
        ("a wanted one",            "",   "10.1.30.9",    false, "10.1.30.9 is in 10.1.30.0/24, which is not in site berlin"),
        ("its mask is the parent's", "",  "10.1.30.9/16", false, "10.1.30.9 is in the child prefix 10.1.30.0/24"),
        ("wanted on the VLAN",      "30", "10.1.30.9",    false, "10.1.30.9 is in the child prefix 10.1.30.0/24"),
        ("in none of the child",    "30", "10.1.31.9/16", true,  ""),
        ("another table's",         "blue: ", "10.1.31.9", true, "10.1.31.9 is in 10.1.0.0/16 in VRF blue, which is not in site berlin"),
        ("in no prefix",            "",   "10.2.0.9/24",  true,  "the IPAM has no prefix in site berlin that holds 10.2.0.9"),
    ];
    for (name, place, address, own, want) in cases {
        let mut fields = fields(place);
        let wanted = parse_wanted(address).unwrap();
        fields.among.scopes = vec![berlin.clone()];
        (fields.wanted, fields.own) = (Some(wanted), *own);
        let pool = Pool::of(&fields, &networks, &Policy::default());
        let got = pool.and_then(|pool| match own {
            true => pool.first().check_own(wanted).map(|_| ()),
            false => pool.first().check(wanted).map(|_| ()),
        });
        let got = got.map_or_else(|refused| refused.message, |()| String::new());
        assert_eq!(got, *want, "{name}");
    }
    let mut fields = fields("30");
    fields.among.scopes = vec![berlin];
    let pool = Pool::of(&fields, &networks, &Policy::default()).unwrap();
    let child = Span::of(networks.prefixes[1].net);
    let free = pool.first().excluded.count_free(child, &[]);
    assert_eq!(free, 0, "nothing of it is given, whosever it is");
}
