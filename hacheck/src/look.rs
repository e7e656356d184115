//! All that can be seen of pairs at one time: probes, raw sockets, the checker's own tables,
//! and what was known before.

use std::{
    iter,
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use vmid::{site::is_link_local, span};

use crate::{
    cli::Check,
    evidence::{MemberFacts, Neighbour, OwnAddress, RawWindow, Unseen},
    finding::Severity,
    guests::Places,
    interfaces,
    judge::{self, Evidence, Stated},
    member, netlink,
    pairs::{Member, Pair},
    raw, same, schedule,
    told::{self, Told},
    views,
    window::{self, Question},
};

/// What was known before anybody looked.
pub(crate) struct Known {
    /// What members said of themselves.
    pub told: Vec<Told>,
    /// Where the guests are.
    pub places: Option<Places>,
}

/// What is known of a pair, and how many milliseconds the probes took.
pub(crate) type Look = (Evidence, u64);

/// Looks at all pairs, by their views, and once more at those with a VIP that was just moving: what was
/// wrong may be over, there and with the services on them.
pub(crate) fn looked(args: &Check, pairs: &[&Pair], known: &Known, now_ms: i64) -> Vec<Look> {
    let started = Instant::now();
    let mut looked = gather(args, pairs, &known.told, now_ms);
    know(args, pairs, known, now_ms, &mut looked);
    let passing = passing(args.accept_blind, pairs, &looked);
    if passing.is_empty() {
        return looked;
    }
    let passed_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(0);
    let moving: Vec<&Pair> = passing.iter().map(|(place, _)| pairs[*place]).collect();
    let mut second = gather(args, &moving, &known.told, now_ms + passed_ms);
    // What was young enough when it was asked for is so still.
    know(args, &moving, known, now_ms, &mut second);
    for ((place, before), (mut evidence, probes_ms)) in passing.into_iter().zip(second) {
        evidence.looked_before = Some(before);
        looked[place] = (evidence, probes_ms);
    }
    looked
}

/// What is to be looked at again, by its place, and what was wrong with it.
fn passing(accept_blind: bool, pairs: &[&Pair], looked: &[Look]) -> Vec<(usize, String)> {
    let mut passing: Vec<(usize, String)> = Vec::new();
    let mut moved: Vec<&str> = Vec::new();
    let mut place = 0;
    for views in views::by_pair(pairs) {
        let places = place..place + views.len();
        place = places.end;
        let both = views.iter().zip(&looked[places.clone()]);
        let verdicts = both.map(|(pair, (evidence, _))| judge::judge(pair, evidence, accept_blind));
        let (whole, own) = judge::together(views[0], verdicts.collect());
        let all = own.iter().chain([&whole]).flat_map(|one| &one.findings);
        let worst = all.max_by_key(|finding| finding.severity);
        if whole.passing || whole.unsteady {
            moved.push(&views[0].name);
        }
        if let Some(worst) = worst.filter(|_| whole.passing) {
            let worst = format!("{} {}", worst.code, worst.message);
            passing.extend(places.map(|place| (place, worst.clone())));
        }
    }
    for (place, service) in pairs.iter().enumerate() {
        let on = service.service.as_ref().and_then(|one| one.pair.as_deref());
        if on.is_some_and(|on| moved.contains(&on)) {
            let verdict = judge::judge(service, &looked[place].0, accept_blind);
            let wrong = verdict.findings.first();
            let wrong = wrong.filter(|finding| finding.severity > Severity::Info);
            passing.extend(wrong.map(|one| (place, format!("{} {}", one.code, one.message))));
        }
    }
    passing
}

/// Adds what was known before to what was seen.
fn know(args: &Check, pairs: &[&Pair], known: &Known, now_ms: i64, looked: &mut [Look]) {
    for ((evidence, _), pair) in looked.iter_mut().zip(pairs) {
        tell(evidence, pair, &known.told, args.facts_age, now_ms);
        evidence.places = known.places.clone();
    }
}

/// Older facts say nothing of the adverts of now, in milliseconds.
const YOUNG_MS: i64 = 120_000;

/// How far ahead of the checker's a member's clock may be: facts of later were not told by it now.
const AHEAD: Duration = Duration::from_secs(5);

/// Puts the youngest facts of each member to the evidence, unless they are too old.
fn tell(evidence: &mut Evidence, pair: &Pair, told: &[Told], most: Duration, now_ms: i64) {
    let told = told::of_pair(pair, told);
    let is_local = |member: usize, evidence: &Evidence| {
        evidence.facts.iter().any(|stated| stated.member == member)
    };
    let mut unusable = told.unusable;
    for member in 0..pair.members.len() {
        if is_local(member, evidence) {
            continue; // the checker looked for itself, just now
        }
        let own = told.facts.iter().filter(|(of, _)| *of == member);
        let Some((_, facts)) = own.max_by_key(|(_, facts)| facts.at_ms) else {
            continue;
        };
        let age_ms = now_ms.saturating_sub(facts.at_ms);
        let age = Duration::from_millis(age_ms.unsigned_abs());
        let limit = match age_ms < 0 {
            true => (age > AHEAD).then(|| "in the future (its clock is off)".to_owned()),
            false => (age > most).then(|| {
                let most = span::shown(most);
                format!("old (or its clock is off); --facts-age is {most}")
            }),
        };
        if let Some(limit) = limit {
            unusable.push(Unseen {
                what: format!("facts of {}", pair.members[member].name),
                errno: String::new(),
                message: format!("they are {} {limit}", span::shown(age)),
            });
            continue;
        }
        evidence.facts.push(Stated {
            member,
            facts: (*facts).clone(),
            local: false,
        });
    }
    evidence.unusable.append(&mut unusable);
}

/// Probes, raw sockets and the checker's own tables, all at once; with the milliseconds the probes took.
fn gather(args: &Check, pairs: &[&Pair], told: &[Told], now_ms: i64) -> Vec<Look> {
    let started = Instant::now();
    let vips: Vec<IpAddr> = pairs.iter().filter_map(|pair| pair.vip).collect();
    let vips = &vips[..];
    // Whatever is sent may set it right.
    let neighbours_before = neighbours();
    let (replies, same, probes_ms, windows) = thread::scope(|scope| {
        let windows: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let vip = pair.vip.filter(|_| args.raw)?;
                Some(scope.spawn(move || listen(pair, vip, vips, told, now_ms)))
            })
            .collect();
        let same = scope.spawn(|| same::ask(pairs, args.timeout));
        let replies = schedule::ask(pairs, args.timeout);
        let same = same.join().unwrap_or_default(); // what wasn't asked is told
        let probes_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut windows: Vec<Option<RawWindow>> = windows
            .into_iter()
            .map(|window| window.map(|window| window.join().unwrap_or_else(|_| lost())))
            .collect();
        window::share_adverts(pairs, &mut windows);
        (replies, same, probes_ms, windows)
    });
    let links = interfaces::list().unwrap_or_default();
    let own = own(&links);
    let neighbours = neighbours();
    let here = |pair: &Pair| {
        let mut members = pair.members.iter().filter(|_| pair.service.is_none());
        members.position(|member| own.iter().any(|own| member.has(own.address)))
    };
    // A member that checks tells its own facts, which cost it nothing.
    let at_home: Vec<&&Pair> = pairs.iter().filter(|pair| here(pair).is_some()).collect();
    let files: Vec<String> = at_home
        .iter()
        .flat_map(|pair| pair.files.iter().map(|rule| rule.path.clone()))
        .collect();
    let home = (!at_home.is_empty()).then(|| member::facts(&files, now_ms));
    let gathered = pairs
        .iter()
        .zip(replies)
        .zip(windows)
        .zip(same.into_iter().chain(iter::repeat_with(Vec::new)))
        .map(|(((pair, probes), raw), same)| {
            let local = here(pair).zip(home.clone()).map(|(member, facts)| Stated {
                member,
                facts,
                local: true,
            });
            let mut evidence = Evidence {
                now_ms,
                probes,
                same,
                raw,
                facts: local.into_iter().collect(),
                neighbours: neighbours.clone(),
                neighbours_before: neighbours_before.clone(),
                own: own.clone(),
                ..Evidence::default()
            };
            if let Some(link) = interfaces::link(&links, pair) {
                on_link(&mut evidence, link);
            }
            (evidence, probes_ms)
        });
    gathered.collect()
}

/// Leaves out the link-local addresses of other links: the same one may be there, and be somebody else's.
fn on_link(evidence: &mut Evidence, link: &interfaces::Interface) {
    let own = |own: &OwnAddress| own.interface == link.name || !is_link_local(own.address);
    evidence.own.retain(own);
    let index = link.index.to_string();
    let here = |entry: &Neighbour| entry.interface == index || !is_link_local(entry.address);
    evidence.neighbours.retain(here);
    evidence.neighbours_before.retain(here);
}

fn listen(pair: &Pair, vip: IpAddr, vips: &[IpAddr], told: &[Told], now_ms: i64) -> RawWindow {
    // The window is as long as a standby's patience, which rare adverts make longer than usual.
    let young = |(_, facts): &(usize, &MemberFacts)| (now_ms - facts.at_ms).abs() < YOUNG_MS;
    let of_pair = told::of_pair(pair, told).facts.into_iter().filter(young);
    let dumped = of_pair.flat_map(|(_, facts)| facts.keepalived.iter().flatten());
    let dumped = dumped.filter(|i| pair.vips.iter().any(|vip| i.has(*vip)));
    let dumped = dumped.map(|i| i.interval_ms);
    // Whoever tells facts should not be able to keep the check waiting either.
    let dumped = dumped.map(|ms| ms.min(window::MOST_HEARD_MS));
    let question = Question {
        vip: Some(vip),
        instance: pair.vips.clone(),
        vips: vips.to_vec(),
        members: pair.members.iter().flat_map(Member::own).collect(),
        vrid: pair.vrid,
        advert_ms: pair.advert_ms.or(dumped.max().filter(|&ms| ms > 0)),
    };
    raw::collect(question, pair.interface.as_deref(), now_ms)
}

/// A window whose thread failed: a bug of ours, and nothing seen.
fn lost() -> RawWindow {
    let unseen = Unseen {
        what: "arp and adverts".to_owned(),
        errno: String::new(),
        message: "the listener failed".to_owned(),
    };
    RawWindow {
        errors: vec![unseen],
        ..RawWindow::default()
    }
}

/// The checker's own addresses; none if they can't be had, which only loses a means.
fn own(list: &[interfaces::Interface]) -> Vec<OwnAddress> {
    let of = |one: &interfaces::Interface| {
        let name = one.name.clone();
        let addresses = one.addresses.clone().into_iter();
        addresses.map(move |(address, length)| OwnAddress {
            interface: name.clone(),
            address,
            prefix_length: Some(length),
            held_ms: None,
            unused: None,
        })
    };
    list.iter().flat_map(of).collect()
}

/// The checker's neighbours; none if they can't be had, which only loses a means.
fn neighbours() -> Vec<Neighbour> {
    let entries = netlink::neighbours().unwrap_or_default().into_iter();
    let entry = |entry: netlink::Neighbour| Neighbour {
        address: entry.address,
        mac: entry.mac,
        interface: entry.index.to_string(),
    };
    entries.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::{ArpReply, Mac},
        judge::{Probed, Target},
        probe::{How, Outcome, Reply},
    };

    #[test]
    fn a_service_is_looked_at_again_with_its_pair() {
        let pair = r#"{"name":"p","vip":"192.0.2.3","vrrp":false,"probes":[{"tcp":{"port":53}}],
            "members":[{"name":"a","address":"192.0.2.1"},{"name":"b","address":"192.0.2.2"}]}"#;
        let services = r#"{"name":"s","pair":"p"}{"name":"o","addresses":["192.0.2.9"],"probes":[{"tcp":{"port":1}}]}"#;
        let pairs = Pair::parse(format!("{pair}{services}").as_bytes()).unwrap();
        let pairs: Vec<&Pair> = pairs.iter().collect();
        // An answer to the first of all questions who has the VIP.
        let once = ArpReply {
            at_ms: 10,
            ip: "192.0.2.3".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            source_mac: Mac([2, 0, 0, 0, 0, 1]),
            round: 1,
        };
        let look = |target, good: bool, moves: bool| {
            let outcome = match good {
                true => Outcome::Good,
                false => Outcome::Dead(How::Timeout, "no answer in time".to_owned()),
            };
            let evidence = Evidence {
                probes: vec![Probed {
                    target,
                    probe: 0,
                    reply: Reply::of(outcome),
                }],
                raw: moves.then(|| RawWindow {
                    window_ms: 3600,
                    interval_ms: 1000,
                    rounds: 14,
                    replies: Some(vec![once.clone()]),
                    ..RawWindow::default()
                }),
                ..Evidence::default()
            };
            (evidence, 0)
        };
        // The pair's, the service's on it, and that of another, which is dead.
        let again = |pair: bool, moves: bool, service: bool| {
            let first = Target::Member(0);
            let looks = [
                look(Target::Vip, pair, moves),
                look(first, service, false),
                look(first, false, false),
            ];
            let places = passing(false, &pairs, &looks).into_iter();
            places.map(|(place, _)| place).collect::<Vec<_>>()
        };
        assert_eq!(again(false, true, false), [0, 1]);
        assert_eq!(again(false, true, true), [0], "it was well");
        assert_eq!(
            again(true, true, false),
            [0, 1],
            "its VIP answers, whoever has it"
        );
        assert_eq!(again(false, false, false), [0; 0], "nothing moved");
    }
}
