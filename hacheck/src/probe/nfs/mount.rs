//! The MOUNT protocol, version 3 (RFC 1813, appendix I): which directories a server exports and to
//! whom, and the handles of their roots. Each MNT is followed by its UMNT.
//!
//! A handle opens a directory to whoever knows it: only its digest leaves this file.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{Null, PATH};
use crate::{
    evidence::Unseen,
    probe::{Outcome, rpc, wire},
};

/// The program number of the MOUNT protocol.
const MOUNT: u32 = 100_005;

/// The program number of the portmapper, and its port (RFC 1833, 3).
const PORTMAPPER: (u32, u16) = (100_000, 111);

/// The longest list of exports that is read, in bytes: some thousands.
const LIST: usize = 256 << 10;

/// The longest of the other answers: a handle has 64 bytes, and some flavours of authentication follow.
const LONGEST: usize = 4096;

/// The longest name of a group of clients, in bytes (MNTNAMLEN).
const NAME: usize = 255;

/// The longest handle, in bytes (FHSIZE3).
const HANDLE: usize = 64;

/// The part of the time that is kept for UMNT.
const LAST: u32 = 4;

/// What is known of the exports that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exports {
    /// One for each path that was asked for, in that order.
    pub exports: Vec<Export>,
    /// The list of exports, or their handles, could not be had, and why.
    pub unseen: Vec<Unseen>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The clients that it is for, sorted, none for everybody; or that it is not exported; or that
    /// the list could not be had.
    pub listed: Option<Option<Vec<String>>>,
    /// The digest of its root's handle.
    pub handle: Option<String>,
}

/// An answer of one of these procedures.
type Answer<T> = Result<T, String>;

/// What a server has of the exports that are asked for, until `deadline` at the latest.
pub(super) fn ask(null: &Null, address: IpAddr, deadline: Instant) -> Exports {
    let mut exports = Exports {
        exports: vec![Export::default(); null.exports.len()],
        unseen: Vec::new(),
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let before_last = deadline - left / LAST;
    let port = match null.mount_port {
        Some(port) => Ok(port),
        None => mapped(address, before_last),
    };
    let port = match port {
        Ok(port) => port,
        Err(message) => {
            exports.unseen.push(unseen("exports", message));
            return exports;
        }
    };
    match list(address, port, before_last) {
        Ok(list) => {
            for (export, path) in exports.exports.iter_mut().zip(&null.exports) {
                export.listed = Some(clients(&list, path));
            }
        }
        Err(message) => exports.unseen.push(unseen("list of exports", message)),
    }
    for (export, path) in exports.exports.iter_mut().zip(&null.exports) {
        if export.listed == Some(None) {
            continue; // it is told already
        }
        match handle(address, port, path, before_last, deadline) {
            Ok(handle) => export.handle = Some(handle),
            Err(message) => {
                let unseen = unseen(&format!("handle of {path}"), message);
                exports.unseen.push(unseen);
            }
        }
    }
    exports
}

fn unseen(what: &str, message: String) -> Unseen {
    Unseen {
        what: what.to_owned(),
        errno: String::new(),
        message,
    }
}

/// The clients of an export, if it is in the list: some servers name it once for each of them.
fn clients(list: &[(String, Vec<String>)], path: &str) -> Option<Vec<String>> {
    let of_path = list.iter().filter(|(listed, _)| same_path(listed, path));
    let all = of_path.map(|(_, groups)| groups.clone());
    all.reduce(|mut all, more| {
        if all.is_empty() || more.is_empty() {
            return Vec::new(); // everybody
        }
        all.extend(more);
        all.sort_unstable();
        all.dedup();
        all
    })
}

/// A slash at the end says nothing.
fn same_path(one: &str, other: &str) -> bool {
    let bare = |path: &str| path.trim_end_matches('/').to_owned();
    bare(one) == bare(other)
}

/// Where the portmapper says that MOUNT is (RFC 1833, 3: PMAPPROC_GETPORT).
fn mapped(address: IpAddr, until: Instant) -> Answer<u16> {
    if address.is_ipv6() {
        return Err("the portmapper is asked over IPv4 only: mount_port says the port".to_owned());
    }
    let (program, port) = PORTMAPPER;
    let wanted = [MOUNT, 3, 6, 0]; // 6: TCP
    let arguments: Vec<u8> = wanted.iter().flat_map(|word| word.to_be_bytes()).collect();
    let call = rpc::Call {
        program,
        version: 2,
        procedure: 3,
        arguments: &arguments,
        as_nobody: false,
        longest: LONGEST,
    };
    let clock = wire::Clock::until(until);
    let answer = wire::connect(address, port, &clock).and_then(|mut stream| call.send(&mut stream));
    let answer = answer.map_err(|outcome| format!("portmapper, port {port}: {outcome}"))?;
    match rpc::Reader(&answer).word().map(u16::try_from) {
        Some(Ok(port)) if port != 0 => Ok(port),
        Some(Ok(_)) => Err(
            "its portmapper knows no MOUNT version 3 over TCP: it serves NFS version 4 only"
                .to_owned(),
        ),
        _ => Err("its portmapper answers with no port".to_owned()),
    }
}

/// A call of MOUNT on a connection of its own.
fn call(
    address: IpAddr,
    port: u16,
    (procedure, arguments): (u32, &[u8]),
    longest: usize,
    until: Instant,
) -> Result<Vec<u8>, Outcome> {
    let call = rpc::Call {
        program: MOUNT,
        version: 3,
        procedure,
        arguments,
        as_nobody: true,
        longest,
    };
    let clock = wire::Clock::until(until);
    // Most servers give a handle only to what a root of the client sends.
    let mut stream = wire::connect_from_reserved(address, port, &clock)?;
    call.send(&mut stream)
}

/// MOUNTPROC3_EXPORT.
fn list(address: IpAddr, port: u16, until: Instant) -> Answer<Vec<(String, Vec<String>)>> {
    let answer = call(address, port, (5, &[]), LIST, until);
    let answer = answer.map_err(|outcome| format!("MOUNT, port {port}: {outcome}"))?;
    listed(&answer).ok_or_else(|| "its list of exports is broken".to_owned())
}

/// The exports of a list, and the clients that each is for.
fn listed(answer: &[u8]) -> Option<Vec<(String, Vec<String>)>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut reader = rpc::Reader(answer);
    let mut exports = Vec::new();
    while reader.word()? != 0 {
        let path = text(reader.opaque(PATH)?);
        let mut groups = Vec::new();
        while reader.word()? != 0 {
            groups.push(text(reader.opaque(NAME)?));
        }
        // In the words of Linux's mountd, Ganesha and others.
        if groups
            .iter()
            .any(|group| ["", "*", "(everyone)"].contains(&group.as_str()))
        {
            groups.clear();
        }
        groups.sort_unstable();
        groups.dedup();
        exports.push((path, groups));
    }
    Some(exports)
}

/// MOUNTPROC3_MNT, and MOUNTPROC3_UMNT after it, whatever came of it.
fn handle(
    address: IpAddr,
    port: u16,
    path: &str,
    before_last: Instant,
    deadline: Instant,
) -> Answer<String> {
    let arguments = rpc::opaque(path.as_bytes());
    let answer = call(address, port, (1, &arguments), LONGEST, before_last);
    let handle = match &answer {
        Ok(answer) => mounted(answer),
        Err(outcome) => Err(outcome.to_string()),
    };
    // Of what was refused nothing stays; of what got no answer something may.
    if handle.is_ok() || matches!(answer, Err(Outcome::Dead(..))) {
        let least = Instant::now() + Duration::from_millis(1);
        // That it stays in a list of mounts harms nobody.
        let _ = call(address, port, (3, &arguments), LONGEST, deadline.max(least));
    }
    handle
}

/// The digest of the handle in an answer to MNT.
fn mounted(answer: &[u8]) -> Answer<String> {
    let mut reader = rpc::Reader(answer);
    let broken = || "its answer to MNT is broken".to_owned();
    match reader.word().ok_or_else(broken)? {
        0 => {
            let handle = reader.opaque(HANDLE).ok_or_else(broken)?;
            let digest = ring::digest::digest(&ring::digest::SHA256, handle);
            let digits = digest.as_ref().iter().take(8);
            Ok(digits.map(|byte| format!("{byte:02x}")).collect())
        }
        code => Err(format!("MNT is refused: {}", refusal(code))),
    }
}

/// The codes of RFC 1813, appendix I (mountstat3).
fn refusal(code: u32) -> String {
    let what = match code {
        1 => "MNT3ERR_PERM: only root may",
        2 => "MNT3ERR_NOENT: there is no such export",
        5 => "MNT3ERR_IO",
        13 => {
            "MNT3ERR_ACCES: it isn't exported to this host, or only to ports below 1024, which are root's"
        }
        20 => "MNT3ERR_NOTDIR",
        22 => "MNT3ERR_INVAL",
        63 => "MNT3ERR_NAMETOOLONG",
        10_004 => "MNT3ERR_NOTSUPP",
        10_006 => "MNT3ERR_SERVERFAULT",
        code => return format!("status {code}"),
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str, groups: &[&str]) -> Vec<u8> {
        let mut bytes = [vec![0, 0, 0, 1], rpc::opaque(path.as_bytes())].concat();
        for group in groups {
            bytes.extend([0, 0, 0, 1]);
            bytes.extend(rpc::opaque(group.as_bytes()));
        }
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn lists_of_exports() {
        let both = [
            entry("/srv", &["b", "192.0.2.0/24", "b"]),
            entry("/pub", &["a", "*"]),
            vec![0; 4],
        ]
        .concat();
        let want = [("/srv", vec!["192.0.2.0/24", "b"]), ("/pub", vec![])];
        let got = listed(&both).unwrap();
        let got: Vec<(&str, Vec<&str>)> = got
            .iter()
            .map(|(path, groups)| (path.as_str(), groups.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(got, want);
        assert_eq!(listed(&[0; 4]), Some(Vec::new()));
        assert_eq!(listed(&both[..both.len() - 4]), None, "without its end");
        assert_eq!(listed(&entry(&"x".repeat(1025), &[])), None);
        assert!(same_path("/srv/", "/srv") && same_path("/", "/") && !same_path("/srv", "/srv2"));
    }

    #[test]
    fn an_export_that_is_listed_once_for_each_client() {
        let list = [
            entry("/srv", &["b", "a"]),
            entry("/other", &["x"]),
            entry("/srv/", &["c", "a"]),
            entry("/pub", &["a"]),
            entry("/pub", &["*"]),
            vec![0; 4],
        ]
        .concat();
        let list = listed(&list).unwrap();
        let some = |groups: &[&str]| Some(groups.iter().map(|&group| group.to_owned()).collect());
        #[rustfmt::skip]
        let cases = [
            ("/srv",   some(&["a", "b", "c"])),
            ("/other", some(&["x"])),
            ("/pub",   some(&[])),
            ("/none",  None),
        ];
        for (path, want) in cases {
            assert_eq!(clients(&list, path), want, "{path}");
        }
    }

    #[test]
    fn handles_and_refusals() {
        let given = |handle: &[u8]| [vec![0; 4], rpc::opaque(handle), vec![0; 4]].concat();
        let digest = mounted(&given(b"handle")).unwrap();
        assert_eq!(digest.len(), 16);
        assert_ne!(digest, mounted(&given(b"other")).unwrap());
        #[rustfmt::skip]
        let cases = [
            ("to others",   vec![0, 0, 0, 13], "MNT is refused: MNT3ERR_ACCES"),
            ("no such",     vec![0, 0, 0, 2],  "MNT is refused: MNT3ERR_NOENT"),
            ("who knows",   vec![0, 0, 1, 0],  "MNT is refused: status 256"),
            ("cut off",     vec![0, 0, 0],     "its answer to MNT is broken"),
            ("a long one",  given(&[7; 65]),   "its answer to MNT is broken"),
        ];
        for (name, answer, want) in cases {
            let what = mounted(&answer).unwrap_err();
            assert!(what.starts_with(want), "{name}: {what}");
        }
    }

    /// A server of MOUNT: which procedures it was called for; MNT is answered by `mnt`.
    fn server(mnt: fn() -> Option<Vec<u8>>) -> (u16, std::sync::mpsc::Receiver<u32>) {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (called, calls) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 4];
                stream.read_exact(&mut head).unwrap();
                let length = u32::from_be_bytes(head) & 0x7fff_ffff;
                let mut call = vec![0; length as usize];
                stream.read_exact(&mut call).unwrap();
                let word =
                    |place: usize| u32::from_be_bytes(call[place * 4..][..4].try_into().unwrap());
                assert_eq!((word(3), word(4)), (MOUNT, 3));
                let procedure = word(5);
                called.send(procedure).unwrap();
                let body = match procedure {
                    5 => Some([entry("/srv", &["*"]), vec![0; 4]].concat()),
                    1 => mnt(),
                    _ => Some(Vec::new()),
                };
                let Some(body) = body else {
                    std::mem::forget(stream); // it stays silent
                    continue;
                };
                let words = [word(0), 1, 0, 0, 0, 0];
                let mut reply: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
                reply.extend(body);
                let head = 0x8000_0000 | u32::try_from(reply.len()).unwrap();
                stream
                    .write_all(&[&head.to_be_bytes()[..], &reply].concat())
                    .unwrap();
            }
        });
        (port, calls)
    }

    #[test]
    fn each_mnt_is_followed_by_its_umnt() {
        type Mnt = fn() -> Option<Vec<u8>>;
        #[rustfmt::skip]
        let cases: [(&str, Mnt, &[u32], &str); 3] = [
            ("a handle",  || Some([vec![0; 4], rpc::opaque(b"handle"), vec![0; 4]].concat()), &[5, 1, 3], ""),
            ("refused",   || Some(vec![0, 0, 0, 13]), &[5, 1], "MNT is refused: MNT3ERR_ACCES"),
            ("no answer", || None, &[5, 1, 3], "no answer in time"),
        ];
        for (name, mnt, want, why) in cases {
            let (port, calls) = server(mnt);
            let null = Null {
                version: 3,
                port: 2049,
                exports: vec!["/srv".to_owned()],
                mount_port: Some(port),
            };
            let deadline = Instant::now() + Duration::from_secs(2);
            let exports = ask(&null, [127, 0, 0, 1].into(), deadline);
            assert_eq!(exports.exports[0].listed, Some(Some(Vec::new())), "{name}");
            assert_eq!(
                exports.exports[0].handle.is_some(),
                why.is_empty(),
                "{name}"
            );
            let unseen = exports.unseen.first().map(|unseen| unseen.message.as_str());
            assert!(
                unseen.unwrap_or_default().starts_with(why),
                "{name}: {unseen:?}"
            );
            let calls: Vec<u32> = calls.try_iter().collect();
            assert_eq!(calls, want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = listed(&bytes);
            let _ = mounted(&bytes);
        }
    }
}
