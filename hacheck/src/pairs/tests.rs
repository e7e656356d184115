//! Pairs and services as they are read, and what is wrong with them.

use super::*;
use crate::probe::What;

const DNS: &str = r#"{"name":"dns","vip":"192.168.10.110","vrid":55,"interface":"eth0","rto_s":15,
        "members":[{"name":"dns-1","address":"192.168.10.111","vmid":10111,"preferred":true},
                   {"name":"dns-2","address":"192.168.10.112","vmid":10112}],
        "probes":[{"dns":{"name":"ha.test","type":"A","expect":"192.0.2.1"}}]}"#;

fn faults(text: &str) -> String {
    let wrong = Pair::parse(text.as_bytes()).map(|_| ());
    let lines = wrong.unwrap_err().0;
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn one_pair_in_all_its_forms() {
    let [pair] = &Pair::parse(DNS.as_bytes()).unwrap()[..] else {
        panic!("one pair");
    };
    assert_eq!(pair.vip, Some("192.168.10.110".parse().unwrap()));
    assert_eq!((pair.vrid, pair.rto_ms), (Some(55), Some(15_000)));
    assert!(pair.members[0].preferred && !pair.members[1].preferred);
    assert_eq!(pair.probes[0].label(), "dns ha.test A");
    let site = format!(r#"{{"name":"homelab","nodes":[],"pairs":[{DNS}]}}"#);
    for text in [&site, &format!("[{DNS}]"), &format!("\u{feff}{DNS}\n")] {
        assert_eq!(Pair::parse(text.as_bytes()).unwrap()[0], *pair, "{text}");
    }
    let of_site = Pair::read(site.as_bytes(), Form::Site, Wanted::default()).unwrap();
    assert_eq!(of_site[0], *pair);
    let half = DNS.replace("\"rto_s\":15", "\"rto_s\":0.5");
    assert_eq!(Pair::parse(half.as_bytes()).unwrap()[0].rto_ms, Some(500));
}

#[test]
fn all_that_is_wrong_is_told_with_its_place() {
    let with = |from: &str, to: &str| {
        assert!(DNS.contains(from), "{from}");
        DNS.replacen(from, to, 1)
    };
    let alone = with(r#""address":"192.168.10.112","#, "");
    #[rustfmt::skip]
        let cases = [
            ("an address is missing", alone.clone(), "pairs[0].members[1].address is missing: hacheck asks each member itself"),
            ("of the second record",  format!("{DNS}{}", alone.replace("dns", "b").replace(".110", ".210").replace(".111", ".211").replace(":55", ":56").replace("1011", "1021")),
             "pairs[1].probes[0].b is not known; there are dns, http, tls, tcp, nfs, route, pihole, on, rebinds (a name of your own begins with x-)"),
            ("in a probe",            with("\"expect\"", "\"expects\""), "pairs[0].probes[0].dns.expects is not known; near: expect"),
            ("beside a probe",        with("{\"dns\"", "{\"onn\":1,\"dns\""), "pairs[0].probes[0].onn is not known; near: on"),
            ("another probe",         with("{\"dns\"", "{\"dnss\""), "pairs[0].probes[0].dnss is not known; near: dns"),
            ("a probe that is none",  with("[{\"dns\"", "[7,{\"dns\""), "pairs[0].probes[0] is 7, not an object"),
            ("here and there",        with("\"vrid\"", "\"vird\"").replace("\"A\"", "\"MX\""),
             "pairs[0].vird is not known; near: vrid\npairs[0].probes[0].dns.type is \"MX\", not A, AAAA, SOA or TXT"),
            ("in a site",             format!(r#"{{"nodse":[],"pairs":[{}]}}"#, with("\"A\"", "\"MX\"")),
             "nodse is not known; near: nodes\npairs[0].probes[0].dns.type is \"MX\", not A, AAAA, SOA or TXT"),
            ("nothing",               "[]".to_owned(), "there is no pair in it"),
            ("a site without pairs",  r#"{"pairs":[]}"#.to_owned(), "there is no pair in it"),
        ];
    for (name, text, want) in cases {
        assert_eq!(faults(&text), want, "{name}");
    }
    let site = Pair::read(br#"{"name":"x"}"#, Form::Site, Wanted::default()).unwrap_err();
    assert_eq!(site.to_string(), "there is no pair in it");
}

#[test]
fn of_the_pairs_that_are_wanted_more_is_asked() {
    let other =
        r#"{"name":"web","members":[{"name":"web-1","vmid":30160},{"name":"web-2","vmid":30162}]}"#;
    let text = format!("{DNS}{other}");
    let read = |wanted: &[&str]| {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted {
            pairs: &wanted,
            services: &[],
        };
        let pairs = Pair::read(text.as_bytes(), Form::Any, wanted);
        pairs.map(|pairs| pairs.into_iter().map(|pair| pair.name).collect::<Vec<_>>())
    };
    assert_eq!(read(&["dns"]), Ok(vec!["dns".to_owned()]));
    let missing = read(&[]).unwrap_err().to_string();
    assert!(
        missing.starts_with("pairs[1].members[0].address is missing"),
        "{missing}"
    );
    let unknown = read(&["dsn", "web2"]).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "there is no pair \"dsn\"; near: dns; there is no pair \"web2\"; near: web"
    );
}

#[test]
fn services_are_read_as_pairs_of_their_addresses() {
    let web =
        r#"{"name":"web","vmid":103,"addresses":["10.0.0.3"],"probes":[{"tcp":{"port":80}}]}"#;
    let names = r#"{"name":"names","pair":"dns","ha":"failover"}"#;
    let text = format!("{web}{DNS}{names}");
    let read = |pairs: &[&str], services: &[&str]| {
        let owned = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let (pairs, services) = (owned(pairs), owned(services));
        let wanted = Wanted {
            pairs: &pairs,
            services: &services,
        };
        Pair::read(text.as_bytes(), Form::Any, wanted)
    };
    let called = |pairs: Vec<Pair>| pairs.iter().map(Pair::called).collect::<Vec<_>>();
    let all = read(&[], &[]).unwrap();
    assert_eq!(called(all.clone()), ["dns", "service web", "service names"]);
    let addresses = |pair: &Pair| -> Vec<String> {
        let members = pair.members.iter();
        members.map(|member| member.address.to_string()).collect()
    };
    assert_eq!(addresses(&all[1]), ["10.0.0.3"]);
    assert_eq!(addresses(&all[2]), ["192.168.10.110"], "the VIP");
    assert_eq!(all[2].probes, all[0].probes, "what the pair's probes ask");
    let nfs = r#"{"name":"nfs","vip":"10.0.0.9","members":[{"name":"a","address":"10.0.0.1"},{"name":"b","address":"10.0.0.2"}],
            "probes":[{"nfs":{"exports":["/srv"]}}]}{"name":"files","pair":"nfs"}"#;
    let files = Pair::parse(nfs.as_bytes()).unwrap().remove(1);
    let What::Nfs(null) = &files.probes[0].what else {
        panic!("{files:?}");
    };
    assert!(null.exports.is_empty(), "they are compared of the pair");
    assert_eq!(
        called(read(&["dns"], &["web"]).unwrap()),
        ["dns", "service web"]
    );
    assert_eq!(called(read(&[], &["names"]).unwrap()), ["service names"]);
    let wrong = read(&["web"], &["nmaes"]).unwrap_err().to_string();
    let want = "there is no pair \"web\", but a service of that name: --service web; there is no service \"nmaes\"; near: names";
    assert_eq!(wrong, want);
}

#[test]
fn what_is_wrong_with_services_is_told() {
    #[rustfmt::skip]
        let cases = [
            ("nobody to ask",   r#"{"services":[{"name":"a","probes":[{"tcp":{"port":1}}]}]}"#, "services[0].probes[0] has nobody to ask: the service has neither addresses nor a pair"),
            ("in a probe",      r#"{"name":"a","addresses":["10.0.0.3"],"probes":[{"tcp":{"prot":1}}]}"#, "services[0].probes[0].tcp.port is missing\nservices[0].probes[0].tcp.prot is not known; near: port"),
            ("on",              r#"{"name":"a","addresses":["10.0.0.3"],"probes":[{"tcp":{"port":1},"on":"vip"}]}"#, "services[0].probes[0].on is not known"),
            ("no address",      r#"{"name":"p","members":[{"name":"a","vmid":101},{"name":"b","address":"10.0.0.2"}]}{"name":"s","pair":"p"}"#, "pairs[0].members[0].address is missing: hacheck asks each member itself"),
            ("exports",         r#"{"name":"a","addresses":["10.0.0.3"],"probes":[{"nfs":{"exports":["/srv"]}}]}"#, "services[0].probes[0].nfs.exports stand in a service"),
            ("pihole",          r#"{"name":"a","addresses":["10.0.0.3"],"probes":[{"pihole":{"password_file":"/x","ca_cert":"/y"}}]}"#, "services[0].probes[0].pihole stands in a service"),
        ];
    for (name, text, want) in cases {
        assert!(faults(text).starts_with(want), "{name}: {}", faults(text));
    }
    let alone = Wanted {
        pairs: &[],
        services: &["s".to_owned()],
    };
    let (pair, service) = (
        r#"{"name":"p","members":[{"name":"a","vmid":101},{"name":"b","address":"10.0.0.2"}]}"#,
        r#"{"name":"s","pair":"p"}"#,
    );
    let text = format!("{pair}{service}");
    let wrong = Pair::read(text.as_bytes(), Form::Any, alone).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        faults(&text),
        "told once, whoever is wanted"
    );
    let via = r#"{"services":[{"name":"a","probes":[{"route":{"url":"http://a/","via":"10.0.0.1","backend":"http://10.0.0.2/"}}]}]}"#;
    assert!(
        Pair::parse(via.as_bytes()).is_ok(),
        "the route says whom to ask"
    );
}

#[test]
fn labels_tell_probes_apart() {
    let probes = r#"[{"http":{"url":"http://{address}/?a=1"}},{"http":{"url":"http://{address}/?b=2"},"on":"vip"},
            {"tcp":{"port":1},"on":"vip"},{"tcp":{"port":1},"on":"members"}]"#;
    let (before, _) = DNS.split_once("[{\"dns\"").unwrap();
    let pair = &Pair::parse(format!("{before}{probes}}}").as_bytes()).unwrap()[0];
    let labels: Vec<String> = (0..4).map(|place| pair.label(place)).collect();
    let want = [
        "http http://{address}/?...",
        "http http://{address}/?... (2)",
        "tcp 1",
        "tcp 1",
    ];
    assert_eq!(labels, want);
}
