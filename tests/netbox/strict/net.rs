//! IPv4 networks as the strict listener needs them.

/// `192.0.2.7/24` as its bits and length; no length is /32, as NetBox has it.
pub fn parse(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    let length = length.parse().ok().filter(|length| *length <= 32)?;
    Some((address.to_bits(), length))
}

/// `inner` lies in `outer`.
pub fn holds(outer: (u32, u32), inner: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - outer.1).unwrap_or(0);
    outer.0 & mask == inner & mask
}

/// The addresses of a prefix that NetBox hands out: not the first and last (of /30 and shorter).
pub fn usable(net: (u32, u32)) -> std::ops::RangeInclusive<u32> {
    let last = net.0 | !u32::MAX.checked_shl(32 - net.1).unwrap_or(0);
    if net.1 >= 31 {
        net.0..=last
    } else {
        net.0 + 1..=last - 1
    }
}

pub fn shown(address: u32, length: u32) -> String {
    format!("{}/{length}", std::net::Ipv4Addr::from_bits(address))
}
