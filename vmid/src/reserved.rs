//! Addresses that must never be a guest's, as `--reserved-file` lists them.

use core::net::Ipv4Addr;

use anyhow::Context as _;

use crate::{scheme, table::Dialect};

/// The addresses of a `--reserved-file`: separated by white space or commas, with or
/// without a mask; `#` begins a comment.
///
/// # Errors
///
/// A word is no IPv4 address; its line is named.
pub fn parse(text: &[u8]) -> anyhow::Result<Vec<Ipv4Addr>> {
    let text = &text[Dialect::of(text).mark_length()..];
    let mut addresses = Vec::new();
    for (index, line) in String::from_utf8_lossy(text).lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words = line.split(|c: char| c == ',' || c.is_whitespace());
        for word in words.filter(|word| !word.is_empty()) {
            let address = scheme::parse_address(word);
            addresses.push(address.with_context(|| format!("line {}", index + 1))?.0);
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_reserved_addresses() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&[&str], &str>)] = &[
            ("empty",            "", Ok(&[])),
            ("one a line",       "192.168.10.110\r\n192.168.30.161\r\n", Ok(&["192.168.10.110", "192.168.30.161"])),
            ("comments, commas", "# VIPs\n192.168.10.110, 192.168.30.161 # two\n", Ok(&["192.168.10.110", "192.168.30.161"])),
            ("BOM and mask",     "\u{feff}192.168.010.110/24", Ok(&["192.168.10.110"])),
            ("a name",           "# VIPs\ndns", Err("line 2: \"dns\" is not an IPv4 address")),
        ];
        for (name, text, want) in cases {
            let got = parse(text.as_bytes()).map_err(|error| format!("{error:#}"));
            let want = want.map_err(str::to_owned);
            let want = want.map(|all| all.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>());
            assert_eq!(got, want, "{name}");
        }
    }
}
