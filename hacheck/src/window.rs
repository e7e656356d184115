//! What to ask on a segment and when, and what of the answers to keep: the part of the raw
//! collector that has neither socket nor clock. Times are milliseconds from its start.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    evidence::{Advert, ArpReply, Mac, RawWindow, Unseen},
    frame::{self, Claim, Frame, Vrrp},
    pairs::Pair,
    views,
};

/// Interval that is reckoned with while nothing else is known: VRRP's default (RFC 5798, 5.2.7).
const DEFAULT_INTERVAL_MS: u32 = 1000;
/// The longest interval that an advert can make the window wait for: adverts may claim up to
/// 255 s, and whoever sends them should not be able to keep the check waiting.
pub const MOST_HEARD_MS: u32 = 10_000;
/// Shortest window, in milliseconds: long enough for a slow answer to ARP.
const SHORTEST_MS: u64 = 1500;
/// Window in tenths of an interval: the longest that a backup waits for its master,
/// 3 intervals and a skew of less than one (RFC 5798, 6.1), rounded as the issue has it.
const WINDOW_TENTHS: u64 = 36;
/// Longest and shortest time between two questions for the VIP.
const ASK_MS: (u64, u64) = (25, 250);
/// So many requests are sent from the checker's own address.
const OWN_REQUESTS: u32 = 3;
/// More packets than this come from no segment of a few VRRP routers: the window ends there.
const MOST_KEPT: usize = 20_000;

/// What is asked for one pair.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The virtual address; without one there is nothing to ask, only to hear.
    pub vip: Option<IpAddr>,
    /// All that move with it, and it itself, to know which adverts tell the interval.
    pub instance: Vec<IpAddr>,
    /// The virtual addresses of all pairs, from which nothing is asked.
    pub vips: Vec<IpAddr>,
    /// The members' own addresses.
    pub members: Vec<IpAddr>,
    /// Virtual router ID, to know which adverts tell the interval.
    pub vrid: Option<u8>,
    /// The pair's `advert_ms`.
    pub advert_ms: Option<u32>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Hardware address of the interface.
    pub mac: Mac,
    /// Its link-local address, without which no IPv6 address can be asked for.
    pub link_local: Option<Ipv6Addr>,
    /// Its own address in the VIP's prefix, for requests that proxies answer, too.
    pub address: Option<Ipv4Addr>,
}

/// The state of a window.
pub struct Window {
    question: Question,
    asker: Asker,
    raw: RawWindow,
    adverts: Vec<Advert>,
    replies: Vec<ArpReply>,
    /// Requests sent so far, by address.
    sent: BTreeMap<IpAddr, u32>,
    next_ms: u64,
    extra_ms: u64,
    /// When the newest advert source or claimant of the VIP first turned up.
    newest_ms: u64,
    full: bool,
}

impl Window {
    /// Nothing was sent yet. `raw` says where and when.
    #[must_use]
    pub fn new(question: Question, asker: Asker, mut raw: RawWindow) -> Self {
        raw.interval_ms = question.advert_ms.unwrap_or(DEFAULT_INTERVAL_MS).max(10);
        Self {
            question,
            asker,
            raw,
            adverts: Vec::new(),
            replies: Vec::new(),
            sent: BTreeMap::new(),
            next_ms: 0,
            extra_ms: 0,
            newest_ms: 0,
            full: false,
        }
    }

    /// When there is something to ask again.
    #[must_use]
    pub fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// The frames to send now.
    pub fn ask(&mut self, now_ms: u64) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if now_ms < self.next_ms {
            return frames;
        }
        let quarter = u64::from(self.raw.interval_ms) / 4;
        self.next_ms = now_ms + quarter.clamp(ASK_MS.0, ASK_MS.1);
        // Questions near the end would be answered after it.
        if let Some(vip) = self.question.vip
            && now_ms + ASK_MS.0 < self.length_ms() + self.extra_ms
        {
            frames.extend(self.request(vip));
        }
        let half = now_ms >= self.length_ms() / 2;
        frames.extend(self.own_request(now_ms));
        for member in self.question.members.clone() {
            let sent = self.sent.get(&member).copied().unwrap_or(0);
            if sent == 0 || (sent == 1 && half) {
                frames.extend(self.request(member));
            }
        }
        frames
    }

    /// A request for the VIP from the checker's own address, when one is due: in the first, second and
    /// third part of the window, so that a proxy's delay (proxy_delay, 0.8 s) is over before its end.
    fn own_request(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        let (Some(IpAddr::V4(vip)), Some(sender)) = (self.question.vip, self.asker.address) else {
            return None;
        };
        let due_ms = self.length_ms() * u64::from(self.raw.requests) / u64::from(OWN_REQUESTS + 1);
        if self.raw.requests == OWN_REQUESTS || now_ms < due_ms {
            return None;
        }
        self.raw.requests += 1;
        Some(frame::arp_request(self.asker.mac, sender, vip))
    }

    fn request(&mut self, address: IpAddr) -> Option<Vec<u8>> {
        let frame = match address {
            IpAddr::V4(address) => frame::arp_probe(self.asker.mac, address),
            IpAddr::V6(address) => {
                frame::solicitation(self.asker.mac, self.asker.link_local?, address)
            }
        };
        *self.sent.entry(address).or_default() += 1;
        Some(frame)
    }

    /// Keeps what came in.
    pub fn take(&mut self, now_ms: u64, frame: Frame) {
        if self.adverts.len() + self.replies.len() >= MOST_KEPT {
            self.full = true;
            return;
        }
        match frame {
            Frame::Vrrp(vrrp) => match advert(now_ms, &vrrp) {
                Some(advert) => self.take_advert(advert),
                None => self.raw.malformed = self.raw.malformed.saturating_add(1),
            },
            Frame::Claim(claim) => self.take_claim(now_ms, claim),
        }
    }

    fn take_advert(&mut self, advert: Advert) {
        if Some(advert.vrid) == self.question.vrid && advert.checksum_ok {
            let known = |other: &Advert| (other.source, other.vrid) == (advert.source, advert.vrid);
            if !self.adverts.iter().any(known) {
                self.newest_ms = advert.at_ms;
            }
            // One that is about other addresses, or was routed, tells nothing of this pair.
            let instance = &self.question.instance;
            let ours = instance.is_empty() || instance.iter().any(|vip| advert.vips.contains(vip));
            if self.question.advert_ms.is_none()
                && advert.interval_ms > 0
                && ours
                && advert.ttl == 255
            {
                let heard = advert.interval_ms.min(MOST_HEARD_MS);
                let first = !self.adverts.iter().any(|other| other.vrid == advert.vrid);
                // Of two that differ, the longer one.
                let longest = if first {
                    heard
                } else {
                    heard.max(self.raw.interval_ms)
                };
                self.raw.interval_ms = longest;
            }
        }
        self.adverts.push(advert);
    }

    fn take_claim(&mut self, now_ms: u64, claim: Claim) {
        let ours = Some(claim.ip) == self.question.vip || self.question.members.contains(&claim.ip);
        if !ours {
            return;
        }
        let own_answer = match claim.answers {
            // Answers to other hosts, and to other questions of this one, are no answers to ours.
            Some((mac, to)) => mac == self.asker.mac && self.asked_as(claim.ip) == Some(to),
            None => false,
        };
        let sent = self.sent.get(&claim.ip).copied().unwrap_or(0);
        let reply = ArpReply {
            at_ms: now_ms,
            ip: claim.ip,
            mac: claim.mac,
            source_mac: claim.source_mac,
            round: if own_answer { sent } else { 0 },
        };
        let to_own = self.asker.address.map(IpAddr::from);
        let is_answer = claim
            .answers
            .is_some_and(|(mac, to)| mac == self.asker.mac && Some(to) == to_own);
        if is_answer && Some(claim.ip) == self.question.vip && self.raw.requests > 0 {
            self.raw.answers.push(ArpReply {
                round: self.raw.requests,
                ..reply.clone()
            });
        }
        let known = |other: &ArpReply| (other.ip, other.mac) == (reply.ip, reply.mac);
        if Some(reply.ip) == self.question.vip && !self.replies.iter().any(known) {
            self.newest_ms = now_ms;
        }
        self.replies.push(reply);
    }

    /// The address that asks for `address`.
    fn asked_as(&self, address: IpAddr) -> Option<IpAddr> {
        match address {
            IpAddr::V4(_) => Some([0, 0, 0, 0].into()),
            IpAddr::V6(_) => self.asker.link_local.map(IpAddr::from),
        }
    }

    /// Notes what could not be done.
    pub fn unseen(&mut self, unseen: Unseen) {
        if !self.raw.errors.contains(&unseen) {
            self.raw.errors.push(unseen);
        }
    }

    fn length_ms(&self) -> u64 {
        let interval = u64::from(self.raw.interval_ms);
        SHORTEST_MS.max(interval * WINDOW_TENTHS / 10)
    }

    /// When it ends, as far as is known at `now_ms`. Who turned up in its last 1.5 intervals
    /// is followed for 2 more, once: it may be a hand-over, and its end is to be seen.
    pub fn end_ms(&mut self, now_ms: u64) -> u64 {
        let (length, interval) = (self.length_ms(), u64::from(self.raw.interval_ms));
        if self.extra_ms == 0 && now_ms >= length && self.newest_ms + interval * 3 / 2 > length {
            self.extra_ms = interval * 2;
        }
        if self.full {
            return 0;
        }
        length + self.extra_ms
    }

    /// All that was seen until `now_ms`.
    #[must_use]
    pub fn finish(mut self, now_ms: u64) -> RawWindow {
        self.raw.window_ms = now_ms;
        if self.full {
            self.unseen(Unseen {
                what: "adverts".to_owned(),
                errno: String::new(),
                message: format!("stopped after {MOST_KEPT} packets"),
            });
        }
        let vip = self.question.vip;
        self.raw.rounds = vip
            .and_then(|vip| self.sent.get(&vip).copied())
            .unwrap_or(0);
        self.raw.adverts = Some(self.adverts);
        // An IPv6 VIP can't be asked for without a link-local address.
        let asked = vip.is_none_or(|vip| self.sent.contains_key(&vip));
        self.raw.replies = asked.then_some(self.replies);
        self.raw
    }
}

/// Lets each view of a pair have what was heard on other interfaces than its own: an instance speaks on
/// one, and may move addresses of several. A VRID is of one segment (RFC 5798, 5.2.3): where no member
/// speaks though one does elsewhere, who uses it for none of the pair's addresses is left out.
pub fn share_adverts(pairs: &[&Pair], windows: &mut [Option<RawWindow>]) {
    let mut place = 0;
    for views in views::by_pair(pairs) {
        let windows = &mut windows[place..place + views.len()];
        place += views.len();
        if let [first, _, ..] = views {
            leave_out_strangers(first, windows);
        }
        let mut heard: BTreeMap<u32, Vec<Advert>> = BTreeMap::new();
        for raw in windows.iter().flatten().filter(|_| views.len() > 1) {
            let adverts = raw.adverts.clone().unwrap_or_default();
            heard.entry(raw.index).or_insert(adverts);
        }
        for raw in windows.iter_mut().flatten() {
            let others = heard.iter().filter(|(index, _)| **index != raw.index);
            if let Some(adverts) = &mut raw.adverts {
                adverts.extend(others.flat_map(|(_, heard)| heard.iter().cloned()));
                adverts.sort_by_key(|advert| advert.at_ms); // stable
            }
        }
    }
}

/// Only of IPv4, where a source is an address that the pair may name.
fn leave_out_strangers(pair: &Pair, windows: &mut [Option<RawWindow>]) {
    let is_member = |a: &Advert| pair.members.iter().any(|member| member.has(a.source));
    let speaks = |raw: &RawWindow| raw.adverts.iter().flatten().any(is_member);
    if !windows.iter().flatten().any(speaks) {
        return;
    }
    let is_stranger = |a: &Advert| {
        a.source.is_ipv4() && !is_member(a) && !a.vips.iter().any(|vip| pair.vips.contains(vip))
    };
    for raw in windows.iter_mut().flatten().filter(|raw| !speaks(raw)) {
        if let Some(adverts) = &mut raw.adverts {
            adverts.retain(|advert| !is_stranger(advert));
        }
    }
}

/// The record of an advert; `None` if the packet is no advert.
#[must_use]
pub fn advert(at_ms: u64, vrrp: &Vrrp) -> Option<Advert> {
    let packet = vrrp.packet.as_ref().ok()?;
    Some(Advert {
        at_ms,
        source: vrrp.source,
        source_mac: Some(vrrp.source_mac),
        destination: vrrp.destination,
        ttl: vrrp.ttl,
        version: packet.version,
        vrid: packet.vrid,
        priority: packet.priority,
        interval_ms: packet.interval_ms,
        vips: packet.vips.clone(),
        auth_type: packet.auth_type,
        checksum_ok: packet.checksum_ok,
    })
}

#[cfg(test)]
mod tests;
