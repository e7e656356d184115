//! Cells that hold an address or a prefix, and what a spreadsheet or a habit makes of them.

use std::net::IpAddr;

use ipnet::IpNet;

/// An address; without a mask it is a host's own (as NetBox has it).
///
/// # Errors
///
/// It is none; the message has the form that was meant, where that can be told.
pub(super) fn address(cell: &[u8]) -> Result<(IpAddr, u8), String> {
    std::str::from_utf8(cell)
        .ok()
        .and_then(parsed)
        .ok_or_else(|| not(cell, "an address"))
}

/// A prefix.
///
/// # Errors
///
/// It is none, or has host bits set.
pub(super) fn prefix(cell: &[u8]) -> Result<IpNet, String> {
    let text = std::str::from_utf8(cell).ok();
    let net: Option<IpNet> = text.and_then(|text| text.parse().ok());
    let net = net.ok_or_else(|| not(cell, "a prefix"))?;
    if net.trunc() != net {
        let whole = net.trunc();
        return Err(format!("{net} has host bits set; the prefix is {whole}"));
    }
    Ok(net)
}

fn parsed(text: &str) -> Option<(IpAddr, u8)> {
    let (host, length) = text
        .split_once('/')
        .map_or((text, None), |(host, length)| (host, Some(length)));
    let host: IpAddr = host.parse().ok()?;
    let most = if host.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => length.parse().ok().filter(|length| *length <= most)?,
        None => most,
    };
    Some((host, length))
}

/// That the cell is not `what`, and what to write instead.
fn not(cell: &[u8], what: &str) -> String {
    let text = String::from_utf8_lossy(cell);
    match mended(&text) {
        Some((form, meant)) => format!("{text:?} is not {what}, but {form}; write {meant}"),
        None => format!("{text:?} is not {what}"),
    }
}

/// What form an address is in that is none here, and the address.
fn mended(text: &str) -> Option<(&'static str, String)> {
    let readable = |text: &str| parsed(text).is_some();
    let formula = text.strip_prefix("=\"").and_then(|t| t.strip_suffix('"'));
    if let Some(meant) = formula.map(str::trim).filter(|text| readable(text)) {
        return Some(("a spreadsheet's formula", meant.to_owned()));
    }
    let quoted = text.strip_prefix('\'').map(str::trim);
    if let Some(meant) = quoted.filter(|text| readable(text)) {
        return Some(("one with a spreadsheet's apostrophe", meant.to_owned()));
    }
    let (host, mask) = text.split_once('/').map_or((text, None), |(host, mask)| {
        (host.trim(), Some(mask.trim()))
    });
    let plain = without_zeros(host)?;
    let length = match mask {
        None => None,
        Some(mask) => Some(mask.parse().ok().or_else(|| length_of(mask))?),
    };
    let meant = length.map_or(plain.clone(), |length: u8| format!("{plain}/{length}"));
    let form = match plain == host {
        true => "one with a netmask",
        false => "one with padded numbers",
    };
    (meant != text && readable(&meant)).then_some((form, meant))
}

/// The IPv4 address with its decimal numbers as short as they can be.
fn without_zeros(host: &str) -> Option<String> {
    let octets: Option<Vec<u8>> = host.split('.').map(octet).collect();
    let octets: [u8; 4] = octets?.try_into().ok()?;
    Some(IpAddr::from(octets).to_string())
}

fn octet(text: &str) -> Option<u8> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The length of a mask such as 255.255.255.0.
fn length_of(mask: &str) -> Option<u8> {
    ipnet::ip_mask_to_prefix(mask.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_what_is_said_of_others() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("with a mask",   "192.168.30.2/24",          Ok("192.168.30.2/24")),
            ("without",       "192.168.30.2",             Ok("192.168.30.2/32")),
            ("IPv6",          "fd00::2/64",               Ok("fd00::2/64")),
            ("a formula",     "=\"192.168.30.2/24\"",     Err(r#""=\"192.168.30.2/24\"" is not an address, but a spreadsheet's formula; write 192.168.30.2/24"#)),
            ("an apostrophe", "'192.168.30.2/24",         Err(r#""'192.168.30.2/24" is not an address, but one with a spreadsheet's apostrophe; write 192.168.30.2/24"#)),
            ("a netmask",     "192.168.30.2/255.255.255.0", Err(r#""192.168.30.2/255.255.255.0" is not an address, but one with a netmask; write 192.168.30.2/24"#)),
            ("padded",        "192.168.030.002/24",       Err(r#""192.168.030.002/24" is not an address, but one with padded numbers; write 192.168.30.2/24"#)),
            ("a holed mask",  "192.168.30.2/255.0.255.0", Err(r#""192.168.30.2/255.0.255.0" is not an address"#)),
            ("mask 33",       "192.168.30.2/33",          Err(r#""192.168.30.2/33" is not an address"#)),
            ("a formula of another kind", "=A1",          Err(r#""=A1" is not an address"#)),
            ("three octets",  "192.168.30/24",            Err(r#""192.168.30/24" is not an address"#)),
            ("nothing",       "",                         Err(r#""" is not an address"#)),
        ];
        for (name, cell, want) in cases {
            let got = address(cell.as_bytes()).map(|(host, length)| format!("{host}/{length}"));
            assert_eq!(got.as_deref().map_err(String::as_str), *want, "{name}");
        }
    }

    #[test]
    fn prefixes() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("a prefix",   "192.168.30.0/24",     Ok("192.168.30.0/24")),
            ("host bits",  "192.168.30.1/24",     Err("192.168.30.1/24 has host bits set; the prefix is 192.168.30.0/24")),
            ("a formula",  "=\"10.0.0.0/8\"",     Err(r#""=\"10.0.0.0/8\"" is not a prefix, but a spreadsheet's formula; write 10.0.0.0/8"#)),
            ("no mask",    "192.168.30.0",        Err(r#""192.168.30.0" is not a prefix"#)),
        ];
        for (name, cell, want) in cases {
            let got = prefix(cell.as_bytes()).map(|net| net.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), *want, "{name}");
        }
    }
}
