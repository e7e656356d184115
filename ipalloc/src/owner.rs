//! Who an address belongs to: a guest's name, and its interface where it has several.

use std::{borrow::Cow, collections::HashSet, fmt};

use crate::{
    ipam::Ask,
    refused::{Code, Refused},
    span::Family,
};

/// The longest name in the DNS without its final dot (RFC 1035, 2.3.4).
const NAME_LIMIT: usize = 253;

/// The longest label (RFC 1035, 2.3.4).
const LABEL_LIMIT: usize = 63;

/// What ends the key of an owner's IPv6 address: no interface begins with a slash.
const SIX: &str = "//6";

/// An owner of one family of addresses; shown as `name` or `name/interface`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    key: String,
    name_length: usize,
}

impl Owner {
    /// The owner of that name: in lower case, without a final dot.
    ///
    /// # Errors
    ///
    /// The name is no host name (letters, digits, `-` and `_` in labels of at most
    /// 63 characters, 253 in all), or the interface has other characters than
    /// letters, digits and `._:-`, or more than 32 of them.
    pub fn new(name: &str, interface: Option<&str>) -> Result<Self, Refused> {
        let lower = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if let Some(rule) = broken_rule(&lower) {
            return Err(Refused::new(
                Code::BadName,
                format!("the name {name:?} {rule}"),
            ));
        }
        let name_length = lower.len();
        let Some(interface) = interface else {
            return Ok(Self {
                key: lower,
                name_length,
            });
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        if interface.is_empty() || interface.len() > 32 || !interface.chars().all(fits) {
            let rule = "must be 1 to 32 letters, digits or ._:-";
            return Err(Refused::new(
                Code::BadName,
                format!("the interface {interface:?} {rule}"),
            ));
        }
        Ok(Self {
            key: format!("{lower}/{interface}"),
            name_length,
        })
    }

    /// The same owner, of addresses of that family: an owner is of IPv4 ones at first.
    #[must_use]
    pub fn of_family(&self, family: Family) -> Self {
        let plain = self.plain_key();
        let key = match family {
            Family::V4 => plain.to_owned(),
            Family::V6 => six(plain),
        };
        Self { key, ..*self }
    }

    /// What is stored for addresses of IPv4; IPv6 ones that are older than this distinction have it, too.
    #[must_use]
    pub fn plain_key(&self) -> &str {
        plain_key(&self.key)
    }

    /// `key` is this owner's, of whatever family.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        plain_key(key) == self.plain_key()
    }

    /// What is stored in the custom field `ipalloc_key`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key[..self.name_length]
    }

    /// It is one of several interfaces of a guest.
    #[must_use]
    pub fn is_interface(&self) -> bool {
        self.plain_key().len() > self.name_length
    }

    /// The name in the DNS, in `domain` unless it ends in it already.
    #[must_use]
    pub fn dns_name(&self, domain: Option<&str>) -> String {
        let name = self.name();
        match domain {
            Some(domain) if above(name, domain).is_none() => format!("{name}.{domain}"),
            _ => name.to_owned(),
        }
    }

    /// `dns_name` is this owner's: the name in `domain`, or, where no domain is given,
    /// the name in any.
    #[must_use]
    pub fn is_named(&self, dns_name: &str, domain: Option<&str>) -> bool {
        let name = self.name();
        let any = domain.is_none() && !name.contains('.');
        self.is_called(dns_name, domain) || (any && first_label(&plain(dns_name)) == name)
    }

    /// `dns_name` is beyond doubt this owner's name, with or without `domain` behind either.
    #[must_use]
    pub fn is_called(&self, dns_name: &str, domain: Option<&str>) -> bool {
        let short = |name| domain.and_then(|domain| above(name, domain));
        let (name, other) = (self.name(), plain(dns_name));
        short(&other).unwrap_or(&other) == short(name).unwrap_or(name)
    }

    /// `dns_name` is this owner's name in full: in `domain`, or, where no domain is given, in any.
    #[must_use]
    pub fn is_fully_named(&self, dns_name: &str, domain: Option<&str>) -> bool {
        match domain {
            Some(_) => plain(dns_name) == self.dns_name(domain),
            None => self.is_named(dns_name, None),
        }
    }

    /// `dns_name` is this owner's name, but in another domain than `domain`.
    #[must_use]
    pub fn is_in_another_domain(&self, dns_name: &str, domain: Option<&str>) -> bool {
        let Some(domain) = domain else {
            return false;
        };
        let (full, name) = (plain(dns_name), self.name());
        let short = above(name, domain).unwrap_or(name);
        let of_record = full.strip_prefix(short);
        let of_record = of_record.and_then(|rest| rest.strip_prefix('.'));
        of_record.is_some_and(|of_record| of_record != domain)
    }

    /// The owner's name as it may be spelled, with and without `domain`.
    #[must_use]
    pub fn spellings(&self, domain: Option<&str>) -> HashSet<String> {
        let name = self.name();
        let short = domain.and_then(|domain| above(name, domain));
        let all = [Some(name), short].into_iter().flatten().map(str::to_owned);
        all.chain([self.dns_name(domain)]).collect()
    }

    /// Asks for the records that are this owner's or bear its name.
    pub fn asked(&self, domain: Option<&str>, ask: &mut Ask) {
        let families = [Family::V4, Family::V6];
        ask.keys
            .extend(families.map(|family| self.of_family(family).key));
        ask.names.extend(self.spellings(domain));
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plain_key())
    }
}

/// The key of an owner's IPv6 addresses, of that of its IPv4 ones.
#[must_use]
pub fn six(plain_key: &str) -> String {
    format!("{plain_key}{SIX}")
}

/// A key as people see it: `name` or `name/interface`.
#[must_use]
pub fn plain_key(key: &str) -> &str {
    key.strip_suffix(SIX).unwrap_or(key)
}

/// The name and the interface in a key, of whatever family.
#[must_use]
pub fn parts(key: &str) -> (&str, Option<&str>) {
    let key = plain_key(key);
    key.split_once('/')
        .map_or((key, None), |(name, interface)| (name, Some(interface)))
}

/// A DNS name as names are compared: lower case, no final dot.
#[must_use]
pub fn plain(dns_name: &str) -> Cow<'_, str> {
    let name = dns_name.strip_suffix('.').unwrap_or(dns_name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name.to_ascii_lowercase().into();
    }
    name.into()
}

/// What stands before the first dot.
#[must_use]
pub fn first_label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What stands before `.domain`; none if `name` does not end in it.
fn above<'a>(name: &'a str, domain: &str) -> Option<&'a str> {
    name.strip_suffix(domain)?.strip_suffix('.')
}

/// The rule of host names that `name` breaks, if it does.
fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.parse::<core::net::IpAddr>().is_ok() {
        return Some("is an address, not a name");
    }
    if name.len() > NAME_LIMIT {
        return Some("is longer than 253 characters");
    }
    for label in name.split('.') {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.is_empty() {
            return Some("has an empty part between dots");
        }
        if label.len() > LABEL_LIMIT {
            return Some("has a part longer than 63 characters");
        }
        if !label.bytes().all(plain) {
            return Some("has other characters than letters, digits, '-', '_' and '.'");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("has a part that begins or ends with '-'");
        }
    }
    None
}

/// A domain as an option gives it: a host name without a dot at its ends.
///
/// # Errors
///
/// The rule that it breaks.
pub fn parse_domain(text: &str) -> Result<String, String> {
    let domain = plain(text.strip_prefix('.').unwrap_or(text));
    broken_rule(&domain).map_or(Ok(domain.to_string()), |rule| {
        Err(format!("the domain {rule}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>, Result<&str, &str>)] = &[
            ("plain",                "paperless",    None,         Ok("paperless")),
            ("case and final dot",   "Web01.LAB.",   None,         Ok("web01.lab")),
            ("an interface",         "web",          Some("eth1"), Ok("web/eth1")),
            ("its case stays",       "web",          Some("Eth1"), Ok("web/Eth1")),
            ("empty",                "",             None,         Err("the name \"\" is empty")),
            ("just a dot",           ".",            None,         Err("the name \".\" is empty")),
            ("a slash",              "web/eth0",     None,         Err("the name \"web/eth0\" has other characters than letters, digits, '-', '_' and '.'")),
            ("two dots",             "a..b",         None,         Err("the name \"a..b\" has an empty part between dots")),
            ("dash first",           "-a",           None,         Err("the name \"-a\" has a part that begins or ends with '-'")),
            ("control character",    "a\x1b[2J",     None,         Err("the name \"a\\u{1b}[2J\" has other characters than letters, digits, '-', '_' and '.'")),
            ("an address",           "192.168.30.66", None,        Err("the name \"192.168.30.66\" is an address, not a name")),
            ("empty interface",      "a",            Some(""),     Err("the interface \"\" must be 1 to 32 letters, digits or ._:-")),
        ];
        for (name, text, interface, want) in cases {
            let got = Owner::new(text, *interface);
            let got = got
                .as_ref()
                .map(Owner::key)
                .map_err(|refused| refused.message.as_str());
            assert_eq!(got, *want, "{name}");
        }
        assert!(Owner::new(&"a".repeat(64), None).is_err());
        assert!(Owner::new(&["a".repeat(63).as_str(); 4].join("."), None).is_err());
    }

    #[test]
    fn keys_of_families() {
        let eth1 = Owner::new("web", Some("eth1")).unwrap();
        for (owner, plain, six) in [
            (Owner::new("web", None).unwrap(), "web", "web//6"),
            (eth1, "web/eth1", "web/eth1//6"),
        ] {
            let of_six = owner.of_family(Family::V6);
            assert_eq!((owner.key(), of_six.key()), (plain, six));
            assert_eq!(of_six.of_family(Family::V6).key(), six, "once is enough");
            assert_eq!(of_six.of_family(Family::V4).key(), plain);
            assert_eq!(of_six.to_string(), plain, "people don't see it");
            assert_eq!(of_six.is_interface(), owner.is_interface());
            assert_eq!(parts(six), parts(plain));
            assert!(owner.has(six) && of_six.has(plain) && !owner.has("web2"));
        }
    }

    #[test]
    fn whose_name_it_is() {
        let web = Owner::new("web", None).unwrap();
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>, bool)] = &[
            ("bare",                        "WEB.",            Some("lab.example"), true),
            ("in the domain",               "web.lab.example", Some("lab.example"), true),
            ("in another domain",           "web.x.example",   Some("lab.example"), false),
            ("in any, where none is given", "web.x.example",   None,                true),
            ("only begins alike",           "web2",            None,                false),
            ("nothing",                     "",                None,                false),
        ];
        for (name, dns_name, domain, want) in cases {
            assert_eq!(web.is_named(dns_name, *domain), *want, "{name}");
        }
        let full = Owner::new("web.lab.example", None).unwrap();
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>, bool)] = &[
            ("as it is",                    "web.lab.example", None,                true),
            ("without the domain",          "Web.",            Some("lab.example"), true),
            ("without another domain",      "web",             Some("example"),     false),
            ("without any",                 "web",             None,                false),
            ("in another domain",           "web.x.example",   None,                false),
        ];
        for (name, dns_name, domain, want) in cases {
            assert_eq!(full.is_named(dns_name, *domain), *want, "{name}");
        }
        assert_eq!(
            full.dns_name(Some("lab.example")),
            "web.lab.example",
            "not twice"
        );
        #[rustfmt::skip]
        let cases: &[(&str, &Owner, &str, Option<&str>, bool)] = &[
            ("in this domain",             &web,  "WEB.lab.example.", Some("lab.example"),  false),
            ("in another",                 &web,  "web.lab.example",  Some("prod.example"), true),
            ("below this",                 &web,  "web.x.lab.example", Some("lab.example"), true),
            ("in none",                    &web,  "web",              Some("prod.example"), false),
            ("none is asked for",          &web,  "web.lab.example",  None,                 false),
            ("it has another name",        &web,  "web2.lab.example", Some("prod.example"), false),
            ("the name has a domain",      &full, "web.lab.example",  Some("lab.example"),  false),
            ("and the record another",     &full, "web.prod.example", Some("lab.example"),  true),
        ];
        for (name, owner, dns_name, domain, want) in cases {
            assert_eq!(
                owner.is_in_another_domain(dns_name, *domain),
                *want,
                "{name}"
            );
        }
    }
}
