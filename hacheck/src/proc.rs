//! What `/proc/net` says of VRRP and of servers on this host: text in, facts out, no files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::evidence::{Listening, Transport};

/// A raw socket of protocol 112 is open (`/proc/net/raw`, `/proc/net/raw6`): its "port" is
/// the protocol number, in hexadecimal. A VRRP daemon that was killed has none.
#[must_use]
pub fn has_vrrp_socket(raw: &str) -> bool {
    let local = raw
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1));
    local
        .filter_map(|local| local.rsplit_once(':'))
        .any(|(_, protocol)| protocol == "0070")
}

/// The interfaces that have joined 224.0.0.18 (`/proc/net/igmp`): each interface has a line,
/// and its groups lines below it that are indented, in the byte order of the machine.
#[must_use]
pub fn joined_v4(igmp: &str) -> Vec<String> {
    let group = u32::from_ne_bytes([224, 0, 0, 18]);
    let mut interface = "";
    let mut joined = Vec::new();
    for line in igmp.lines().skip(1) {
        let mut words = line.split_whitespace();
        if line.starts_with(char::is_whitespace) {
            let found = words
                .next()
                .and_then(|word| u32::from_str_radix(word, 16).ok());
            if found == Some(group) {
                joined.push(interface.to_owned());
            }
        } else {
            interface = words.nth(1).unwrap_or_default().trim_end_matches(':');
        }
    }
    joined
}

/// The interfaces that have joined ff02::12 (`/proc/net/igmp6`).
#[must_use]
pub fn joined_v6(igmp6: &str) -> Vec<String> {
    let mut joined = Vec::new();
    for line in igmp6.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, interface, "ff020000000000000000000000000012", ..] = words[..] {
            joined.push(interface.to_owned());
        }
    }
    joined
}

/// The sockets that wait for clients in `/proc/net/tcp`, `udp`, `tcp6` or `udp6`.
#[must_use]
pub fn listening(text: &str, protocol: Transport) -> Vec<Listening> {
    // TCP_LISTEN; a UDP socket that is connected to nobody has the number of TCP_CLOSE
    // (include/net/tcp_states.h).
    let waits = match protocol {
        Transport::Tcp => "0A",
        Transport::Udp => "07",
    };
    let read = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (address, port) = words.next()?.split_once(':')?;
        let state = words.nth(1)?;
        (state == waits).then_some(Listening {
            protocol,
            address: address_of(address)?,
            port: u16::from_str_radix(port, 16).ok()?,
        })
    };
    let lines = text.lines().skip(1);
    lines.filter_map(read).collect()
}

/// An address in words of 32 bits, each in the byte order of the machine.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |from: usize| {
        let word = u32::from_str_radix(hex.get(from..from + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_that_wait() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue\n";
        let lines = [
            "   0: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0",
            "   1: 0C0AA8C0:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0",
            "   2: 0C0AA8C0:9C40 08080808:0035 01 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0",
            "   3: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 07 00000000:00000000",
            "   4: 0000000000000000FFFF00000C0AA8C0:0051 00000000000000000000000000000000:0000 07 00000000:00000000",
            "   5: 0C0AA8:0035 00000000:0000 07",
            "   6: 0C0AA8C0:0035",
        ];
        let found = listening(&format!("{head}{}\n", lines.join("\n")), Transport::Udp);
        let told = |one: &Listening| format!("{} {}", one.address, one.port);
        let told: Vec<String> = found.iter().map(told).collect();
        let want = [
            "127.0.0.1 53",
            "192.168.10.12 53",
            ":: 80",
            "192.168.10.12 81",
        ];
        assert_eq!(told, want);
        let tcp = lines[1].replace(" 07 ", " 0A ");
        let text = format!("{head}{tcp}\n{}\n", lines[0]);
        assert_eq!(listening(&text, Transport::Tcp).len(), 1);
        assert_eq!(listening("", Transport::Tcp), []);
    }

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";

    #[test]
    fn a_daemon_has_a_raw_socket() {
        // Lines of a host with keepalived 2.2.7 on kernel 6.18.
        let own = " 116: 120000E0:0070 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1370909 2 00000000b6c0126e 0";
        let ping = "   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 37 2 00000000b6c0126e 0";
        let v6 = " 116: 00000000000000000000000000000000:0070 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 00 0";
        #[rustfmt::skip]
        let cases = [
            ("keepalived",    format!("{HEAD}\n{ping}\n{own}\n"), true),
            ("in IPv6",       format!("{HEAD}\n{v6}\n"), true),
            ("another's",     format!("{HEAD}\n{ping}\n"), false),
            ("nobody",        format!("{HEAD}\n"), false),
            ("not the head",  "  sl local:0070".to_owned(), false),
            ("nothing",       String::new(), false),
        ];
        for (name, text, want) in cases {
            assert_eq!(has_vrrp_socket(&text), want, "{name}");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_daemon_is_in_the_group() {
        let igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
            1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
            2\te10       :     2      V3\n\t\t\t\t120000E0     1 0:00000000\t\t0\n\
            \t\t\t\t010000E0     1 0:00000000\t\t0\n\
            3\ta-very-long-one:     2      V3\n\t\t\t\t120000E0     1 0:00000000\t\t0\n";
        assert_eq!(joined_v4(igmp), ["e10", "a-very-long-one"]);
        assert_eq!(joined_v4("Idx\tDevice\n"), [""; 0]);
        let igmp6 = "2    e10             ff020000000000000000000000000012     1 00000004 0\n\
            2    e10             ff020000000000000000000000000001     1 0000000C 0\n\
            3    e30             ff020000000000000000000000000001     1 0000000C 0\n";
        assert_eq!(joined_v6(igmp6), ["e10"]);
    }
}
