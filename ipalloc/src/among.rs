//! Which of several prefixes that fit is meant: those of a place, of a group of VLANs or of a
//! tenant; or all of them, as one pool.
//!
//! A server tells what is in a place by its own tree: a prefix of a location is one of the
//! location's site and region. A file has no tree, and is compared word for word.

use std::fmt;

use vmid::{
    guest,
    stream::{Record, Value},
};

use crate::{
    refused::{Code, Refused},
    request::Place,
};

/// The longest name of a site, group or tenant that NetBox takes, in characters (its models).
const NAME_LIMIT: usize = 100;

/// What NetBox's filters take for nothing (FILTERS_NULL_CHOICE_VALUE in its settings), and what is
/// left of a missing value where a shell has been.
const NO_CHOICE: &str = "null";

/// The kinds of places that a prefix may be of (NetBox's scope types, since 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A site.
    Site,
    /// A part of a site.
    Location,
    /// Sites that are near each other.
    Region,
    /// Sites that have something else in common.
    SiteGroup,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Site, Self::Location, Self::Region, Self::SiteGroup];

    /// As an option has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Location => "location",
            Self::Region => "region",
            Self::SiteGroup => "site-group",
        }
    }

    /// From NetBox's name of the type, `dcim.sitegroup`, or what people make of it.
    #[must_use]
    pub fn of_type(text: &str) -> Option<Self> {
        let last = text.rsplit('.').next().unwrap_or(text);
        let plain = last.chars().filter(|c| c.is_ascii_alphanumeric());
        let plain: String = plain.map(|c| c.to_ascii_lowercase()).collect();
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name().replace('-', "") == plain)
    }
}

/// Something that a prefix belongs to, by its slug.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Belonging {
    /// A place.
    Scope(Kind, String),
    /// The group of its VLAN.
    VlanGroup(String),
    /// A tenant.
    Tenant(String),
}

impl fmt::Display for Belonging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match self {
            Self::Scope(kind, name) => (format!("in {}", kind.name()), name),
            Self::VlanGroup(name) => ("in VLAN group".to_owned(), name),
            Self::Tenant(name) => ("of tenant".to_owned(), name),
        };
        let slug = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match name.chars().all(slug) {
            true => write!(f, "{what} {name}"),
            false => write!(f, "{what} {name:?}"),
        }
    }
}

/// What tells a prefix from others that have no more in common with it than the number of the
/// VLAN; no pool is made across that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its VLAN, which another of the same number is not.
    pub vlan: String,
    /// The place that it is of.
    pub scope: String,
}

/// What must hold of a prefix besides its VLAN and address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Among {
    /// It is in all of these places,
    pub scopes: Vec<Belonging>,
    /// its VLAN is of this group,
    pub vlan_group: Option<Belonging>,
    /// and it is this tenant's.
    pub tenant: Option<Belonging>,
    /// All that fit are one pool; none: it is not said.
    pub pool: Option<bool>,
}

impl Among {
    /// What it must belong to.
    pub fn belongings(&self) -> impl Iterator<Item = &Belonging> {
        let others = self.vlan_group.iter().chain(&self.tenant);
        self.scopes.iter().chain(others)
    }

    /// Nothing is said of what it belongs to.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.belongings().next().is_none()
    }

    /// All that fit are one pool.
    #[must_use]
    pub fn is_pool(&self) -> bool {
        self.pool == Some(true)
    }

    /// What `record` says (its fields `scope`, `vlan_group`, `prefix_tenant` and `pool`), its gaps
    /// filled from `flags`. A `pool` that is a text is Proxmox's, and says nothing here.
    ///
    /// # Errors
    ///
    /// [`Code::BadField`].
    pub fn of(record: &Record<'_>, flags: &Self) -> Result<Self, Refused> {
        let scopes = field(record, "scope", |text| {
            text.split(',').map(parse_scope).collect()
        })?;
        let pool = match record.value("pool") {
            Value::Bool(pool) => Some(pool),
            _ => None,
        };
        Ok(Self {
            scopes: scopes.unwrap_or_else(|| flags.scopes.clone()),
            vlan_group: field(record, "vlan_group", parse_vlan_group)?
                .or_else(|| flags.vlan_group.clone()),
            tenant: field(record, "prefix_tenant", parse_tenant)?.or_else(|| flags.tenant.clone()),
            pool: pool.or(flags.pool),
        })
    }
}

impl Among {
    /// It can be said of that place.
    ///
    /// # Errors
    ///
    /// [`Code::BadField`]: a range is never one of several.
    pub fn fits(self, place: &Place) -> Result<Self, Refused> {
        if self.is_pool() && place.range.is_some() {
            let message = "pool: a range is no pool of prefixes; leave out one of the two (a record says pool false)";
            return Err(Refused::new(Code::BadField, message));
        }
        Ok(self)
    }
}

/// What it must belong to, each behind a space.
impl fmt::Display for Among {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.belongings();
        all.try_for_each(|belonging| write!(f, " {belonging}"))
    }
}

/// The options that say what a prefix belongs to.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Narrow {
    /// Only prefixes in this site, location, region or site-group (site:berlin); of several between
    /// commas, in all of them
    #[arg(long, value_name = "KIND:SLUG", value_delimiter = ',', value_parser = parse_scope)]
    pub scope: Vec<Belonging>,
    /// Only prefixes whose VLAN is in this group
    #[arg(long, value_name = "SLUG", value_parser = parse_vlan_group)]
    pub vlan_group: Option<Belonging>,
    /// Only prefixes of this tenant
    #[arg(long, value_name = "SLUG", value_parser = parse_tenant)]
    pub prefix_tenant: Option<Belonging>,
}

impl Narrow {
    /// The same, and whether all that fit are one pool.
    #[must_use]
    pub fn among(&self, pool: bool) -> Among {
        Among {
            scopes: self.scope.clone(),
            vlan_group: self.vlan_group.clone(),
            tenant: self.prefix_tenant.clone(),
            pool: pool.then_some(true),
        }
    }
}

/// `site:berlin`.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_scope(text: &str) -> Result<Belonging, String> {
    let kinds = || Kind::ALL.map(Kind::name).join(", ");
    let Some((kind, name)) = text.trim().split_once(':') else {
        let kinds = kinds();
        return Err(format!(
            "{text:?} is not KIND:SLUG, as in site:berlin; kinds are {kinds}"
        ));
    };
    let known = Kind::ALL.into_iter().find(|known| known.name() == kind);
    let Some(kind) = known else {
        return Err(format!("{kind:?} is none of {}", kinds()));
    };
    Ok(Belonging::Scope(kind, parse_name(name)?))
}

fn parse_vlan_group(text: &str) -> Result<Belonging, String> {
    parse_name(text).map(Belonging::VlanGroup)
}

fn parse_tenant(text: &str) -> Result<Belonging, String> {
    parse_name(text).map(Belonging::Tenant)
}

fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match name.chars().count() {
        0 => Err("the slug is empty".to_owned()),
        _ if name == NO_CHOICE => Err(format!(
            "{NO_CHOICE:?} is no slug: NetBox takes it for all that have none"
        )),
        count if count > NAME_LIMIT => Err(format!("{count} characters; a slug has {NAME_LIMIT}")),
        _ if name.contains(char::is_control) => Err(format!("{name:?} has control characters")),
        _ => Ok(name.to_owned()),
    }
}

fn field<T>(
    record: &Record<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Refused> {
    let bad = |what: String| Refused::new(Code::BadField, format!("{name}: {what}"));
    match record.value(name) {
        Value::Absent | Value::Null => Ok(None),
        Value::Text(text) => parse(&text).map(Some).map_err(bad),
        other => Err(bad(format!("{} is not text", guest::spelled(&other)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmid::stream;

    #[test]
    fn scopes() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("a site",            "site:berlin",        Ok("in site berlin")),
            ("with a dash",       "site-group:b_1-x",   Ok("in site-group b_1-x")),
            ("a name",            "region:Süd Ost",     Ok("in region \"Süd Ost\"")),
            ("spaces around it",  " location: hall ",   Ok("in location hall")),
            ("a colon in it",     "site:a:b",           Ok("in site \"a:b\"")),
            ("no kind",           "berlin",             Err("\"berlin\" is not KIND:SLUG, as in site:berlin; kinds are site, location, region, site-group")),
            ("another kind",      "rack:berlin",        Err("\"rack\" is none of site, location, region, site-group")),
            ("no slug",           "site:",              Err("the slug is empty")),
            ("nothing",           "site:null",          Err("\"null\" is no slug: NetBox takes it for all that have none")),
            ("nothing in a place", "location: null ",   Err("\"null\" is no slug: NetBox takes it for all that have none")),
            ("a name with it",    "site:null-1",        Ok("in site null-1")),
            ("a control character", "site:a\u{1b}[2J",  Err("\"a\\u{1b}[2J\" has control characters")),
        ];
        for (name, text, want) in cases {
            let got = parse_scope(text).map(|belonging| belonging.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), *want, "{name}");
        }
        assert!(parse_scope(&format!("site:{}", "a".repeat(101))).is_err());
    }

    #[test]
    fn a_range_is_no_pool() {
        let place = |range: Option<&str>| Place {
            range: range.map(|text| crate::request::parse_range(text).unwrap()),
            ..Place::default()
        };
        let among = |pool| Among {
            pool,
            ..Among::default()
        };
        let range = place(Some("10.0.0.5"));
        let refused = among(Some(true)).fits(&range).unwrap_err();
        assert_eq!(refused.code, Code::BadField);
        assert!(among(Some(false)).fits(&range).is_ok());
        assert!(among(None).fits(&range).is_ok());
        assert!(among(Some(true)).fits(&place(None)).is_ok());
    }

    #[test]
    fn types_of_scopes() {
        #[rustfmt::skip]
        let cases = [
            ("dcim.site", Some(Kind::Site)), ("dcim.sitegroup", Some(Kind::SiteGroup)), ("Site Group", Some(Kind::SiteGroup)),
            ("site_group", Some(Kind::SiteGroup)), ("Location", Some(Kind::Location)), ("dcim.rack", None), ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(Kind::of_type(text), want, "{text}");
        }
    }

    #[test]
    fn a_record_s_own_before_the_flags() {
        let narrow = Narrow {
            scope: vec![parse_scope("site:berlin").unwrap()],
            prefix_tenant: Some(Belonging::Tenant("acme".into())),
            ..Narrow::default()
        };
        #[rustfmt::skip]
        let cases: &[(&str, &str, bool, Result<(&str, bool), &str>)] = &[
            ("nothing",               r#"{}"#,                                    true,  Ok((" in site berlin of tenant acme", true))),
            ("its own place",         r#"{"scope":"region:eu,location:hall"}"#,   false, Ok((" in region eu in location hall of tenant acme", false))),
            ("its own tenant",        r#"{"prefix_tenant":"x","vlan_group":"g"}"#, false, Ok((" in site berlin in VLAN group g of tenant x", false))),
            ("null",                  r#"{"scope":null,"prefix_tenant":null}"#,   false, Ok((" in site berlin of tenant acme", false))),
            ("an empty tenant",       r#"{"prefix_tenant":""}"#,                  false, Err("prefix_tenant: the slug is empty")),
            ("an empty place",        r#"{"scope":""}"#,                          false, Err("scope: \"\" is not KIND:SLUG, as in site:berlin; kinds are site, location, region, site-group")),
            ("a shell's null",        r#"{"prefix_tenant":"null"}"#,              false, Err("prefix_tenant: \"null\" is no slug: NetBox takes it for all that have none")),
            ("a group's",             r#"{"vlan_group":"null"}"#,                 false, Err("vlan_group: \"null\" is no slug: NetBox takes it for all that have none")),
            ("no pool",               r#"{"pool":false}"#,                        true,  Ok((" in site berlin of tenant acme", false))),
            ("a pool of its own",     r#"{"pool":true}"#,                         false, Ok((" in site berlin of tenant acme", true))),
            ("Proxmox's pool",        r#"{"pool":"prod"}"#,                       false, Ok((" in site berlin of tenant acme", false))),
            ("an object of NetBox's", r#"{"scope":{"id":1}}"#,                    false, Err("scope: {\"id\":1} is not text")),
            ("a number",              r#"{"vlan_group":7}"#,                      false, Err("vlan_group: 7 is not text")),
            ("another kind",          r#"{"scope":"rack:7"}"#,                    false, Err("scope: \"rack\" is none of site, location, region, site-group")),
        ];
        for (name, text, pool, want) in cases {
            let record = &stream::parse(text.as_bytes()).unwrap()[0];
            let got = Among::of(&record.record(), &narrow.among(*pool));
            let got = got.map(|among| (among.to_string(), among.is_pool()));
            let got = got.as_ref().map(|(text, pool)| (text.as_str(), *pool));
            assert_eq!(got.map_err(|r| r.message.as_str()), *want, "{name}");
        }
    }
}
