use super::*;
use crate::fields::parsed;
use std::{net::TcpListener, thread, time::Duration};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn query(port: u16) -> Query {
    Query {
        name: "ha.test".to_owned(),
        kind: Kind::A,
        expect: Some(vec!["192.0.2.1".to_owned()]),
        rcode: "NOERROR".to_owned(),
        port,
        identity: None,
    }
}

/// The query turned into an answer with that A record.
fn answer(query: &[u8], flags: [u8; 2], last: u8) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[2] = flags[0];
    bytes[3] = flags[1];
    bytes[7] = 1;
    bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02");
    bytes.push(last);
    bytes
}

/// A server that sends to each query what `make` says, from the socket it came to or from `other`.
fn server(make: impl Fn(&[u8], usize) -> Vec<(bool, Vec<u8>)> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut buffer = [0; 600];
        for count in 0.. {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                break;
            };
            for (elsewhere, bytes) in make(&buffer[..length], count) {
                let socket = if elsewhere { &other } else { &socket };
                let _ = socket.send_to(&bytes, from);
            }
        }
    });
    port
}

fn ask(query: &Query, timeout_ms: u64) -> Reply {
    query.ask(
        LOCAL.into(),
        &wire::Clock::of(Duration::from_millis(timeout_ms)),
        true,
    )
}

#[test]
fn good_wrong_and_none() {
    const GOOD: [u8; 2] = [0x81, 0x80];
    let port = server(|query, _| vec![(false, answer(query, GOOD, 1))]);
    assert!(ask(&query(port), 5000).is_good());

    let port = server(|query, _| vec![(false, answer(query, GOOD, 2))]);
    let reply = ask(&query(port), 5000);
    assert_eq!(
        reply.outcome,
        Outcome::Wrong("192.0.2.2, not 192.0.2.1".to_owned())
    );

    let port = server(|query, _| {
        let mut wrong = answer(query, GOOD, 2);
        wrong[0] ^= 0xff;
        vec![(false, wrong), (false, answer(query, GOOD, 1))]
    });
    assert!(
        ask(&query(port), 5000).is_good(),
        "an answer with another id is ignored"
    );

    let port = server(|query, count| match count {
        0 => Vec::new(),
        _ => vec![(false, answer(query, GOOD, 1))],
    });
    assert!(
        ask(&query(port), 5000).is_good(),
        "a lost datagram is sent again"
    );

    let port = server(|query, _| vec![(true, answer(query, GOOD, 1))]);
    let reply = ask(&query(port), 300);
    assert!(
        matches!(reply.outcome, Outcome::Dead(How::Timeout, _)),
        "{reply:?}"
    );
    assert_eq!(
        reply.strayed,
        Some(IpAddr::from([127, 0, 0, 2])),
        "an answer from another address is named"
    );

    let port = server(|query, _| vec![(false, query[..4].iter().map(|b| b | 0x80).collect())]);
    let reply = ask(&query(port), 300);
    assert!(!reply.is_good(), "{reply:?}");

    let port = server(|query, _| {
        let mut cut = query.to_vec();
        cut[2] |= 0x80;
        cut[7] = 9;
        vec![(false, cut)]
    });
    let reply = ask(&query(port), 300);
    assert!(
        matches!(&reply.outcome, Outcome::Wrong(what) if what.starts_with("no DNS answer")),
        "{reply:?}"
    );

    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let reply = ask(&query(closed), 5000);
    assert!(
        matches!(reply.outcome, Outcome::Dead(How::Refused, _)),
        "{reply:?}"
    );
}

#[test]
fn an_answer_that_was_cut_comes_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let udp = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 600];
        let (length, from) = udp.recv_from(&mut buffer).unwrap();
        let mut cut = buffer[..length].to_vec();
        cut[2] |= 0x82;
        udp.send_to(&cut, from).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut query = vec![0; length + 2];
        stream.read_exact(&mut query).unwrap();
        let answer = answer(&query[2..], [0x81, 0x80], 1);
        let length = u16::try_from(answer.len()).unwrap();
        stream.write_all(&length.to_be_bytes()).unwrap();
        stream.write_all(&answer).unwrap();
    });
    assert!(ask(&query(port), 5000).is_good());
}

#[test]
fn codes_are_told_apart() {
    #[rustfmt::skip]
    let cases = [
        ("NXDOMAIN", "NOERROR", &[][..], "NXDOMAIN, not NOERROR"),
        ("REFUSED",  "NOERROR", &[],     "REFUSED, not NOERROR"),
        ("SERVFAIL", "NOERROR", &[],     "SERVFAIL, not NOERROR"),
        ("NOERROR",  "NOERROR", &[],     "NODATA"),
        ("NOERROR",  "NXDOMAIN", &["192.0.2.1"], "NOERROR, not NXDOMAIN"),
        ("NXDOMAIN", "NXDOMAIN", &[],    ""),
        ("REFUSED",  "REFUSED",  &[],    ""),
    ];
    for (rcode, expected, data, want) in cases {
        let mut query = query(53);
        query.rcode = expected.to_owned();
        query.expect = None;
        let data = data.iter().map(|&text| text.to_owned()).collect();
        let read = Read {
            rcode: rcode.to_owned(),
            cut: false,
            data,
        };
        match query.judge(&read) {
            Outcome::Good => assert_eq!(want, "", "{rcode} where {expected} is expected"),
            Outcome::Wrong(what) => assert!(!want.is_empty() && what.starts_with(want), "{what}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn asked_once_is_one_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let clock = wire::Clock::of(Duration::from_millis(50));
    let began = Instant::now();
    let reply = query(port).ask(LOCAL.into(), &clock, false);
    assert!(matches!(reply.outcome, Outcome::Dead(How::Timeout, _)));
    let left = clock.left().unwrap().duration_since(began);
    assert!(left < Duration::from_millis(50), "{left:?}");
    socket.set_nonblocking(true).unwrap();
    let mut count = 0;
    while socket.recv_from(&mut [0; 600]).is_ok() {
        count += 1;
    }
    assert_eq!(count, 1);
}

#[test]
fn no_such_record_is_what_is_expected() {
    let fields = serde_json::json!({"name": "ha.test", "type": "AAAA", "expect": []});
    let query = parsed(&fields, Query::parse).unwrap();
    #[rustfmt::skip]
    let cases = [
        ("no data", "NOERROR",  &[][..], ""),
        ("data",    "NOERROR",  &["fd10::1", "fd10::2"], "fd10::1, fd10::2, not NODATA"),
        ("no name", "NXDOMAIN", &[],     "NXDOMAIN, not NOERROR"),
    ];
    for (name, rcode, data, want) in cases {
        let read = Read {
            rcode: rcode.to_owned(),
            cut: false,
            data: data.iter().map(|&text| text.to_owned()).collect(),
        };
        match query.judge(&read) {
            Outcome::Good => assert_eq!(want, "", "{name}"),
            Outcome::Wrong(what) => assert_eq!(what, want, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let fields = serde_json::json!({"name": "ha.test", "expect": [], "rcode": "NXDOMAIN"});
    let refused = parsed(&fields, Query::parse).unwrap_err();
    assert_eq!(
        refused,
        "probe.expect is there beside rcode NXDOMAIN, with which there are no records"
    );
}
