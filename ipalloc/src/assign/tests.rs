use super::*;

/// `web@pve`: a virtual machine in a cluster, `web@`: in none.
fn machine(id: u64, text: &str, primary: [Option<u64>; 2]) -> Machine {
    let (name, cluster) = text.split_once('@').unwrap();
    let cluster = Some(cluster).filter(|cluster| !cluster.is_empty());
    Machine {
        id,
        name: name.to_owned(),
        cluster: cluster.map(|name| Cluster {
            id: 9,
            name: name.to_owned(),
        }),
        tenant: None,
        primary,
        version: String::new(),
    }
}

fn interface(id: u64, machine: u64, name: &str, mac: Option<&str>) -> Interface {
    Interface {
        id,
        machine,
        name: name.to_owned(),
        mac: mac.map(str::to_owned),
        version: String::new(),
    }
}

fn on(kind: &str, id: u64) -> Option<On> {
    Some(On {
        kind: kind.to_owned(),
        id,
        shown: format!("{kind}-{id}"),
    })
}

fn mac(id: u64, mac: &str, on: Option<On>) -> Mac {
    Mac {
        id,
        mac: mac.to_owned(),
        on,
        version: String::new(),
    }
}

fn wish(cluster: Option<&str>, interface: Which, mac: Option<&str>) -> Wish {
    Wish {
        names: vec!["web".to_owned(), "web.lab.example".to_owned()],
        is_unsure: false,
        cluster: cluster.map(str::to_owned),
        tenant: None,
        interface,
        mac: mac.map(str::to_owned),
    }
}

const TARGET: Target = Target {
    id: Some(70),
    address: IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 7)),
};
const NET0: Which = Which::Any("net0");
const A: &str = "BC:24:11:00:00:0A";
const B: &str = "BC:24:11:00:00:0B";

fn eth1() -> Which {
    Which::Named("eth1".to_owned())
}

fn clusters(names: &[&str]) -> Vec<Cluster> {
    let all = names.iter().zip(9..);
    let one = |(name, id): (&&str, u64)| Cluster {
        id,
        name: (*name).to_owned(),
    };
    all.map(one).collect()
}

/// Takes the step as NetBox would.
fn take(facts: &mut Facts, step: &Step) {
    match step {
        Step::Machine { name, tenant, .. } => facts.machines.push(Machine {
            tenant: tenant.clone(),
            ..machine(50, &format!("{name}@pve"), [None; 2])
        }),
        Step::Interface { machine, name } => {
            facts.interfaces.push(interface(51, *machine, name, None))
        }
        Step::Address { id, interface } => {
            let address = facts.addresses.iter_mut().find(|a| a.id == *id).unwrap();
            assert_eq!(address.on, None, "an address is taken from somebody");
            address.on = on(OF_MACHINE, *interface);
        }
        Step::Primary {
            machine,
            address,
            family,
        } => {
            let machine = facts
                .machines
                .iter_mut()
                .find(|m| m.id == *machine)
                .unwrap();
            assert_eq!(
                machine.primary[*family], None,
                "a primary address is replaced"
            );
            machine.primary[*family] = Some(*address);
        }
        Step::Mac {
            mac: text,
            interface,
        } => facts.macs.push(mac(52, text, on(OF_MACHINE, *interface))),
        Step::Claim { mac, interface } => {
            let mac = facts.macs.iter_mut().find(|m| m.id == *mac).unwrap();
            assert_eq!(mac.on, None, "a MAC address is taken from somebody");
            mac.on = on(OF_MACHINE, *interface);
        }
        Step::First { interface, mac } => {
            let mac = facts.macs.iter().find(|m| m.id == *mac).unwrap().clone();
            let interface = facts
                .interfaces
                .iter_mut()
                .find(|i| i.id == *interface)
                .unwrap();
            assert!(interface.mac.is_none() && mac.on.is_some_and(|on| on.is(interface)));
            interface.mac = Some(mac.mac);
        }
    }
}

/// All steps, and where they lead.
fn run(wish: &Wish, facts: &mut Facts) -> Result<String, String> {
    let mut told = String::new();
    for _ in 0..10 {
        let plan = next(wish, TARGET, facts).map_err(|refused| refused.message)?;
        let Some(step) = plan.step else {
            let At {
                machine,
                interface,
                primary,
            } = &plan.at;
            told += &format!("{interface} of {machine}");
            told += if *primary { "" } else { ", another is primary" };
            return Ok(told + &plan.note.map_or(String::new(), |note| format!("; {note}")));
        };
        take(facts, &step);
        told += match step {
            Step::Machine { .. } => "M ",
            Step::Interface { .. } => "I ",
            Step::Address { .. } => "A ",
            Step::Primary { .. } => "P ",
            Step::Mac { .. } => "mac ",
            Step::Claim { .. } => "claim ",
            Step::First { .. } => "first ",
        };
    }
    panic!("no end: {told}");
}

#[test]
fn steps() {
    let none = || Facts {
        clusters: clusters(&["pve"]),
        addresses: vec![Address { id: 70, on: None }],
        ..Facts::default()
    };
    let with = |machines: &[Machine], interfaces: &[Interface]| Facts {
        machines: machines.to_vec(),
        interfaces: interfaces.to_vec(),
        ..none()
    };
    let web = || machine(1, "web@pve", [None; 2]);
    let has_mac = |macs: &[Mac]| Facts {
        macs: macs.to_vec(),
        ..with(&[web()], &[interface(2, 1, "net0", None)])
    };
    let held = |holder: Option<On>| Facts {
        addresses: vec![Address { id: 70, on: holder }],
        ..with(
            &[web()],
            &[interface(2, 1, "net0", None), interface(3, 1, "eth1", None)],
        )
    };
    let cluster = Some("pve");
    let acme = || Wish {
        tenant: Some("acme".to_owned()),
        ..wish(cluster, NET0, None)
    };
    let of = |tenant: &str, machine: Machine| Machine {
        tenant: Some(tenant.to_owned()),
        ..machine
    };
    let unsure = |name: &str| Wish {
        names: vec![name.to_owned()],
        is_unsure: true,
        ..wish(cluster, NET0, None)
    };
    #[rustfmt::skip]
    let cases: Vec<(&str, Wish, Facts, Result<&str, &str>)> = vec![
        ("nothing is there",          wish(cluster, NET0, Some(A)), none(), Ok("M I A P mac first net0 of web")),
        ("no MAC is known",           wish(cluster, NET0, None), none(), Ok("M I A P net0 of web")),
        ("an interface by name",      wish(cluster, eth1(), None), with(&[web()], &[interface(2, 1, "net0", None)]), Ok("I A P eth1 of web")),
        ("the only interface",        wish(cluster, NET0, None), with(&[web()], &[interface(2, 1, "ens18", None)]), Ok("A P ens18 of web")),
        ("net0 of several",           wish(cluster, NET0, None), with(&[web()], &[interface(2, 1, "eth1", None), interface(3, 1, "net0", None)]), Ok("A P net0 of web")),
        ("none of several",           wish(cluster, NET0, None), with(&[web()], &[interface(2, 1, "a", None), interface(3, 1, "b", None)]),
            Err("the virtual machine web has the interfaces a, b and no net0; say which (--interface, or NAME/INTERFACE)")),
        ("by MAC, whatever its name", wish(cluster, eth1(), Some(A)), with(&[web()], &[interface(2, 1, "ens18", Some(A)), interface(3, 1, "eth2", None)]), Ok("A P ens18 of web")),
        ("by MAC, none is named",     wish(cluster, NET0, Some(A)), with(&[web()], &[interface(2, 1, "net0", None), interface(3, 1, "ens18", Some(A))]), Ok("A P ens18 of web")),
        ("one that is named, with its MAC elsewhere", wish(cluster, eth1(), Some(A)),
            Facts { macs: vec![mac(7, A, on(OF_MACHINE, 2))], ..with(&[web()], &[interface(2, 1, "ens18", Some(A)), interface(3, 1, "eth1", None)]) },
            Ok("A P eth1 of web; the MAC address BC:24:11:00:00:0A of web is on virtualization.vminterface-2 in NetBox; it stays there")),
        ("of a bridge and its member", wish(cluster, eth1(), Some(A)), with(&[web()], &[interface(2, 1, "br0", Some(A)), interface(3, 1, "eth1", Some(A))]), Ok("A P eth1 of web")),
        ("none of them is named",     wish(cluster, NET0, Some(A)), with(&[web()], &[interface(2, 1, "br0", Some(A)), interface(3, 1, "net0", Some(A))]), Ok("A P net0 of web")),
        ("of another tenant",         acme(), with(&[of("globex", web())], &[]),
            Err("NetBox has it of another tenant than acme: the virtual machine web (id 1) of the tenant globex in the cluster pve; another is not made")),
        ("of its tenant",             acme(), with(&[of("globex", machine(4, "web@pve", [None; 2])), of("acme", web())], &[interface(2, 1, "net0", None), interface(3, 4, "eth9", None)]), Ok("A P net0 of web")),
        ("of no tenant",              acme(), with(&[of("globex", machine(4, "web@pve", [None; 2])), web()], &[interface(2, 1, "net0", None), interface(3, 4, "eth9", None)]), Ok("A P net0 of web")),
        ("of a tenant that isn't told", wish(cluster, NET0, None), with(&[of("globex", web())], &[]), Ok("I A P net0 of web")),
        ("its tenant's is elsewhere", acme(), with(&[of("acme", machine(4, "web@other", [None; 2])), of("globex", web())], &[]),
            Err("NetBox has it elsewhere than in the cluster pve: the virtual machine web (id 4) of the tenant acme in the cluster other; another is not made")),
        ("for a tenant",              acme(), none(), Ok("M I A P net0 of web")),
        ("perhaps without its domain", unsure("web.lab.example"), with(&[web()], &[]),
            Err("NetBox has the virtual machine web (id 1) in the cluster pve, and no domain is known that says whether that is web.lab.example (--domain, or the site's domain); another is not made")),
        ("perhaps with its domain",   unsure("web"), with(&[machine(1, "Web.lab.example@pve", [None; 2])], &[]),
            Err("NetBox has the virtual machine Web.lab.example (id 1) in the cluster pve, and no domain is known that says whether that is web (--domain, or the site's domain); another is not made")),
        ("both spellings",            unsure("web"), with(&[machine(4, "web.lab.example@pve", [None; 2]), web()], &[]), Ok("I A P net0 of web")),
        ("another domain's",          unsure("web.lab.example"), with(&[machine(4, "web.b.example@pve", [None; 2])], &[]), Ok("M I A P net0 of web.lab.example")),
        ("only begins so",            unsure("web"), with(&[machine(4, "web2.b.example@pve", [None; 2])], &[]), Ok("M I A P net0 of web")),
        ("in capitals",               wish(cluster, NET0, None), with(&[machine(1, "WEB@PVE", [None; 2])], &[]), Ok("I A P net0 of WEB")),
        ("with its domain",           wish(cluster, NET0, None), with(&[machine(1, "web.lab.example@pve", [None; 2])], &[]), Ok("I A P net0 of web.lab.example")),
        ("in any cluster",            wish(None, NET0, None), with(&[machine(1, "web@other", [None; 2])], &[]), Ok("I A P net0 of web")),
        ("no cluster to make it in",  wish(None, NET0, None), none(),
            Err("NetBox has no virtual machine web or web.lab.example, and no cluster is named to make it in (--cluster, or the site's netbox.cluster)")),
        ("in another cluster",        wish(cluster, NET0, None), with(&[machine(1, "web@other", [None; 2])], &[]),
            Err("NetBox has it elsewhere than in the cluster pve: the virtual machine web (id 1) in the cluster other; another is not made")),
        ("in none",                   wish(cluster, NET0, None), with(&[machine(1, "web@", [None; 2])], &[]),
            Err("NetBox has it elsewhere than in the cluster pve: the virtual machine web (id 1) in no cluster; another is not made")),
        ("there and elsewhere",       wish(cluster, NET0, None), with(&[machine(4, "web@other", [None; 2]), web()], &[]), Ok("I A P net0 of web")),
        ("two of them",               wish(None, NET0, None), with(&[machine(4, "web@other", [None; 2]), web()], &[]),
            Err("NetBox has several: the virtual machine web (id 4) in the cluster other, the virtual machine web (id 1) in the cluster pve; --cluster says which")),
        ("two of two tenants",        wish(cluster, NET0, None), with(&[machine(4, "web@pve", [None; 2]), web()], &[]),
            Err("NetBox has several in the cluster pve: the virtual machine web (id 4) in the cluster pve, the virtual machine web (id 1) in the cluster pve")),
        ("no such cluster",           wish(Some("pvx"), NET0, None), none(), Err("NetBox has no cluster \"pvx\", or the token may not see it")),
        ("several clusters",          wish(cluster, NET0, None), Facts { clusters: clusters(&["pve", "pve"]), ..none() },
            Err("NetBox has several clusters \"pve\" (ids 9, 10), so no virtual machine is made")),
        ("clusters that differ in capitals", wish(cluster, NET0, None), Facts { clusters: clusters(&["PVE", "pve"]), ..none() }, Ok("M I A P net0 of web")),
        ("it is there already",       wish(cluster, NET0, None), held(on(OF_MACHINE, 2)), Ok("P net0 of web")),
        ("on another interface of it", wish(cluster, NET0, None), held(on(OF_MACHINE, 3)), Ok("P eth1 of web")),
        ("on another machine's",      wish(cluster, NET0, None), held(on(OF_MACHINE, 99)), Err("192.0.2.7 is on virtualization.vminterface-99 in NetBox, and stays there")),
        ("on a device's of that number", wish(cluster, NET0, None), held(on("dcim.interface", 2)), Err("192.0.2.7 is on dcim.interface-2 in NetBox, and stays there")),
        ("it has a primary address",  wish(cluster, NET0, None), with(&[machine(1, "web@pve", [Some(8), None])], &[interface(2, 1, "net0", None)]), Ok("A net0 of web, another is primary")),
        ("one of IPv6",               wish(cluster, NET0, None), with(&[machine(1, "web@pve", [None, Some(8)])], &[interface(2, 1, "net0", None)]), Ok("A P net0 of web")),
        ("the MAC is free",           wish(cluster, NET0, Some(A)), has_mac(&[mac(5, A, None), mac(6, A, None)]), Ok("A P claim first net0 of web")),
        ("the MAC is on it",          wish(cluster, NET0, Some(A)), has_mac(&[mac(7, A, on(OF_MACHINE, 2)), mac(5, A, on(OF_MACHINE, 2))]), Ok("A P first net0 of web")),
        ("the MAC is another's",      wish(cluster, NET0, Some(A)), has_mac(&[mac(5, A, on("dcim.interface", 2))]),
            Ok("A P net0 of web; the MAC address BC:24:11:00:00:0A of web is on dcim.interface-2 in NetBox; it stays there")),
        ("it has another MAC",        wish(cluster, NET0, Some(A)), with(&[web()], &[interface(2, 1, "net0", Some(B))]),
            Ok("A P net0 of web; net0 of web has the MAC address BC:24:11:00:00:0B in NetBox, not BC:24:11:00:00:0A; it stays")),
    ];
    for (name, wish, mut facts, want) in cases {
        let got = run(&wish, &mut facts);
        let got = got.as_deref().map_err(String::as_str);
        assert_eq!(got, want, "{name}");
        if let Ok(told) = want {
            // A second run finds everything done.
            let end = told
                .split(' ')
                .skip_while(|w| ["M", "I", "A", "P", "mac", "claim", "first"].contains(w));
            let end = end.collect::<Vec<_>>().join(" ");
            assert_eq!(
                run(&wish, &mut facts).as_deref(),
                Ok(end.as_str()),
                "{name}, again"
            );
        }
    }
}

#[test]
fn a_name_that_no_machine_may_have() {
    let long = Wish {
        names: vec!["a".repeat(65)],
        ..wish(Some("pve"), NET0, None)
    };
    let facts = Facts {
        clusters: clusters(&["pve"]),
        ..Facts::default()
    };
    let why = possible(&long, &facts).unwrap_err();
    assert!(why.message.contains("longer than 64"), "{}", why.message);
}

#[test]
fn a_rehearsal_goes_on_from_what_would_be() {
    let mut facts = Facts {
        clusters: clusters(&["pve"]),
        ..Facts::default()
    };
    let target = |address: &str| Target {
        id: None,
        address: address.parse().unwrap(),
    };
    #[rustfmt::skip]
    let cases = [
        ("the first interface",      NET0,   "192.0.2.7",   "net0", true),
        ("its other family",         NET0,   "2001:db8::7", "net0", true),
        ("a second interface",       eth1(), "192.0.2.8",   "eth1", false),
    ];
    for (what, interface, address, want, primary) in cases {
        let wish = wish(Some("pve"), interface, None);
        let plan = next(&wish, target(address), &facts).unwrap();
        assert_eq!(
            (plan.at.interface.as_str(), plan.at.primary),
            (want, primary),
            "{what}"
        );
        facts.rehearse(&wish, target(address), &plan);
    }
    assert_eq!((facts.machines.len(), facts.interfaces.len()), (1, 2));
}

#[test]
fn a_refused_mac_address_is_a_note() {
    let step = |mac: bool| match mac {
        true => Step::Mac {
            mac: A.to_owned(),
            interface: 1,
        },
        false => Step::Address {
            id: 1,
            interface: 1,
        },
    };
    for mac in [true, false] {
        let told = Assigned::default().without(&step(mac), "no".to_owned());
        assert_eq!((told.note.is_some(), told.refused.is_some()), (mac, !mac));
    }
}
