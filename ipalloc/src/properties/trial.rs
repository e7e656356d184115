//! A series of commands on one folder, and a model of the IPAM that follows it:
//! after each command the file must hold what the model holds, and no more.

use std::{collections::HashSet, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    calls::{Said, call, call_twice, code, words},
    oracle::{Ask, Place, Rules},
    sheet::Sheet,
    world::{Record, World},
};

/// The folder and its model.
pub struct Trial {
    pub folder: TempDir,
    pub world: World,
    now: Timestamp,
}

impl Trial {
    pub fn of(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        world.write(folder.path());
        Self {
            folder,
            world: world.clone(),
            now: "2026-11-22T00:00:00Z".parse().unwrap(),
        }
    }

    pub fn wait_a_day(&mut self) {
        self.now += SignedDuration::from_hours(24);
    }

    pub fn call(&self, args: &[String], requests: &[Value]) -> Said {
        call(self.folder.path(), self.now, args, &lines(requests))
    }

    fn call_twice(&self, args: &[String], requests: &[Value]) -> Said {
        call_twice(self.folder.path(), self.now, args, &lines(requests))
    }

    fn sheet(&self) -> Sheet {
        Sheet::read(self.folder.path(), self.world.styles[1])
    }

    /// The file holds `want` now, and nothing but what had to change did.
    fn settle(&mut self, before: &Sheet, want: Vec<Record>, gone: &[usize], touched: &[usize]) {
        let (after, style) = (self.sheet(), self.world.styles[1]);
        let new = want.len() + gone.len() - self.world.records.len();
        if gone.is_empty() && touched.is_empty() && new == 0 {
            assert_eq!(after.bytes, before.bytes, "nothing to do, nothing done");
        }
        assert_eq!(after.records(style), want);
        after.assert_kept(before, style, gone, touched);
        self.world.records = want;
    }

    pub fn allocate(&mut self, asks: &[Ask], rules: &Rules) {
        let before = self.sheet();
        let requests: Vec<Value> = asks.iter().map(Ask::record).collect();
        let args = [words(&["allocate"]), rules.flags()].concat();
        let said = self.call_twice(&args, &requests);
        let answers = said.records();
        assert_eq!(answers.len(), asks.len());
        if !said.is_yes() {
            assert!(answers.iter().any(|answer| code(answer) != Some("batch")));
            for ((at, answer), request) in answers.iter().enumerate().zip(&requests) {
                let code = code(answer).expect("all or nothing");
                assert!(self.may_refuse(code, at, asks, rules), "{answer}");
                let mut rest = answer.as_object().unwrap().clone();
                rest.remove("error");
                assert_eq!(rest.remove("changed"), Some(json!(false)));
                assert_eq!(Value::from(rest), *request, "nothing else is said");
            }
            self.settle(&before, self.world.records.clone(), &[], &[]);
            return;
        }
        let (mut want, mut touched) = (self.world.records.clone(), Vec::new());
        for (at, answer) in answers.iter().enumerate() {
            self.grant(at, answer, asks, rules, &mut want, &mut touched);
        }
        let mut once = HashSet::new();
        let old = self.world.records.iter();
        let mut new = want
            .iter()
            .enumerate()
            .filter(|(at, r)| {
                old.clone()
                    .nth(*at)
                    .is_none_or(|old| old.address != r.address)
            })
            .map(|(_, record)| record);
        assert!(
            new.all(|r| once.insert((r.address, r.vrf.clone()))),
            "an address is given twice"
        );
        self.settle(&before, want, &[], &touched);

        let again = self.call(&args, &requests);
        let unchanged = said.text.replace("\"changed\":true", "\"changed\":false");
        let unchanged = unchanged.replace(",\"revived\":true", "");
        let unchanged = without(&unchanged, ",\"instead_of\":\"", "\"");
        assert_eq!(again.text, unchanged, "the same again");
        self.settle(&self.sheet(), self.world.records.clone(), &[], &[]);
    }

    /// Whether a refusal is true; which of several true ones is told is the code's choice.
    fn may_refuse(&self, code: &str, at: usize, asks: &[Ask], rules: &Rules) -> bool {
        let (ask, records) = (&asks[at], &self.world.records);
        let places = self.world.places(ask, rules);
        let is_closed = |place: &Place<'_>| self.world.is_closed(*place, ask, rules);
        let here = |r: &Record| places.iter().any(|p| p.is_ipv4() == r.address.is_ipv4());
        let is_own = |r: &&Record| places.iter().any(|place| r.is_own(ask, place.is_ipv4()));
        let unowned = records.iter().filter(|r| here(r));
        let mut unowned = unowned.filter(|r| r.may_be_unowned_of(ask, rules));
        match code {
            "batch" => asks.len() > 1,
            "bad-name" => ask.has_bad_name(),
            "duplicate-name" => {
                let same = asks.iter().filter(|a| a.key() == ask.key()).count();
                same > 1 || asks.iter().any(|a| a.is_another_name_of(ask, rules))
            }
            "no-prefix" => places.is_empty(),
            "ambiguous-prefix" => places.len() > 1,
            "unowned" => unowned.next().is_some(),
            "shared-address" => {
                let mut own = records.iter().filter(is_own).filter(|_| !rules.reassign);
                let is_kept = |r: &Record| self.world.is_kept_by_another(r);
                own.any(is_kept) || unowned.any(|r| self.world.is_not_to_adopt(r))
            }
            "excluded" if places.iter().all(is_closed) => !places.is_empty(),
            "excluded" => ask.wanted.is_some_and(|wanted| {
                let never = |place: &Place<'_>| self.world.never(*place, wanted, rules).is_some();
                !ask.next && places.iter().any(never)
            }),
            "address-taken" => ask.wanted.map_or(rules.adopt && asks.len() > 1, |wanted| {
                let taken = |r: &Record| places.iter().any(|p| r.is_at(wanted, p.vrf()));
                (!ask.next && records.iter().any(taken)) || asks.len() > 1
            }),
            "name-taken" => {
                // The key that a new address would get is that of one of the other family.
                let stolen = |place: &Place<'_>| {
                    let key = ask.key_of(place.is_ipv4());
                    !records.iter().any(|r| r.is_own(ask, place.is_ipv4()))
                        && records.iter().any(|r| r.key == key)
                };
                let own = records.iter().filter(is_own);
                let own: Vec<_> = own.chain(unowned.filter(|_| rules.adopt)).collect();
                let other = |r: &&Record| {
                    let here = |p: &Place<'_>| p.holds(r.address) && p.vrf() == r.vrf;
                    !places.iter().any(here)
                        || (!ask.next && ask.wanted.is_some_and(|wanted| wanted != r.address))
                };
                let another_s = |r: &Record| r.is_another_s_of_the_name(ask, rules);
                let abroad = |r: &&Record| is_own(r) && r.is_in_another_domain(ask, rules);
                places.iter().any(stolen)
                    || own.iter().copied().any(|r| abroad(&r))
                    || own.len() > 1
                    || own.iter().any(other)
                    || (own.is_empty() || rules.adopt) && records.iter().any(another_s)
            }
            "exhausted" => places
                .iter()
                .any(|place| self.world.free(*place, rules).len() < asks.len()),
            _ => false,
        }
    }

    /// Whether a grant is right, and what the records must be after it.
    fn grant(
        &self,
        at: usize,
        answer: &Value,
        asks: &[Ask],
        rules: &Rules,
        want: &mut Vec<Record>,
        touched: &mut Vec<usize>,
    ) {
        let (ask, at_of, records) = (&asks[at], at, &self.world.records);
        assert!(!ask.has_bad_name());
        assert!(!asks.iter().any(|a| a.is_another_name_of(ask, rules)));
        let places = self.world.places(ask, rules);
        let [place] = places[..] else {
            panic!("{answer} out of {places:?}");
        };
        let (address, length) = split(&answer["address"]);
        let key = ask.key_of(address.is_ipv4());
        let same = |a: &&Ask| {
            let places = self.world.places(a, rules);
            places.iter().all(|p| a.key_of(p.is_ipv4()) == key)
        };
        assert_eq!(asks.iter().filter(same).count(), 1);
        let prefix = self.world.prefix_of(place);
        let net = prefix.map(|prefix| prefix.net.to_string());
        assert_eq!(answer["prefix"], json!(net));
        assert_eq!(answer["vlan"], json!(prefix.and_then(|prefix| prefix.vlan)));
        assert_eq!(answer["note"], json!({"kept": [1, 2]}));
        // A host's own mask reaches no neighbour; the network's does.
        let is_host = |length: u8| length == if address.is_ipv4() { 32 } else { 128 };
        let borne = |length: u8| match prefix {
            Some(prefix) if is_host(length) => prefix.net.prefix_len(),
            _ => length,
        };
        assert!(ask.next || ask.wanted.is_none_or(|wanted| wanted == address));

        let having = |test: &dyn Fn(&Record) -> bool| {
            let all = (0..records.len()).filter(|at| test(&records[*at]));
            all.collect::<Vec<_>>()
        };
        let own = having(&|r| r.is_own(ask, address.is_ipv4()));
        let stolen = having(&|r| r.key == key);
        assert!(!own.is_empty() || stolen.is_empty(), "{answer}");
        let another_s = having(&|r| r.is_another_s_of_the_name(ask, rules));
        assert!(!own.is_empty() || another_s.is_empty(), "{answer}");
        let adopted = having(&|r| r.may_be_unowned_of(ask, rules) && r.is_at(address, place.vrf()));
        if let Some(&at) = own.first().or(adopted.first()) {
            let record = &records[at];
            assert!(own.len() < 2, "{answer} is one of several");
            assert_eq!(answer.get("differs"), record.drift(ask, rules).as_ref());
            assert!(own.is_empty() || !record.is_in_another_domain(ask, rules));
            if self.world.is_kept_by_another(record) {
                assert!(rules.reassign && !own.is_empty(), "{answer} is another's");
                let old = format!("{}/{}", record.address, record.length);
                assert!(answer["instead_of"].as_str().unwrap().starts_with(&old));
                self.assert_new(address, place, asks, at_of, rules);
                assert_eq!(answer["changed"], true);
                touched.push(at);
                (want[at].address, want[at].length) = (address, length);
                if record.retired().is_some() {
                    want[at].revive();
                }
                return;
            }
            assert!(record.is_at(address, place.vrf()), "{answer}: {record:?}");
            assert_eq!(length, borne(record.length));
            let adopts = own.is_empty();
            assert!(rules.adopt || !adopts, "{answer}: {record:?}");
            let may_adopt = !self.world.is_not_to_adopt(record);
            assert!(may_adopt || !adopts, "{answer}: {record:?}");
            let changed = adopts || record.retired().is_some();
            assert_eq!(answer["changed"], changed);
            let revived = record.retired().map_or(Value::Null, |_| json!(true));
            assert_eq!(answer["revived"], revived);
            if changed {
                touched.push(at);
            }
            if adopts {
                want[at].key.clone_from(&key);
            }
            if record.retired().is_some() {
                want[at].revive();
            }
            return;
        }
        let is_passed_over =
            |r: &Record| r.address.is_ipv4() == address.is_ipv4() && r.is_unowned_of(ask, rules);
        let passed_over = having(&is_passed_over);
        assert!(passed_over.is_empty(), "{answer}: {passed_over:?}");
        self.assert_new(address, place, asks, at_of, rules);
        assert_eq!(answer.get("differs"), None, "{answer}");
        let dns_name = ask.dns_name(rules);
        assert_eq!(
            (&answer["changed"], &answer["dns_name"]),
            (&json!(true), &json!(dns_name))
        );
        assert_eq!(length, borne(place.length()));
        want.push(Record {
            address,
            length,
            vrf: place.vrf().into(),
            status: "active".into(),
            role: String::new(),
            dns_name,
            key,
            comments: String::new(),
        });
    }

    /// It may be handed out there, and is the wanted or the lowest one.
    fn assert_new(
        &self,
        address: IpAddr,
        place: Place<'_>,
        asks: &[Ask],
        at: usize,
        rules: &Rules,
    ) {
        let ask = &asks[at];
        let closed = self.world.is_closed(place, ask, rules);
        assert!(!closed, "{address} out of {place:?}");
        assert_eq!(self.world.never(place, address, rules), None, "{address}");
        if asks.len() == 1 {
            let may = |wanted: &IpAddr| self.world.never(place, *wanted, rules).is_none();
            let wish = ask.wanted.filter(may);
            let lowest = self.world.free(place, rules).first().copied();
            assert_eq!(Some(address), wish.or(lowest));
        }
    }

    pub fn release(&mut self, asks: &[Ask], retire: bool, force: bool) {
        let before = self.sheet();
        let record = |ask: &Ask| json!({"name": ask.name, "interface": ask.interface});
        let requests: Vec<Value> = asks.iter().map(record).collect();
        let mut args = words(&["release"]);
        args.extend(retire.then(|| "--retire".to_owned()));
        args.extend(force.then(|| "--force".to_owned()));
        let said = self.call_twice(&args, &requests);
        let answers = said.records();
        assert_eq!(answers.len(), asks.len());
        if !said.is_yes() {
            assert!(answers.iter().any(|answer| code(answer) != Some("batch")));
            for (at, answer) in answers.iter().enumerate() {
                let code = code(answer).expect("all or nothing");
                assert!(self.may_not_release(code, at, asks, force), "{answer}");
            }
            self.settle(&before, self.world.records.clone(), &[], &[]);
            return;
        }
        let (mut want, mut gone, mut touched) = (self.world.records.clone(), vec![], vec![]);
        for (answer, ask) in answers.iter().zip(asks) {
            let mut any = false;
            for at in self.released(answer, ask, force) {
                let changed = !retire || want[at].retired().is_none();
                any |= changed;
                if changed && retire {
                    touched.push(at);
                    want[at].retire(self.now);
                    if want[at].key.is_empty() {
                        // So that it can be freed, or come back.
                        want[at].key = ask.key_of(want[at].address.is_ipv4());
                    }
                } else if changed {
                    gone.push(at);
                }
            }
            assert_eq!(answer["changed"], any);
        }
        let kept = (0..want.len()).filter(|at| !gone.contains(at));
        let want = kept.map(|at| want[at].clone()).collect();
        self.settle(&before, want, &gone, &touched);
    }

    fn may_not_release(&self, code: &str, at: usize, asks: &[Ask], force: bool) -> bool {
        let (ask, records, any) = (&asks[at], &self.world.records, Rules::default());
        let own = |is_ipv4| records.iter().filter(|r| r.is_own(ask, is_ipv4)).count();
        let own = [own(true), own(false)];
        let unowned = records.iter().filter(|r| r.may_be_unowned_of(ask, &any));
        match code {
            "batch" => asks.len() > 1,
            "bad-name" => ask.has_bad_name(),
            "duplicate-name" => {
                // Two names can mean one record that is nobody's.
                let one = |a: &&Ask| {
                    let meant = |r: &&Record| r.may_be_unowned_of(a, &any);
                    a.key() == ask.key() || (force && unowned.clone().any(|r| meant(&r)))
                };
                asks.iter().filter(one).count() > 1
            }
            "not-ours" => own == [0, 0] && unowned.count() > usize::from(force),
            "name-taken" => own.iter().any(|own| *own > 1),
            _ => false,
        }
    }

    /// The places of the records that were released, the IPv4 one first.
    fn released(&self, answer: &Value, ask: &Ask, force: bool) -> Vec<usize> {
        let (records, any) = (&self.world.records, Rules::default());
        let forced = |r: &Record| force && r.may_be_unowned_of(ask, &any);
        let own = |is_ipv4| records.iter().position(|r| r.is_own(ask, is_ipv4));
        let mut all: Vec<usize> = [own(true), own(false)].into_iter().flatten().collect();
        if all.is_empty() {
            all.extend(records.iter().position(forced));
        }
        for (name, at) in ["address", "address6"].iter().zip(&all) {
            let record = &records[*at];
            let address = format!("{}/{}", record.address, record.length);
            assert_eq!(answer[name], address);
        }
        match all.first() {
            Some(first) => assert_eq!(answer["dns_name"], records[*first].dns_name),
            None => {
                let left = records.iter().find(|r| r.is_unowned_of(ask, &any));
                assert_eq!(left, None, "not a word of it in {answer}");
                assert_eq!(answer["changed"], false);
            }
        }
        let named = ["address", "address6"].map(|name| answer.get(name).is_some());
        assert_eq!(named.iter().filter(|named| **named).count(), all.len());
        all
    }

    pub fn expire(&mut self, days: i64) {
        let before = self.sheet();
        let due = self.now - SignedDuration::from_hours(24 * days);
        let is_due = |r: &Record| r.retired().is_some_and(|at| at <= due);
        let (gone, kept): (Vec<usize>, Vec<usize>) =
            (0..self.world.records.len()).partition(|at| is_due(&self.world.records[*at]));
        let args = words(&["release", "--retired-before", &format!("{days}d")]);
        let said = self.call_twice(&args, &[]);
        assert!(said.is_yes());
        let told = said.records().into_iter();
        let told: Vec<_> = told.map(|record| split(&record["address"]).0).collect();
        let freed = gone.iter().map(|at| self.world.records[*at].address);
        assert_eq!(told, freed.collect::<Vec<_>>());
        let want = kept.iter().map(|at| self.world.records[*at].clone());
        self.settle(&before, want.collect(), &gone, &[]);
    }
}

/// What retiring does to a record, and how it is undone.
impl Record {
    const MARK: &str = "ipalloc: retired ";

    fn retired(&self) -> Option<Timestamp> {
        let mut lines = self.comments.lines().rev();
        let at = lines.find_map(|line| line.strip_prefix(Self::MARK)?.parse().ok());
        at.filter(|_| self.status == "deprecated")
    }

    fn unmark(&mut self) {
        let lines = self.comments.lines();
        let kept: Vec<_> = lines.filter(|line| !line.starts_with(Self::MARK)).collect();
        self.comments = kept.join("\n");
    }

    fn retire(&mut self, now: Timestamp) {
        self.unmark();
        self.status = "deprecated".into();
        let end = if self.comments.is_empty() { "" } else { "\n" };
        self.comments += &format!("{end}{}{now}", Self::MARK);
    }

    fn revive(&mut self) {
        self.unmark();
        self.status = "active".into();
    }
}

/// Without what stands between these two, and them.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut pieces = text.split(from);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once(to).unwrap().1)
}

fn split(cell: &Value) -> (IpAddr, u8) {
    let (address, length) = cell.as_str().unwrap().split_once('/').unwrap();
    (address.parse().unwrap(), length.parse().unwrap())
}

fn lines(requests: &[Value]) -> Vec<u8> {
    let lines = requests.iter().map(|request| format!("{request}\n"));
    lines.collect::<String>().into_bytes()
}
