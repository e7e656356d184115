//! The raw socket (CAP_NET_RAW): everything on a segment that tells who holds an address.
//!
//! AF_PACKET and not a raw IP socket, so that a master hears its own adverts, too. It sends ARP
//! probes and neighbour solicitations, and a few ARP requests from the checker's own address; the
//! answers refresh the checker's neighbour entries, the requests those of who is asked.

use std::{
    io,
    net::IpAddr,
    os::fd::AsRawFd as _,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::socket::{LinkAddr, MsgFlags, bind, recvfrom, send},
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, Socket, Type};
use vmid::site::is_link_local;

use crate::{
    evidence::{RawWindow, Unseen},
    frame::{self, Frame},
    interfaces::{self, Interface},
    vrrp,
    window::{Asker, Question, Window},
};

/// Every protocol, in both directions (if_ether.h).
const ETH_P_ALL: u16 = 3;
/// Longest frame that is read whole, in bytes: a jumbo frame.
const LONGEST: usize = 9216;
/// What may wait in the socket, in bytes; the kernel's default is 212 992.
const BUFFER: usize = 1 << 20;

/// A socket that hears one interface.
pub struct Raw {
    socket: Socket,
    index: usize,
    /// To be in the groups makes switches and the network card deliver them.
    _groups: Vec<Socket>,
}

impl Raw {
    /// Listens on `interface`.
    ///
    /// # Errors
    ///
    /// EPERM without CAP_NET_RAW, and what else the kernel refuses.
    pub fn open(interface: &Interface) -> Result<Self, Unseen> {
        let name = &interface.name;
        let link = interface.link.ok_or_else(|| Unseen {
            what: "arp and adverts".to_owned(),
            errno: String::new(),
            message: format!("{name} is no Ethernet interface"),
        })?;
        let protocol = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol));
        let socket = socket.map_err(|error| unseen("socket(AF_PACKET)", &error))?;
        let filtered = socket.attach_filter(&filter());
        filtered.map_err(|error| unseen("SO_ATTACH_FILTER", &error))?;
        // A smaller buffer only means that more may be lost under load.
        let _ = socket.set_recv_buffer_size(BUFFER);
        let bound = bind(socket.as_raw_fd(), &link).map_err(io::Error::from);
        bound.map_err(|error| unseen(&format!("bind to {name}"), &error))?;
        let groups = join(interface.index)
            .map_err(|error| unseen(&format!("join the VRRP group on {name}"), &error))?;
        Ok(Self {
            socket,
            index: link.ifindex(),
            _groups: groups,
        })
    }

    /// The next frame that tells something, if one comes before `until`.
    ///
    /// # Errors
    ///
    /// ENETDOWN when the interface goes down, after which it goes on listening.
    pub fn receive(&self, until: Instant) -> io::Result<Option<Frame>> {
        let mut buffer = [0; LONGEST];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // A timeout of zero would be none.
            let left = left.max(Duration::from_micros(100));
            self.socket.set_read_timeout(Some(left))?;
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer) {
                // What came between socket() and bind() is of any interface.
                Ok((length, from)) if from.is_none_or(|from| from.ifindex() == self.index) => {
                    if let Some(frame) = frame::parse(&buffer[..length]) {
                        return Ok(Some(frame));
                    }
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        Ok(())
    }
}

/// Joins 224.0.0.18 and ff02::12 on an interface; the latter only where there is IPv6.
fn join(index: u32) -> io::Result<Vec<Socket>> {
    let v4 = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    v4.join_multicast_v4_n(&vrrp::GROUP_V4, &InterfaceIndexOrAddress::Index(index))?;
    let mut groups = vec![v4];
    if let Ok(v6) = Socket::new(Domain::IPV6, Type::DGRAM, None)
        && v6.join_multicast_v6(&vrrp::GROUP_V6, index).is_ok()
    {
        groups.push(v6);
    }
    Ok(groups)
}

/// ARP, protocol 112, and ICMPv6, so that a busy host copies nothing else. Frames with a VLAN
/// tag are another segment's: on a trunk they pass here, too, on their way to their interface.
fn filter() -> [SockFilter; 13] {
    // Classic BPF (kernel, Documentation/networking/filter.rst).
    const LOAD_WORD: u16 = 0x20;
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const VLAN_TAG_PRESENT: u32 = 0xffff_f000 + 48; // SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT
    let load = |what, at| SockFilter::new(what, 0, 0, at);
    let equal = |value, yes, no| SockFilter::new(JUMP_IF_EQUAL, yes, no, value);
    [
        load(LOAD_WORD, VLAN_TAG_PRESENT),
        equal(0, 0, 10), // else: none
        load(LOAD_HALF, 12),
        equal(0x0806, 7, 0), // ARP: all
        equal(0x0800, 0, 2),
        load(LOAD_BYTE, 23), // IPv4's protocol
        equal(u32::from(vrrp::PROTOCOL), 4, 5),
        equal(0x86dd, 0, 4),
        load(LOAD_BYTE, 20), // IPv6's next header
        equal(u32::from(vrrp::PROTOCOL), 1, 0),
        equal(58, 0, 1),
        SockFilter::new(RETURN, 0, 0, LONGEST as u32), // all
        SockFilter::new(RETURN, 0, 0, 0),              // none
    ]
}

fn unseen(step: &str, error: &io::Error) -> Unseen {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let text = errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_owned());
    Unseen {
        what: "arp and adverts".to_owned(),
        errno: errno.map(|errno| format!("{errno:?}")).unwrap_or_default(),
        message: format!("{step}: {}", text.to_lowercase()),
    }
}

/// Asks and listens for one pair, as long as its adverts need; `interface` is the pair's
/// name for it, which may be another host's. `started_ms` is Unix time in milliseconds.
///
/// It can't fail: what could not be looked at is among the window's errors.
#[must_use]
pub fn collect(question: Question, interface: Option<&str>, started_ms: i64) -> RawWindow {
    let mut raw = RawWindow {
        started_ms,
        ..RawWindow::default()
    };
    let list = match interfaces::list() {
        Ok(list) => list,
        Err(errno) => {
            raw.errors.push(unseen("getifaddrs", &errno.into()));
            return raw;
        }
    };
    let near = question.vip.or_else(|| question.members.first().copied());
    let found = near.and_then(|near| interfaces::beside(&list, near, &question.members, interface));
    let Some((found, mac)) = found.and_then(|found| Some((found, found.mac?))) else {
        raw.away = true;
        return raw;
    };
    // The same link-local address may be another host's on another link.
    let has = |address: IpAddr| {
        let here = |one: &&Interface| one.index == found.index || !is_link_local(address);
        let mut own = list.iter().filter(here).flat_map(|one| &one.addresses);
        own.any(|(own, _)| *own == address)
    };
    raw.vip_is_local = question.vip.is_some_and(has);
    raw.interface.clone_from(&found.name);
    raw.index = found.index;
    let socket = match Raw::open(found) {
        Ok(socket) => socket,
        Err(unseen) => {
            raw.errors.push(unseen);
            return raw;
        }
    };
    // Who holds the VIP has no need to ask, and none to be told by a proxy.
    let own = question.vip.filter(|_| !raw.vip_is_local);
    let asker = Asker {
        mac,
        link_local: found.link_local(),
        address: own.and_then(|vip| found.primary_beside(vip, &question.vips)),
    };
    listen(&socket, Window::new(question, asker, raw))
}

fn listen(socket: &Raw, mut window: Window) -> RawWindow {
    let started = Instant::now();
    let now_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    loop {
        let now = now_ms();
        let end = window.end_ms(now);
        if now >= end {
            return window.finish(now);
        }
        for frame in window.ask(now) {
            if let Err(error) = socket.send(&frame) {
                window.unseen(unseen("send", &error));
            }
        }
        let until = started + Duration::from_millis(end.min(window.next_ms()));
        match socket.receive(until) {
            Ok(Some(frame)) => window.take(now_ms(), frame),
            Ok(None) => {}
            Err(error) => window.unseen(unseen("receive", &error)),
        }
    }
}
