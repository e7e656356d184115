//! The kernel's own tables of addresses and neighbours (rtnetlink(7)), without any privilege.
//!
//! Two dumps, each a question of a few bytes: a netlink library would be ten crates for it.
//! The answers are the kernel's, but they are read as if anybody could have sent them.

use std::{
    io,
    net::IpAddr,
    os::fd::AsRawFd as _,
    time::{Duration, Instant},
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
    sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::evidence::{Mac, Unused};

/// Message types (rtnetlink.h, netlink.h).
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const NEW_NEIGHBOUR: u16 = 28;
const GET_NEIGHBOUR: u16 = 30;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// NLM_F_REQUEST | NLM_F_DUMP.
const DUMP: u16 = 1 | 0x300;
/// States in which a neighbour's hardware address is known: all but NUD_INCOMPLETE (1),
/// NUD_FAILED (0x20) and NUD_NOARP (0x40) (neighbour.h).
const KNOWN: u16 = 2 | 4 | 8 | 0x10 | 0x80;
/// Flags of an address (if_addr.h).
const OPTIMISTIC: u32 = 0x04;
const DADFAILED: u32 = 0x08;
const TENTATIVE: u32 = 0x40;
/// How long the kernel may take; it answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// An address of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Index of its interface.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Length of its prefix.
    pub prefix_length: u8,
    /// When it was set, in hundredths of a second since the host started.
    pub created_cs: Option<u32>,
    /// Why the host does not use it.
    pub unused: Option<Unused>,
}

/// A neighbour whose hardware address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Index of the interface.
    pub index: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address.
    pub mac: Mac,
}

/// All addresses.
///
/// # Errors
///
/// What the kernel says.
pub fn addresses() -> io::Result<Vec<Address>> {
    // struct ifaddrmsg, of any family
    dump(GET_ADDRESS, &[0; 8], |kind, body| {
        (kind == NEW_ADDRESS).then(|| address(body)).flatten()
    })
}

/// The interfaces that are ports of another (a bridge, a bond): the index of each, and that of its master.
///
/// # Errors
///
/// What the kernel says.
pub fn masters() -> io::Result<Vec<(u32, u32)>> {
    // struct ifinfomsg, of any family
    dump(GET_LINK, &[0; 16], |kind, body| {
        (kind == NEW_LINK).then(|| master(body)).flatten()
    })
}

/// All neighbours.
///
/// # Errors
///
/// What the kernel says.
pub fn neighbours() -> io::Result<Vec<Neighbour>> {
    // struct ndmsg, of any family
    dump(GET_NEIGHBOUR, &[0; 12], |kind, body| {
        (kind == NEW_NEIGHBOUR).then(|| neighbour(body)).flatten()
    })
}

fn dump<T>(
    kind: u16,
    body: &[u8],
    mut read: impl FnMut(u16, &[u8]) -> Option<T>,
) -> io::Result<Vec<T>> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(1))?;
    let length = (16 + body.len()) as u32; // at most 28
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(kind.to_ne_bytes());
    request.extend(DUMP.to_ne_bytes());
    request.extend([1, 0, 0, 0, 0, 0, 0, 0]); // sequence number, port
    request.extend(body);
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let until = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 16]; // more than the kernel puts in one piece
    while Instant::now() < until {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        for (kind, body) in messages(&buffer[..length]) {
            match kind {
                DONE => return Ok(found),
                ERROR => {
                    let errno = body
                        .first_chunk()
                        .map_or(0, |code| i32::from_ne_bytes(*code));
                    return Err(io::Error::from_raw_os_error(errno.wrapping_neg()));
                }
                _ => found.extend(read(kind, body)),
            }
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// The messages in a piece of the answer (struct nlmsghdr): type and body.
fn messages(mut piece: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(header) = piece.first_chunk::<16>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some(body) = piece.get(16..length) else {
            break;
        };
        found.push((u16::from_ne_bytes([header[4], header[5]]), body));
        piece = piece.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

/// The attributes behind a message's fixed part (struct rtattr): type and value.
fn attributes(mut rest: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(header) = rest.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let Some(value) = rest.get(4..length) else {
            break;
        };
        found.push((u16::from_ne_bytes([header[2], header[3]]), value));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

fn address(body: &[u8]) -> Option<Address> {
    let (fixed, rest) = body.split_first_chunk::<8>()?;
    let attributes = attributes(rest);
    let value = |wanted| attributes.iter().find(|(kind, _)| *kind == wanted);
    // IFA_LOCAL, else IFA_ADDRESS, which on a point-to-point link is the other end.
    let (_, own) = value(2).or_else(|| value(1))?;
    // IFA_CACHEINFO: preferred, valid, created, changed
    let created = value(6).and_then(|(_, info)| info.get(8..12)?.try_into().ok());
    // IFA_FLAGS, of which the fixed part has the lowest byte.
    let flags = value(8).and_then(|(_, flags)| Some(u32::from_ne_bytes((*flags).try_into().ok()?)));
    let flags = flags.unwrap_or_else(|| u32::from(fixed[2]));
    Some(Address {
        unused: match flags {
            flags if flags & DADFAILED != 0 => Some(Unused::Dadfailed),
            // An optimistic address is used while it is tentative.
            flags if flags & TENTATIVE != 0 && flags & OPTIMISTIC == 0 => Some(Unused::Tentative),
            _ => None,
        },
        index: u32::from_ne_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        address: ip(own)?,
        prefix_length: fixed[1],
        created_cs: created.map(u32::from_ne_bytes),
    })
}

fn master(body: &[u8]) -> Option<(u32, u32)> {
    let (fixed, rest) = body.split_first_chunk::<16>()?;
    let attributes = attributes(rest);
    let (_, master) = attributes.iter().find(|(kind, _)| *kind == 10)?; // IFLA_MASTER
    let index = u32::from_ne_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    Some((index, u32::from_ne_bytes((*master).try_into().ok()?)))
}

fn neighbour(body: &[u8]) -> Option<Neighbour> {
    let (fixed, rest) = body.split_first_chunk::<12>()?;
    let state = u16::from_ne_bytes([fixed[8], fixed[9]]);
    let attributes = attributes(rest);
    let value = |wanted| attributes.iter().find(|(kind, _)| *kind == wanted);
    let (_, address) = value(1)?; // NDA_DST
    let (_, mac) = value(2)?; // NDA_LLADDR
    let mac = Mac((*mac).try_into().ok()?);
    (state & KNOWN != 0 && mac.0 != [0; 6]).then_some(Neighbour {
        index: u32::from_ne_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        address: ip(address)?,
        mac,
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn addresses_of_the_kernel() {
        let vip = attribute(2, &[192, 168, 10, 110]);
        let peer = attribute(1, &[10, 0, 0, 9]);
        let info = [0_u32, 0, 4711, 4712].map(u32::to_ne_bytes).concat();
        let fixed = [2, 24, 0, 0, 7, 0, 0, 0];
        let found = |parts: &[&[u8]]| address(&[&fixed, &parts.concat()[..]].concat());
        let want = |address: [u8; 4], created_cs| {
            Some(Address {
                index: u32::from_ne_bytes([7, 0, 0, 0]),
                address: address.into(),
                prefix_length: 24,
                created_cs,
                unused: None,
            })
        };
        let cached = attribute(6, &info);
        #[rustfmt::skip]
        let cases = [
            ("with its age",           found(&[&peer, &vip, &cached]), want([192, 168, 10, 110], Some(4711))),
            ("in another order",       found(&[&cached, &vip]),        want([192, 168, 10, 110], Some(4711))),
            ("IPv6 has no local one",  found(&[&peer]),                want([10, 0, 0, 9], None)),
            ("no address",             found(&[&cached]),              None),
            ("an attribute too long",  found(&[&[99, 0, 2, 0, 1, 2, 3, 4]]), None),
        ];
        for (name, got, want) in cases {
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn addresses_that_are_not_used() {
        let own = attribute(1, &[0xfd; 16]);
        let found = |flags: u8, wide: Option<u32>| {
            let fixed = [10, 64, flags, 0, 7, 0, 0, 0];
            let wide = wide.map_or(Vec::new(), |flags| attribute(8, &flags.to_ne_bytes()));
            address(&[&fixed[..], &own, &wide].concat()).unwrap().unused
        };
        #[rustfmt::skip]
        let cases = [
            ("permanent",            0x80, None,        None),
            ("tentative",            0xc0, None,        Some(Unused::Tentative)),
            ("failed",               0xc8, Some(0xc8),  Some(Unused::Dadfailed)),
            ("the wide ones count",  0xc0, Some(0x280), None),
            ("optimistic",           0x44, Some(0x44),  None),
        ];
        for (name, flags, wide, want) in cases {
            assert_eq!(found(flags, wide), want, "{name}");
        }
    }

    #[test]
    fn neighbours_that_have_not_answered_are_none() {
        let found = |state: u16, mac: &[u8]| {
            let mut body = vec![2, 0, 0, 0, 7, 0, 0, 0];
            body.extend(state.to_ne_bytes());
            body.extend([0, 0]);
            body.extend(attribute(1, &[192, 168, 10, 110]));
            body.extend(attribute(2, mac));
            neighbour(&body).is_some()
        };
        let mac = [2, 0, 0, 0, 0x10, 0x11];
        #[rustfmt::skip]
        let cases = [
            ("reachable",      found(2, &mac), true),
            ("stale",          found(4, &mac), true),
            ("permanent",      found(0x80, &mac), true),
            ("incomplete",     found(1, &mac), false),
            ("failed",         found(0x20, &mac), false),
            ("no ARP",         found(0x40, &mac), false),
            ("zero",           found(2, &[0; 6]), false),
            ("not Ethernet's", found(2, &[1; 20]), false),
        ];
        for (name, got, want) in cases {
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn this_host_has_addresses() {
        let found = addresses().unwrap();
        for one in crate::interfaces::list().unwrap() {
            for (address, prefix_length) in one.addresses {
                let same = |found: &&Address| found.address == address;
                let found = found.iter().find(same).unwrap();
                assert_eq!(
                    (found.index, found.prefix_length),
                    (one.index, prefix_length)
                );
            }
        }
        neighbours().unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0..80_u8) {
            let mut bytes = bytes;
            if bytes.len() > 4 {
                bytes[..4].copy_from_slice(&u32::from(length).to_ne_bytes());
            }
            for (_, body) in messages(&bytes) {
                let _ = (address(body), neighbour(body));
            }
            let _ = (address(&bytes), neighbour(&bytes));
        }
    }
}
