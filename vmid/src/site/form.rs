//! The forms of single values in a site file: what a text must look like to be a node's name, a
//! prefix, a time zone. Each check gives the value back as the normalised document has it.

use core::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::avoid::Avoid;

/// What a text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text on one line that isn't empty.
    Line,
    /// A domain, `home.example`.
    Domain,
    /// A name without spaces, commas, quotes or `=`, as Proxmox's property strings need it.
    Word,
    /// A node's name (PVE's schema, format pve-node).
    Node,
    /// A storage's ID (PVE's schema, format pve-storage-id).
    Storage,
    /// The name of a guest (PVE's schema, format dns-name).
    Guest,
    /// An HA resource, `vm:101` or `ct:101`.
    Sid,
    /// An absolute path.
    Path,
    /// An absolute path, or a volume of content snippets (PVE's `hookscript`).
    File,
    /// A name of the time zone database, such as Europe/Berlin; whether there is such a zone is
    /// for the tools that have the database.
    Zone,
    /// The address of a host, without a mask.
    Address,
    /// One or more addresses with spaces between them.
    Addresses,
    /// A prefix without host bits, `192.168.30.0/24`.
    Prefix,
    /// `first`, `last`, `none` or an address.
    Gateway,
    /// What [`Avoid::parse`] reads.
    Avoid,
    /// What a storage may hold (PVE's schema of storages, `content`).
    Content,
    /// A host as ssh takes it, perhaps with a user: `root@n8n.home.example`.
    Ssh,
    /// pbsprune's keep options with their numbers.
    Keep,
    /// How SQLite databases of an application are copied.
    Sqlite,
    /// What an archive is packed with.
    Compression,
    /// When a job is told of: `always`, `failure` or `change`.
    Occasion,
    /// What moves a VIP.
    Mover,
    /// What a guest is (PVE's `type`).
    GuestType,
    /// How a service is to survive its node.
    Availability,
    /// What the file of a name server is.
    Names,
    /// A day, `2027-01-31`.
    Day,
}

/// The kinds of content that PVE 9 knows.
const CONTENTS: [&str; 8] = [
    "images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none",
];

impl Form {
    /// What was expected, for a message: "not ...".
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Line => "text",
            Self::Domain => "a domain such as home.example",
            Self::Word => "a name without spaces, commas, quotes and =",
            Self::Node => "a node's name",
            Self::Storage => "a storage's ID",
            Self::Guest => "a guest's name (letters, digits, hyphens, dots)",
            Self::Sid => "an HA resource such as vm:101 or ct:101",
            Self::Path => "an absolute path",
            Self::File => "an absolute path, or a volume such as local:snippets/hook.pl",
            Self::Zone => "a time zone such as Europe/Berlin",
            Self::Address => "an IP address without a mask",
            Self::Addresses => "IP addresses with spaces between them",
            Self::Prefix => "a prefix such as 192.168.30.0/24",
            Self::Gateway => "first, last, none or an address",
            Self::Content => "images, rootdir, vztmpl, iso, backup, snippets, import or none",
            Self::Occasion => "always, failure or change",
            Self::Avoid => "host numbers or addresses such as 110, 2-9, 192.168.30.50",
            Self::Ssh => "a host for ssh such as n8n or root@192.168.30.40",
            Self::Keep => "keep options such as --keep-daily 7 --keep-weekly 4",
            Self::Sqlite => "auto or none",
            Self::Compression => "gzip or zstd",
            Self::Mover => "vrrp, carp, kube-vip, pacemaker or other",
            Self::GuestType => "lxc or qemu (a VM)",
            Self::Availability => "none, active-active, failover or failover-live",
            Self::Names => "dnsmasq, hosts, pihole6 or zone",
            Self::Day => "a day such as 2027-01-31",
        }
    }

    /// `text` in its normalised spelling.
    ///
    /// # Errors
    ///
    /// What is wrong with it, to be read behind its path.
    pub fn check(self, text: &str) -> Result<String, String> {
        let is_form = match self {
            Self::Line => !text.trim().is_empty() && !text.contains(char::is_control),
            Self::Domain => !text.is_empty() && text.len() <= 253 && text.split('.').all(is_label),
            Self::Guest => text.len() <= 253 && text.split('.').all(is_label),
            Self::Node => is_label(text),
            Self::Content => CONTENTS.contains(&text),
            Self::Ssh => is_ssh(text),
            Self::Keep => is_keep(text),
            Self::Sqlite => ["auto", "none"].contains(&text),
            Self::Compression => ["gzip", "zstd"].contains(&text),
            Self::Occasion => ["always", "failure", "change"].contains(&text),
            Self::Mover => ["vrrp", "carp", "kube-vip", "pacemaker", "other"].contains(&text),
            Self::GuestType => ["lxc", "qemu"].contains(&text),
            Self::Availability => {
                ["none", "active-active", "failover", "failover-live"].contains(&text)
            }
            Self::Names => ["dnsmasq", "hosts", "pihole6", "zone"].contains(&text),
            // Ten characters: the parser would take a time behind it as well.
            Self::Day => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
            Self::Word => is_word(text, 1, 64),
            Self::Storage => {
                is_word(text, 2, 100) && text.starts_with(|c: char| c.is_ascii_alphabetic())
            }
            Self::Sid => is_sid(text),
            Self::Path => text.starts_with('/') && !text.contains(char::is_control),
            Self::File => return self.file(text),
            Self::Zone => text.split('/').all(|part| {
                let known = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
                !part.is_empty() && part.chars().all(known)
            }),
            Self::Address => return host(text).map(|address| address.to_string()),
            Self::Addresses => {
                let all: Result<Vec<_>, _> = text.split_whitespace().map(host).collect();
                let all: Vec<String> = all?.iter().map(ToString::to_string).collect();
                return match all.is_empty() {
                    true => Err(self.not(text)),
                    false => Ok(all.join(" ")),
                };
            }
            Self::Prefix => return prefix(text).map(|net| net.to_string()),
            Self::Gateway if ["first", "last", "none"].contains(&text) => true,
            Self::Gateway => {
                let address = host(text).map(|address| address.to_string());
                return address.map_err(|_| self.not(text));
            }
            Self::Avoid => {
                return match Avoid::parse(text) {
                    Ok(_) => Ok(text.trim().to_owned()),
                    Err(what) => Err(format!("is wrong: {what}")),
                };
            }
        };
        if is_form {
            Ok(text.to_owned())
        } else {
            Err(self.not(text))
        }
    }

    fn file(self, text: &str) -> Result<String, String> {
        let snippet = text.split_once(":snippets/").filter(|(_, name)| {
            !name.is_empty() && !name.contains('/') && !name.contains(char::is_control)
        });
        let is_snippet = snippet.is_some_and(|(id, _)| Self::Storage.check(id).is_ok());
        match is_snippet || Self::Path.check(text).is_ok() {
            true => Ok(text.to_owned()),
            false => Err(self.not(text)),
        }
    }

    fn not(self, text: &str) -> String {
        format!("is {}, not {}", shown(text), self.expected())
    }
}

/// A text as a message shows it: quoted, a long one by its beginning, no password in it.
#[must_use]
pub fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let safe = if text.contains("://") || text.contains('@') {
        crate::url::shown(text)
    } else {
        text.into()
    };
    match safe.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", &safe[..end]),
        None => format!("{safe:?}"),
    }
}

/// A label of a host name (RFC 1123, 2.1).
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_word(text: &str, least: usize, most: usize) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    (least..=most).contains(&text.len())
        && text.bytes().all(known)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_sid(text: &str) -> bool {
    let id = text
        .split_once(':')
        .filter(|(kind, _)| ["vm", "ct"].contains(kind));
    let id = id.and_then(|(_, id)| crate::scheme::decimal(id));
    id.is_some_and(|id| crate::scheme::GUEST_IDS.contains(&id))
}

/// A host, of a name or an address, and a user before it; neither may look like an option to ssh.
fn is_ssh(text: &str) -> bool {
    let (user, host) = text.split_once('@').unwrap_or(("root", text));
    let is_host = is_word(host, 1, 253) || host.parse::<IpAddr>().is_ok();
    is_word(user, 1, 32) && is_host
}

/// `--keep-daily 7 --keep-weekly 4`: at least one of PBS's keep options, each with a number above 0.
fn is_keep(text: &str) -> bool {
    const RULES: [&str; 6] = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];
    let words: Vec<&str> = text
        .split([' ', '='])
        .filter(|word| !word.is_empty())
        .collect();
    let is_rule = |pair: &[&str]| {
        let [option, number] = pair else { return false };
        let rule = option.strip_prefix("--keep-");
        let number = number.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse::<u32>().is_ok_and(|n| n > 0);
        rule.is_some_and(|rule| RULES.contains(&rule)) && number
    };
    !words.is_empty() && words.chunks(2).all(is_rule)
}

/// The address of a host.
///
/// # Errors
///
/// It is something else, or an address that no host can have (RFC 1122, 3.2.1.3; RFC 4291, 2.5.2 and 2.7).
fn host(text: &str) -> Result<IpAddr, String> {
    let address = text.trim().parse::<IpAddr>();
    let address = address.map_err(|_| Form::Address.not(text))?;
    let what = match address.to_canonical() {
        plain if plain.is_unspecified() => "the unspecified address",
        plain if plain.is_multicast() => "a multicast address",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the broadcast address",
        _ => return Ok(address),
    };
    Err(format!("is {address}, {what}, which no host can have"))
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let net = text.trim().parse::<IpNet>();
    let net = net.map_err(|_| Form::Prefix.not(text))?;
    if net.trunc() != net {
        let whole = net.trunc();
        return Err(format!(
            "is {net}, which has host bits set; the prefix is {whole}"
        ));
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        #[rustfmt::skip]
        let cases: &[(Form, &[&str], &[&str])] = &[
            (Form::Line,      &["a b", "ä"],                      &["", " ", "a\nb"]),
            (Form::Domain,    &["home.example", "lan"],           &["", ".", "a..b", "-a", "a b", "a_b"]),
            (Form::Word,      &["vmbr0", "bond0.30", "x86-64"],   &["", "a b", "a,b", "a=b", "-a", "$(id)", "a'b"]),
            (Form::Node,      &["pve-a", "n1"],                   &["", "-a", "a.b", "a/b", "a_b"]),
            (Form::Storage,   &["local-lvm", "ssd_1"],            &["", "1a", "a", "a b", "a;b"]),
            (Form::Guest,     &["web", "web.home.example"],       &["", "-web", "w b", "a;b"]),
            (Form::Sid,       &["vm:101", "ct:240"],              &["101", "vm:99", "lxc:101", "vm:", "vm:1a0"]),
            (Form::Path,      &["/srv/a b"],                      &["srv", "", "/a\n"]),
            (Form::File,      &["/srv/a b", "local:snippets/hook.pl"], &["srv", "", "/a\n", "local:iso/a.iso", "local:snippets/", ":snippets/a", "local:snippets/a/b"]),
            (Form::Zone,      &["Europe/Berlin", "UTC", "Etc/GMT+1"], &["", "Europe/", "a b", "/x"]),
            (Form::Address,   &["10.0.0.1", "fd00::1"],           &["10.0.0", "10.0.0.1/24", "0.0.0.0", "224.0.0.18", "255.255.255.255", "::", "ff02::1", "::ffff:224.0.0.1"]),
            (Form::Addresses, &["10.0.0.1", "10.0.0.1 fd00::1"],  &["", "10.0.0.1,10.0.0.2"]),
            (Form::Prefix,    &["10.0.0.0/24", "fd00::/64"],      &["10.0.0.0", "10.0.0.1/24", "x"]),
            (Form::Gateway,   &["first", "none", "10.0.0.1"],     &["frist", "0.0.0.0", ""]),
            (Form::Content,   &["rootdir", "none"],               &["rootdirs", ""]),
            (Form::Occasion,  &["always", "failure", "change"],   &["never", "", "Always"]),
            (Form::Avoid,     &["2-9", "110", "10.0.0.0/28"],     &["9-2", "x", ""]),
            (Form::Ssh,       &["n8n", "root@10.0.0.1", "fd00::1", "a@b.example"], &["", "-oProxyCommand=x", "a b", "root@", "@a", "-l@a", "a@-b", "a@b@c", "$(id)"]),
            (Form::Keep,      &["--keep-last 7", "--keep-daily=7 --keep-weekly 4"], &["", "7", "--keep-last", "--keep-last 0", "--keep-last +7", "--keep-all 1", "--apply", "--keep-last 7 --apply", "--keep-last 7;id"]),
            (Form::Mover,     &["vrrp", "carp", "kube-vip", "other"], &["", "CARP", "none"]),
            (Form::GuestType, &["lxc", "qemu"],                   &["", "vm", "LXC", "ct"]),
            (Form::Availability, &["none", "active-active", "failover", "failover-live"], &["", "yes", "failover-cold", "active"]),
            (Form::Day,       &["2027-01-31", "2028-02-29"],      &["", "2027-02-29", "2027-1-1", "20270131", "2027-01-31T00:00", "tomorrow"]),
            (Form::Names,     &["dnsmasq", "zone"],               &["", "bind", "Hosts"]),
            (Form::Sqlite,    &["auto", "none"],                  &["", "Auto", "true"]),
            (Form::Compression, &["gzip", "zstd"],                &["", "xz"]),
        ];
        for (form, good, bad) in cases {
            for text in *good {
                assert_eq!(form.check(text), Ok((*text).to_owned()), "{form:?} {text}");
            }
            for text in *bad {
                assert!(form.check(text).is_err(), "{form:?} {text:?}");
            }
        }
    }

    #[test]
    fn spellings() {
        assert_eq!(Form::Address.check("FD00::0:1"), Ok("fd00::1".to_owned()));
        assert_eq!(
            Form::Addresses.check(" 10.0.0.1  10.0.0.2 "),
            Ok("10.0.0.1 10.0.0.2".to_owned())
        );
        let password = Form::Word.check("https://u:HUNTER2@host").unwrap_err();
        assert!(!password.contains("HUNTER2"), "{password}");
        assert!(shown(&"x".repeat(1000)).len() < 100);
    }
}
