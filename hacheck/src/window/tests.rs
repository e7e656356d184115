use super::*;
use crate::vrrp::{Malformed, Packet};

const OWN: Mac = Mac([2, 0, 0, 0, 0, 0x50]);
const MAC1: Mac = Mac([2, 0, 0, 0, 0, 0x11]);
const MAC2: Mac = Mac([2, 0, 0, 0, 0, 0x12]);
const VIP: &str = "192.168.10.110";
const N1: &str = "192.168.10.11";
const N2: &str = "192.168.10.12";

fn window(advert_ms: Option<u32>) -> Window {
    let question = Question {
        vip: Some(VIP.parse().unwrap()),
        instance: vec![VIP.parse().unwrap()],
        vips: Vec::new(),
        members: vec![N1.parse().unwrap(), N2.parse().unwrap()],
        vrid: Some(55),
        advert_ms,
    };
    let asker = Asker {
        mac: OWN,
        link_local: None,
        address: None,
    };
    Window::new(question, asker, RawWindow::default())
}

fn heard(source: &str, vrid: u8, interval_ms: u32) -> Frame {
    Frame::Vrrp(Vrrp {
        source_mac: MAC1,
        source: source.parse().unwrap(),
        destination: "224.0.0.18".parse().unwrap(),
        ttl: 255,
        packet: Ok(Packet {
            version: 3,
            vrid,
            priority: 100,
            interval_ms,
            auth_type: 0,
            vips: vec![VIP.parse().unwrap()],
            checksum_ok: true,
        }),
    })
}

fn changed(interval_ms: u32, change: impl Fn(&mut Vrrp)) -> Frame {
    let Frame::Vrrp(mut vrrp) = heard(N1, 55, interval_ms) else {
        unreachable!()
    };
    change(&mut vrrp);
    Frame::Vrrp(vrrp)
}

fn claim(ip: &str, mac: Mac, answers: Option<(Mac, &str)>) -> Frame {
    Frame::Claim(Claim {
        ip: ip.parse().unwrap(),
        mac,
        source_mac: mac,
        answers: answers.map(|(mac, to)| (mac, to.parse().unwrap())),
    })
}

/// How long it lasts if at each time of `frames` one comes in.
fn length(mut window: Window, frames: Vec<(u64, Frame)>) -> u64 {
    let mut frames = frames.into_iter().peekable();
    for now in 0.. {
        while frames.peek().is_some_and(|(at, _)| *at <= now) {
            window.take(now, frames.next().unwrap().1);
        }
        if now >= window.end_ms(now) {
            return now;
        }
    }
    unreachable!()
}

#[test]
fn how_long_it_lasts() {
    let n1 = |ms| heard(N1, 55, ms);
    #[rustfmt::skip]
    let cases = [
        ("nothing known",                     None,       vec![], 3600),
        ("the pair's interval",               Some(2000), vec![], 7200),
        ("never too short",                   Some(100),  vec![], 1500),
        ("heard",                             None,       vec![(90, n1(100))], 1500),
        ("heard, but the pair's counts",      Some(1000), vec![(90, n1(100))], 3600),
        ("heard, slower",                     None,       vec![(90, n1(3000))], 10_800),
        ("the slower of two",                 None,       vec![(10, n1(3000)), (20, heard(N2, 55, 100))], 10_800),
        ("of another VRID",                   None,       vec![(90, heard(N1, 56, 100))], 3600),
        ("a hostile interval",                None,       vec![(90, n1(255_000))], 36_000),
        ("of other addresses",                None,       vec![(90, changed(255_000, |v| v.packet.as_mut().unwrap().vips = vec![N1.parse().unwrap()]))], 3600),
        ("from behind a router",              None,       vec![(90, changed(255_000, |v| v.ttl = 254))], 3600),
        ("interval of nothing",               None,       vec![(90, n1(0))], 3600),
        ("a second source in the end",        Some(1000), vec![(90, n1(1000)), (2200, heard(N2, 55, 1000))], 5600),
        ("only once",                         Some(1000), vec![(2200, heard(N2, 55, 1000)), (5500, n1(1000))], 5600),
        ("a second source before",            Some(1000), vec![(90, n1(1000)), (2000, heard(N2, 55, 1000))], 3600),
        ("a second claimant in the end",      Some(1000), vec![(9, claim(VIP, MAC1, None)), (3000, claim(VIP, MAC2, None))], 5600),
        ("the same claimant again",           Some(1000), vec![(9, claim(VIP, MAC1, None)), (3000, claim(VIP, MAC1, None))], 3600),
        ("a member's address is no claim",    Some(1000), vec![(3000, claim(N1, MAC1, None))], 3600),
    ];
    for (name, advert_ms, frames, want) in cases {
        assert_eq!(length(window(advert_ms), frames), want, "{name}");
    }
}

#[test]
fn asks_for_the_vip_often_and_for_each_member_twice() {
    for (advert_ms, vip) in [(1000, 15), (100, 60), (10, 60)] {
        let mut window = window(Some(advert_ms));
        let mut asked = BTreeMap::new();
        let mut now = 0;
        while now < window.end_ms(now) {
            for frame in window.ask(now) {
                assert_eq!(frame[28..32], [0; 4], "from nobody");
                let target: [u8; 4] = frame[38..42].try_into().unwrap();
                *asked.entry(IpAddr::from(target).to_string()).or_insert(0) += 1;
            }
            assert!(window.next_ms() > now);
            now = window.next_ms();
        }
        let want = [(VIP, vip), (N1, 2), (N2, 2)].map(|(ip, count)| (ip.to_owned(), count));
        let got = asked.get(VIP).copied().unwrap_or(0);
        assert!(got == vip || got + 1 == vip, "{advert_ms}: {got}");
        asked.insert(VIP.to_owned(), vip);
        assert_eq!(asked, BTreeMap::from(want), "{advert_ms}");
        assert_eq!(window.finish(now).rounds, got);
    }
}

#[test]
fn asks_to_the_end_when_it_goes_on() {
    let mut window = window(Some(1000));
    let (mut now, mut last) = (0, 0);
    while now < window.end_ms(now) {
        if !window.ask(now).is_empty() {
            last = now;
        }
        if now >= 3000 {
            window.take(now, claim(VIP, MAC2, None)); // somebody new, near the end
        }
        now = window.next_ms();
    }
    assert!((5300..5600).contains(&last), "{last}");
}

#[test]
fn which_question_a_claim_answers() {
    let mut window = window(Some(1000));
    let (_first, _second) = (window.ask(0), window.ask(250));
    #[rustfmt::skip]
    let cases = [
        ("to our probe",              claim(VIP, MAC1, Some((OWN, "0.0.0.0"))), Some(2)),
        ("to this host's own question", claim(VIP, MAC1, Some((OWN, "192.168.10.50"))), Some(0)),
        ("to another host",           claim(VIP, MAC1, Some((MAC2, "0.0.0.0"))), Some(0)),
        ("gratuitous",                claim(VIP, MAC1, None), Some(0)),
        ("of a member",               claim(N1, MAC1, Some((OWN, "0.0.0.0"))), Some(1)),
        ("of somebody else",          claim("192.168.10.9", MAC1, Some((OWN, "0.0.0.0"))), None),
    ];
    let mut want = Vec::new();
    for (name, frame, round) in cases {
        window.take(251, frame);
        want.extend(round.map(|round| (name, round)));
    }
    let replies = window.finish(300).replies.unwrap();
    let rounds: Vec<_> = want
        .iter()
        .zip(&replies)
        .map(|((name, _), reply)| (*name, reply.round))
        .collect();
    assert_eq!((rounds, replies.len()), (want, 5));
}

#[test]
fn keeps_adverts_and_counts_what_is_none() {
    let mut window = window(None);
    window.take(5, heard(N1, 55, 1000));
    window.take(6, heard(N2, 7, 1000));
    let Frame::Vrrp(mut broken) = heard(N1, 55, 1000) else {
        unreachable!()
    };
    broken.packet = Err(Malformed::Version(7));
    window.take(7, Frame::Vrrp(broken));
    let raw = window.finish(8);
    let adverts: Vec<_> = raw
        .adverts
        .unwrap()
        .iter()
        .map(|advert| (advert.at_ms, advert.vrid))
        .collect();
    assert_eq!((adverts, raw.malformed), (vec![(5, 55), (6, 7)], 1));
}

#[test]
fn a_flood_ends_it() {
    let mut window = window(Some(1000));
    for _ in 0..MOST_KEPT + 5 {
        window.take(1, heard(N1, 55, 1000));
    }
    assert_eq!(window.end_ms(1), 0);
    let raw = window.finish(1);
    assert_eq!(raw.adverts.map(|kept| kept.len()), Some(MOST_KEPT));
    assert_eq!(raw.errors.len(), 1);
}

#[test]
fn requests_from_the_own_address() {
    let question = Question {
        vip: Some(VIP.parse().unwrap()),
        ..Question::default()
    };
    let asker = |address: Option<&str>| Asker {
        mac: OWN,
        link_local: None,
        address: address.map(|address| address.parse().unwrap()),
    };
    let own = "192.168.10.50";
    for (address, requests, rounds) in [(None, 0, vec![]), (Some(own), 3, vec![1, 2, 3])] {
        let mut window = Window::new(question.clone(), asker(address), RawWindow::default());
        for now_ms in (0..3600).step_by(250) {
            window.ask(now_ms);
            if now_ms % 1000 == 0 {
                // To the probe, to the request, and to another host's.
                window.take(now_ms, claim(VIP, MAC1, Some((OWN, "0.0.0.0"))));
                window.take(now_ms, claim(VIP, MAC2, Some((OWN, own))));
                window.take(now_ms, claim(VIP, MAC2, Some((MAC1, own))));
            }
        }
        let raw = window.finish(3600);
        assert_eq!(raw.requests, requests);
        let mut answered: Vec<u32> = raw.answers.iter().map(|answer| answer.round).collect();
        answered.dedup();
        assert_eq!(answered, rounds);
        assert!(raw.answers.iter().all(|answer| answer.mac == MAC2));
    }
}

#[test]
fn an_ipv6_address_needs_a_link_local_one_to_ask_from() {
    let question = || Question {
        vip: Some("fd10::110".parse().unwrap()),
        ..Question::default()
    };
    for (link_local, asked) in [(None, false), (Some("fe80::50".parse().unwrap()), true)] {
        let asker = Asker {
            mac: OWN,
            link_local,
            address: None,
        };
        let mut window = Window::new(question(), asker, RawWindow::default());
        assert_eq!(!window.ask(0).is_empty(), asked);
        window.take(1, claim("fd10::110", MAC1, Some((OWN, "fe80::50"))));
        let raw = window.finish(2);
        let rounds = raw.replies.map(|replies| replies[0].round);
        assert_eq!((rounds, raw.rounds), (asked.then_some(1), u32::from(asked)));
        assert_eq!(raw.adverts, Some(vec![]));
    }
}

#[test]
fn what_is_heard_on_several_interfaces() {
    const OTHER: &str = "192.168.20.110";
    let pair = r#"{"name":"p","vips":["192.168.10.110","192.168.20.110"],"members":[
        {"name":"n1","address":"192.168.10.11"},{"name":"n2","address":"192.168.10.12"}]}"#;
    let pair = Pair::parse(pair.as_bytes()).unwrap().remove(0);
    let views = pair.views();
    let views: Vec<&Pair> = views.iter().collect();
    let said = |source: &str, vip: &str| {
        let frame = changed(1000, |vrrp| {
            vrrp.source = source.parse().unwrap();
            vrrp.packet.as_mut().unwrap().vips = vec![vip.parse().unwrap()];
        });
        let Frame::Vrrp(vrrp) = frame else {
            unreachable!()
        };
        advert(0, &vrrp).unwrap()
    };
    let (n1, foreign) = (said(N1, VIP), said("192.168.20.7", "192.168.20.99"));
    let (claims, link_local) = (said("192.168.20.7", OTHER), said("fe80::7", "fe80::99"));
    type Heard<'a> = &'a [&'a Advert];
    #[rustfmt::skip]
    let cases: &[(&str, Heard<'_>, Heard<'_>, Heard<'_>)] = &[
        ("one instance",                   &[&n1],      &[],            &[&n1]),
        ("a stranger's VRID elsewhere",    &[&n1],      &[&foreign],    &[&n1]),
        ("a stranger beside it",           &[&n1, &foreign], &[],       &[&n1, &foreign]),
        ("who claims an address of it",    &[&n1],      &[&claims],     &[&n1, &claims]),
        ("where no member speaks",         &[],         &[&foreign],    &[&foreign]),
        ("whose source says nothing",      &[&n1],      &[&link_local], &[&n1, &link_local]),
    ];
    for (name, first, second, want) in cases {
        let raw = |(index, adverts): (u32, &[&Advert])| {
            Some(RawWindow {
                index,
                adverts: Some(adverts.iter().copied().cloned().collect()),
                ..RawWindow::default()
            })
        };
        let mut windows: Vec<_> = [(1, *first), (2, *second)].map(raw).into();
        share_adverts(&views, &mut windows);
        for raw in windows.iter().flatten() {
            let mut got: Vec<&Advert> = raw.adverts.iter().flatten().collect();
            let is_second = |advert: &&Advert| !first.contains(advert);
            got.sort_by_key(is_second); // whichever window's came first
            assert_eq!(got, *want, "{name}");
        }
    }
}
