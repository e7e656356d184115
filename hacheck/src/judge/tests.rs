//! Each finding, and its opposite: what was seen, and what is said of it.

use std::net::IpAddr;

use super::*;
use crate::{
    evidence::{Advert, ArpReply, FileAge, Instance, Interface, Mac, State},
    guests::Places,
    probe::{How, Outcome, tls::Certificate},
};

mod content;
mod holders;
mod promises;
mod services;
mod sight;
mod sound;
mod things;
mod together;

const NOW_S: i64 = 1_795_305_600; // 2026-11-22T00:00:00Z

/// A pair and what was seen of it; all is well at first, and nothing but probes was made.
struct World {
    pair: Pair,
    evidence: Evidence,
    accept: bool,
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn address(who: &str) -> IpAddr {
    match who {
        "vip" => ip("192.0.2.110"),
        "a" => ip("192.0.2.11"),
        "b" => ip("192.0.2.12"),
        _ => ip("192.0.2.66"),
    }
}

fn mac(who: &str) -> Mac {
    match who {
        "a" => Mac([2, 0, 0, 0, 0, 0x11]),
        "b" => Mac([2, 0, 0, 0, 0, 0x12]),
        "virtual" => Mac([0, 0, 0x5e, 0, 1, 55]),
        _ => Mac([2, 0, 0, 0, 0, 0x66]),
    }
}

fn reply(letter: char) -> Reply {
    let unseen = || Unseen {
        what: "probe".to_owned(),
        errno: "EPERM".to_owned(),
        message: "operation not permitted".to_owned(),
    };
    Reply::of(match letter {
        '+' => Outcome::Good,
        'r' => Outcome::Dead(How::Refused, "connection refused".to_owned()),
        't' => Outcome::Dead(How::Timeout, "no answer in time".to_owned()),
        'w' => Outcome::Wrong("REFUSED, not NOERROR".to_owned()),
        _ => Outcome::Unseen(unseen()),
    })
}

impl World {
    fn of(pair: &str) -> Self {
        Self {
            pair: Pair::parse(pair.as_bytes()).unwrap().remove(0),
            evidence: Evidence {
                now_ms: NOW_S * 1000,
                ..Evidence::default()
            },
            accept: false,
        }
    }

    fn vrrp() -> Self {
        Self::of(
            r#"{"name":"p","vip":"192.0.2.110","vrid":55,"members":[{"name":"a","address":"192.0.2.11","vmid":101,"preferred":true},
                {"name":"b","address":"192.0.2.12","vmid":102}],"probes":[{"dns":{"name":"ha.test"}}]}"#,
        )
        .probes("+++")
    }

    fn active() -> Self {
        Self::of(
            r#"{"name":"p","members":[{"name":"a","address":"192.0.2.11","vmid":101},{"name":"b","address":"192.0.2.12","vmid":102}],
                "probes":[{"dns":{"name":"ha.test"}}]}"#,
        )
    }

    /// A letter each for the VIP, a, b; a space for one that was not asked.
    fn probes(mut self, letters: &str) -> Self {
        let targets = [Target::Vip, Target::Member(0), Target::Member(1)];
        let asked = targets
            .into_iter()
            .zip(letters.chars())
            .filter(|(_, letter)| *letter != ' ');
        self.evidence.probes = asked
            .map(|(target, letter)| Probed {
                target,
                probe: 0,
                reply: reply(letter),
            })
            .collect();
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// What the answers at the VIP, a and b say of who gives them.
    fn identities(self, said: [&str; 3]) -> Self {
        self.with(|w| {
            for (probed, said) in w.evidence.probes.iter_mut().zip(said) {
                probed.reply.identity = (!said.is_empty()).then(|| said.to_owned());
            }
        })
    }

    fn window(&mut self) -> &mut RawWindow {
        self.evidence.raw.get_or_insert_with(|| RawWindow {
            interface: "eth0".to_owned(),
            window_ms: 3600,
            interval_ms: 1000,
            rounds: 14,
            adverts: Some(Vec::new()),
            replies: Some(["a", "b"].map(|who| arp(who, address(who), 10, 1)).to_vec()),
            ..RawWindow::default()
        })
    }

    /// The raw sockets saw these answer for the VIP and speak VRRP, from and to (ms).
    fn raw(self, answers: &[(&str, u64, u64)], speaks: &[(&str, u64, u64)]) -> Self {
        self.with(|w| {
            let raw = w.window();
            for (who, from, to) in answers {
                for at in (*from..=*to).step_by(250) {
                    let round = u32::try_from(at / 250 + 1).unwrap();
                    raw.replies
                        .as_mut()
                        .unwrap()
                        .push(arp(who, address("vip"), at, round));
                }
            }
            for (who, from, to) in speaks {
                for at in (*from..=*to).step_by(1000) {
                    raw.adverts.as_mut().unwrap().push(advert(who, at));
                }
            }
        })
    }

    /// A member's word: whether it has the VIP (for how many ms), and whether its daemon lives.
    fn fact(self, who: &str, has_vip: Option<u64>, daemon: bool) -> Self {
        self.with(|w| {
            let own = |address, held_ms| OwnAddress {
                interface: "eth0".to_owned(),
                address,
                prefix_length: Some(24),
                held_ms,
                unused: None,
            };
            let mut addresses = vec![own(address(who), None)];
            addresses.extend(has_vip.map(|held| own(address("vip"), Some(held))));
            let facts = MemberFacts {
                host: who.to_owned(),
                at_ms: NOW_S * 1000 - 100,
                addresses,
                interfaces: vec![Interface {
                    name: "eth0".to_owned(),
                    mac: Some(mac(who)),
                    up: true,
                }],
                vrrp_socket: Some(daemon),
                listening: Some(Vec::new()),
                ..MemberFacts::default()
            };
            let member = usize::from(who == "b");
            w.evidence.facts.push(Stated {
                member,
                facts,
                local: false,
            });
        })
    }

    fn neighbours(self, entries: &[(&str, &str)]) -> Self {
        self.with(|w| {
            let entry = |(of, is): &(&str, &str)| Neighbour {
                address: address(of),
                mac: mac(is),
                interface: "eth0".to_owned(),
            };
            w.evidence.neighbours = entries.iter().map(entry).collect();
        })
    }

    fn instance(self, change: impl FnOnce(&mut Instance)) -> Self {
        self.with(|w| {
            let mut instance = Instance {
                name: "dns".to_owned(),
                state: State::Backup,
                vrid: 55,
                version: 2,
                base_priority: 100,
                effective_priority: 100,
                interval_ms: 1000,
                vips: vec![address("vip")],
                excluded: Vec::new(),
                tracks: Vec::new(),
                interface: "eth0".to_owned(),
                nopreempt: false,
                last_transition_ms: None,
                counters: std::collections::BTreeMap::new(),
            };
            change(&mut instance);
            w.evidence.facts.last_mut().unwrap().facts.keepalived = Some(vec![instance]);
        })
    }

    fn verdict(&self) -> Verdict {
        judge(&self.pair, &self.evidence, self.accept)
    }
}

fn arp(who: &str, ip: IpAddr, at_ms: u64, round: u32) -> ArpReply {
    ArpReply {
        at_ms,
        ip,
        mac: mac(who),
        source_mac: mac(who),
        round,
    }
}

fn advert(who: &str, at_ms: u64) -> Advert {
    Advert {
        at_ms,
        source: address(who),
        source_mac: Some(mac(who)),
        destination: ip("224.0.0.18"),
        ttl: 255,
        version: 2,
        vrid: 55,
        priority: 100,
        interval_ms: 1000,
        vips: vec![address("vip")],
        auth_type: 0,
        checksum_ok: true,
    }
}

/// `SEVERITY code` of all findings but info, and who holds it by what.
fn said(world: &World) -> String {
    let verdict = world.verdict();
    let findings = verdict
        .findings
        .iter()
        .filter(|f| f.severity > Severity::Info);
    let mut said: Vec<String> = findings
        .map(|f| format!("{} {}", f.severity.name(), f.code))
        .collect();
    if let (Some(holder), Some(by)) = (verdict.holder, verdict.holder_by) {
        said.push(format!("{} by {by}", world.pair.members[holder].name));
    }
    said.join(", ")
}

fn all_say(cases: Vec<(&str, World, &str)>) {
    let wrong = cases.iter().filter_map(|(name, world, want)| {
        let got = said(world);
        (got != *want).then(|| format!("{name}\n  - {want}\n  + {got}\n"))
    });
    let wrong: String = wrong.collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

const ALL: (u64, u64) = (0, 3500);

fn all(who: &str) -> [(&str, u64, u64); 1] {
    [(who, ALL.0, ALL.1)]
}
