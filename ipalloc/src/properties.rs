//! What holds for every IPAM and every series of commands, tried on random ones.
//!
//! Everything goes through [`crate::run`] on files in a folder, as the binary does
//! it. What may be given is for [`oracle`] to say, which knows issue 2 and not the
//! rules' code; how the files must look is for [`sheet`].

mod calls;
mod oracle;
pub mod sample;
mod sheet;
mod trial;
mod world;

use std::{fs, net::IpAddr};

use jiff::Timestamp;
use proptest::{
    prelude::*,
    sample::{Index, select},
};
use serde_json::{Value, json};

use calls::{call, code, snapshot, words};
use oracle::{Ask, Avoid, Place, Rules, Source};
use trial::Trial;
use world::{NAMES, Prefix, VLANS, World, address, world};

/// A command; each comes a day after the one before.
#[derive(Clone, Debug)]
enum Step {
    Allocate(Vec<Draft>, Rules),
    /// With `--retire`, with `--force`.
    Release(Vec<Draft>, bool, bool),
    /// Frees what was retired so many days ago.
    Expire(i64),
}

/// A request that is still to be fitted to a [`World`].
#[derive(Clone, Debug)]
struct Draft {
    name: String,
    interface: Option<&'static str>,
    source: u8,
    which: Index,
    vrf: Option<bool>,
    wanted: Option<IpAddr>,
    next: bool,
    family: Option<u8>,
}

impl Draft {
    fn fit(&self, world: &World) -> Ask {
        let prefix = &world.prefixes[self.which.index(world.prefixes.len())];
        let (mut vrf, mut source) = (prefix.vrf, Source::Prefix(prefix.net));
        match self.source {
            0..3 => source = prefix.vlan.map_or(source, Source::Vlan),
            3..5 if !world.ranges.is_empty() => {
                let range = &world.ranges[self.which.index(world.ranges.len())];
                (vrf, source) = (range.vrf, Source::Range(range.first, range.last));
            }
            5 => source = Source::Vlan(VLANS[0]),
            6 => source = Source::Prefix("10.77.0.0/24".parse().unwrap()),
            7 => source = Source::Nothing,
            _ => {}
        }
        Ask {
            name: self.name.clone(),
            interface: self.interface,
            source,
            vrf: self.vrf.map(|right| if right { vrf } else { "blue" }),
            wanted: self.wanted,
            next: self.next,
            family: self.family,
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    let spell = |(name, how): (&str, u8)| match how {
        0 => name.to_uppercase(),
        1 => format!("{name}."),
        _ => name.to_owned(),
    };
    prop_oneof![
        12 => (select(NAMES.to_vec()), 0_u8..6).prop_map(spell),
        6 => (0_u8..40).prop_map(|n| format!("guest{n}")),
        1 => select(vec!["", "-bad", "a b"]).prop_map(str::to_owned),
    ]
}

fn interface() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![4 => Just(None), 1 => Just(Some("eth0"))]
}

fn rules() -> impl Strategy<Value = Rules> {
    let hosts = (0_u128..40, 0_u128..6).prop_map(|(first, n)| Avoid::Hosts(first, first + n));
    let one = address().prop_map(|address| Avoid::Addresses(address, address));
    let some = (0_u32..60, 0_u32..6).prop_map(|(first, n)| {
        let at = |n: u32| IpAddr::V4((0x0a00_0000 + n).into());
        Avoid::Addresses(at(first), at(first + n))
    });
    let avoid = prop::collection::vec(prop_oneof![hosts, one, some], 0..3);
    let gateway = select(vec!["first", "first", "last", "none"]);
    let domain = prop::option::of(Just("lab"));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (gateway, avoid, flags, domain).prop_map(
        |(gateway, avoid, (adopt, force, reassign), domain)| Rules {
            gateway,
            avoid,
            adopt,
            reassign,
            force,
            domain,
        },
    )
}

fn draft() -> impl Strategy<Value = Draft> {
    let vrf = prop_oneof![2 => Just(None), 6 => Just(Some(true)), 1 => Just(Some(false))];
    let wanted = prop_oneof![2 => Just(None), 1 => address().prop_map(Some)];
    let parts = (
        name(),
        interface(),
        0_u8..24,
        any::<Index>(),
        vrf,
        wanted,
        any::<bool>(),
        prop_oneof![6 => Just(None), 1 => select(vec![Some(4), Some(6)])],
    );
    parts.prop_map(
        |(name, interface, source, which, vrf, wanted, next, family)| Draft {
            family,
            name,
            interface,
            source,
            which,
            vrf,
            wanted,
            next,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let batch = prop_oneof![3 => 1_usize..2, 1 => 2_usize..5];
    let batch = batch.prop_flat_map(|size| prop::collection::vec(draft(), size));
    let leaving = prop::collection::vec(draft(), 1..4);
    prop_oneof![
        6 => (batch, rules()).prop_map(|(batch, rules)| Step::Allocate(batch, rules)),
        3 => (leaving, any::<bool>(), any::<bool>())
            .prop_map(|(leaving, retire, force)| Step::Release(leaving, retire, force)),
        1 => (0_i64..5).prop_map(Step::Expire),
    ]
}

/// What may happen to a file on its way.
#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Put(Index, Vec<u8>),
    Take(Index, usize),
    Replace(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let telling = select(b"\"\"\",;\n\r\t \0\xff\xef\xbb\xbf/.:-019{}[]\\".to_vec());
    let some = prop::collection::vec(prop_oneof![4 => telling, 1 => any::<u8>()], 1..4);
    let any_bytes = prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        3 => any::<Index>().prop_map(Damage::Cut),
        8 => (any::<Index>(), some).prop_map(|(at, bytes)| Damage::Put(at, bytes)),
        3 => (any::<Index>(), 1_usize..9).prop_map(|(at, count)| Damage::Take(at, count)),
        1 => any_bytes.prop_map(Damage::Replace),
    ]
}

impl Damage {
    fn done_to(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Cut(index) => bytes.truncate(at(index)),
            Self::Put(index, more) => {
                let at = at(index);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Take(index, count) => {
                let at = at(index);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::Replace(with) => bytes = with.clone(),
        }
        bytes
    }
}

proptest! {
    // The example that fails is printed; files of seeds are not kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_command_does_what_it_says_and_no_more(
        world in world(),
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let mut trial = Trial::of(&world);
        for step in &steps {
            trial.wait_a_day();
            let fit = |draft: &Draft| draft.fit(&trial.world);
            match step {
                Step::Allocate(drafts, rules) => {
                    let asks: Vec<Ask> = drafts.iter().map(fit).collect();
                    trial.allocate(&asks, rules);
                }
                Step::Release(drafts, retire, force) => {
                    let asks: Vec<Ask> = drafts.iter().map(fit).collect();
                    trial.release(&asks, *retire, *force);
                }
                Step::Expire(days) => trial.expire(*days),
            }
        }
    }

    #[test]
    fn free_is_as_many_as_allocate_gives(world in world(), which: Index, rules in rules()) {
        let rules = Rules { force: false, ..rules };
        let trial = Trial::of(&world);
        let prefix = &world.prefixes[which.index(world.prefixes.len())];
        let vrf = if prefix.vrf.is_empty() { "Global" } else { prefix.vrf };
        let net = prefix.net.to_string();
        let place = words(&["--prefix", &net, "--vrf", vrf]);
        let policy = Rules { adopt: false, reassign: false, domain: None, ..rules.clone() }.flags();
        let show = [words(&["show"]), place.clone(), policy.clone()].concat();
        let shown = trial.call(&show, &[]).records();
        prop_assert_eq!(shown.len(), 1);
        let Some(free) = shown[0]["free"].as_u64().filter(|free| *free < 600) else {
            return Ok(()); // an IPv6 network is not to be filled
        };
        let slow = world.free_unless_closed(prefix, &rules);
        prop_assert_eq!(free, slow.len() as u64);
        let next = slow.first().map(|first| format!("{first}/{}", prefix.net.prefix_len()));
        prop_assert_eq!(&shown[0]["next"], &json!(next));

        let allocate = [words(&["allocate"]), place, policy].concat();
        let guest = |n: u64| json!({"name": format!("guest{n}")});
        let given: Vec<Value> = trial.call(&allocate, &(0..free).map(guest).collect::<Vec<_>>()).records();
        let given = given.iter().map(|answer| answer["address"].as_str().unwrap().to_owned());
        let want = slow.iter().map(|address| format!("{address}/{}", prefix.net.prefix_len()));
        prop_assert_eq!(given.collect::<Vec<_>>(), want.collect::<Vec<_>>());
        let shown = trial.call(&show, &[]).records();
        prop_assert_eq!((&shown[0]["free"], &shown[0]["next"]), (&json!(0), &Value::Null));
        let refused = trial.call(&allocate, &[guest(free)]).records();
        let closed = world.is_closed(Place::Prefix(prefix), &Ask::default(), &rules);
        let want = if closed { "excluded" } else { "exhausted" };
        prop_assert_eq!(code(&refused[0]), Some(want));
    }

    #[test]
    fn a_pool_is_all_that_its_prefixes_have(
        world in world(),
        vlan in select(VLANS.to_vec()),
        vrf in select(vec!["", "", "blue"]),
        family in select(vec![4, 4, 6]),
        rules in rules(),
    ) {
        let rules = Rules { force: false, adopt: false, reassign: false, domain: None, ..rules };
        let ask = Ask { source: Source::Vlan(vlan), ..Ask::default() };
        let on_it = |prefix: &&Prefix| {
            let of_family = prefix.net.addr().is_ipv4() == (family == 4);
            prefix.vlan == Some(vlan) && prefix.vrf == vrf && of_family
        };
        let mut all: Vec<&Prefix> = world.prefixes.iter().filter(on_it).collect();
        let fits = !all.is_empty();
        all.retain(|prefix| !world.is_closed(Place::Prefix(prefix), &ask, &rules));
        all.sort_by_key(|prefix| (prefix.net.network(), prefix.net.prefix_len()));
        let free = |prefix: &&Prefix| {
            let (net, free) = (prefix.net, world.free(Place::Prefix(prefix), &rules));
            let one = move |address| (format!("{address}/{}", net.prefix_len()), net.to_string());
            free.into_iter().map(one)
        };
        let want: Vec<(String, String)> = all.iter().flat_map(free).collect();
        if want.len() > 600 {
            return Ok(()); // an IPv6 network is not to be filled
        }
        let trial = Trial::of(&world);
        let (vlan, family) = (vlan.to_string(), family.to_string());
        let vrf = if vrf.is_empty() { "Global" } else { vrf };
        let line = ["allocate", "--pool", "--vlan", &vlan, "--vrf", vrf, "--family", &family];
        let line = [words(&line), rules.flags()].concat();
        let guest = |n: usize| json!({"name": format!("guest{n}")});
        let guests: Vec<Value> = (0..want.len()).map(guest).collect();
        let given = trial.call(&line, &guests).records();
        let text = |answer: &Value, name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let given = given.iter().map(|answer| (text(answer, "address"), text(answer, "prefix")));
        prop_assert_eq!(given.collect::<Vec<_>>(), want.clone());
        let again = trial.call(&line, &guests);
        prop_assert!(!again.text.contains("\"changed\":true"), "{}", again.text);
        let refused = trial.call(&line, &[guest(want.len())]).records();
        let code_of = match (fits, all.is_empty()) {
            (false, _) => "no-prefix",
            (true, true) => "excluded",
            (true, false) => "exhausted",
        };
        prop_assert_eq!(code(&refused[0]), Some(code_of), "{}", &refused[0]);
    }

    #[test]
    fn both_families_are_one_address_of_each_or_nothing(
        world in world(),
        name in select(NAMES.to_vec()),
        vlan in select(vec![VLANS[0], 40, 40, 40]),
        rules in rules(),
    ) {
        let world = world.with_both(40);
        let trial = Trial::of(&world);
        let vlan = vlan.to_string();
        let args = [words(&["allocate", "--vlan", &vlan, name]), rules.flags()].concat();
        let alone = |family: &str, more: &[&str]| {
            let said = trial.call(&[args.clone(), words(&["--family", family]), words(more)].concat(), &[]);
            (said.is_yes(), said.records().remove(0))
        };
        let (before, halves) = (snapshot(trial.folder.path()), ["4", "6"].map(|f| alone(f, &["-n"])));
        let (yes, both) = alone("both", &[]);
        prop_assert_eq!(yes, halves[0].0 && halves[1].0, "{} of {:?}", &both, &halves);
        if !yes {
            prop_assert_eq!(snapshot(trial.folder.path()), before);
            let codes = halves.each_ref().map(|(_, half)| code(half));
            prop_assert!(codes.contains(&code(&both)), "{} of {:?}", &both, &codes);
            return Ok(());
        }
        let fields = [["address", "prefix"], ["address6", "prefix6"]];
        for ((family, (_, half)), names) in ["4", "6"].iter().zip(&halves).zip(fields) {
            for (name, in_half) in names.iter().zip(fields[0]) {
                prop_assert_eq!(&both[name], &half[in_half]);
            }
            let (yes, again) = alone(family, &[]);
            prop_assert!(yes && again["changed"] == false, "{again}");
            prop_assert_eq!(&again["address"], &half["address"]);
        }
        let changed = halves.iter().any(|(_, half)| half["changed"] == true);
        prop_assert_eq!(&both["changed"], &json!(changed));
        // What came out says enough to ask for the same again.
        let (_, again) = alone("both", &[]);
        let fed = trial.call(&[words(&["allocate"]), rules.flags()].concat(), std::slice::from_ref(&again));
        prop_assert!(fed.is_yes());
        prop_assert_eq!(&fed.records()[0]["address6"], &both["address6"]);
        let freed = trial.call(&words(&["release", name]), &[]).records().remove(0);
        // With the masks of the records, whatever these are.
        let hosts = |answer: &Value| {
            let host = |name| answer[name].as_str().and_then(|cell| cell.split('/').next()).map(str::to_owned);
            ["address", "address6"].map(host)
        };
        prop_assert_eq!(hosts(&freed), hosts(&both));
    }

    #[test]
    fn damaged_files_are_refused_or_understood(
        world in world(),
        file in select(vec!["prefixes.csv", "ip-addresses.csv", "ip-ranges.csv"]),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let trial = Trial::of(&world);
        let path = trial.folder.path().join(file);
        let bytes = damages.iter().fold(fs::read(&path).unwrap(), |bytes, d| d.done_to(bytes));
        fs::write(&path, bytes).unwrap();
        let prefix = world.prefixes[0].net.to_string();
        let allocate = words(&["allocate", "--prefix", &prefix, "--force", "guest1", "guest2"]);
        let before = snapshot(trial.folder.path());
        let said = trial.call(&allocate, &[]);
        if said.end.is_err() {
            prop_assert_eq!(snapshot(trial.folder.path()), before);
        } else if said.is_yes() {
            let again = trial.call(&allocate, &[]);
            prop_assert!(again.is_yes());
            prop_assert_eq!(said.text.replace("true", "false"), again.text.replace("true", "false"));
            let given: Vec<_> = said.records().iter().map(|r| r["address"].to_string()).collect();
            prop_assert_ne!(&given[0], &given[1]);
        }
        for command in [&["show"][..], &["check"], &["release", "--retired-before", "1d"], &["release", "guest1", "web"]] {
            let _ = trial.call(&words(command), &[]);
        }
    }

    #[test]
    fn damaged_input_changes_nothing_unless_it_is_understood(
        world in world(),
        drafts in prop::collection::vec(draft(), 0..4),
        command in select(vec!["allocate", "release", "check"]),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let trial = Trial::of(&world);
        let asks = drafts.iter().map(|draft| draft.fit(&world).record().to_string());
        let input = asks.collect::<Vec<_>>().join("\n").into_bytes();
        let input = damages.iter().fold(input, |bytes, damage| damage.done_to(bytes));
        let before = snapshot(trial.folder.path());
        let said = call(trial.folder.path(), Timestamp::UNIX_EPOCH, &words(&[command]), &input);
        if said.end.is_err() {
            prop_assert_eq!(said.text, "");
            prop_assert_eq!(snapshot(trial.folder.path()), before);
        } else {
            said.records(); // each line is JSON
        }
    }
}
