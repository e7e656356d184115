//! A request as a record states it; what the record leaves out, the flags state.

use core::net::IpAddr;

use ipnet::IpNet;
use vmid::{
    guest,
    stream::{Record, Value},
};

use crate::{
    among::Among,
    family::Families,
    ipam::Vrf,
    labels::Labels,
    owner::Owner,
    refused::{Code, Refused},
};

/// NetBox's limit for a description, in characters.
const DESCRIPTION_LIMIT: usize = 200;

/// What to do where the wanted address cannot be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Fallback {
    /// Refuse the request.
    #[default]
    Error,
    /// Give the next free one.
    Next,
}

/// An address, with or without a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The address.
    pub address: IpAddr,
    /// Its mask, if it was given.
    pub length: Option<u8>,
}

/// Where an address is to come from. Everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In the one prefix of this VLAN.
    pub vlan: Option<u64>,
    /// In this prefix.
    pub prefix: Option<IpNet>,
    /// In this range: its first address, and its last where that was given.
    pub range: Option<(IpAddr, Option<IpAddr>)>,
}

/// The fields of a request besides the name; as flags, defaults for all records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Where from.
    pub place: Place,
    /// Which of several prefixes.
    pub among: Among,
    /// In which routing table; none leaves it open.
    pub vrf: Option<Vrf>,
    /// The wanted address.
    pub wanted: Option<Wanted>,
    /// If that cannot be.
    pub fallback: Option<Fallback>,
    /// The guest's interface.
    pub interface: Option<String>,
    /// For the address's record.
    pub description: Option<String>,
    /// Slugs, for the address's record.
    pub tags: Option<Vec<String>>,
    /// Tenant, role, status and custom fields, for the address's record.
    pub labels: Labels,
    /// The family of the address; both are asked for as one request each, see [`Request::halves`].
    pub family: Option<Families>,
    /// Of the IPv6 address, where both families are asked for: its prefix,
    pub prefix6: Option<IpNet>,
    /// and the wanted one.
    pub wanted6: Option<Wanted>,
    /// The wanted address is what a guest has already: it is recorded, not handed out.
    pub own: bool,
    /// The address is to be put onto an interface.
    pub on_interface: bool,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub owner: Owner,
    /// Its guest ID, if the record has one.
    pub vmid: Option<u64>,
    /// The rest.
    pub fields: Fields,
    /// The address that the site file has for the owner, a member of a pair.
    pub of_site: Option<IpAddr>,
}

impl Request {
    /// It is for one address, and for no other.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let falls_back = self.fields.fallback.unwrap_or_default() == Fallback::Next;
        self.fields.wanted.is_some() && (self.fields.own || !falls_back)
    }

    /// What `record` asks for, its gaps filled from `flags`. A record that says
    /// where from (vlan, prefix or range) is not bound by such flags.
    ///
    /// # Errors
    ///
    /// [`Code::BadName`], [`Code::BadField`].
    pub fn of(record: &Record<'_>, flags: &Fields) -> Result<Self, Refused> {
        let interface = text(record, "interface")?.or_else(|| flags.interface.clone());
        let owner = owner_of(record, interface.as_deref())?;
        let mut place = Place {
            vlan: guest::vlan(&record.value("vlan"))
                .map_err(|refused| Refused::new(Code::BadField, refused.to_string()))?,
            prefix: parsed(record, "prefix", parse_prefix)?,
            range: parsed(record, "range", parse_range)?,
        };
        if place == Place::default() {
            place = flags.place.clone();
        }
        let prefix6 = parsed(record, "prefix6", parse_prefix)?;
        let wanted6 = parsed(record, "address6", parse_wanted)?;
        // As an earlier answer says them.
        let of_both = prefix6.is_some() || wanted6.is_some();
        let prefix6 = prefix6.or(flags.prefix6);
        let among = Among::of(record, &flags.among)?.fits(&place)?;
        let fields = Fields {
            place,
            among,
            vrf: text(record, "vrf")?
                .map(|vrf| Vrf::parse(&vrf))
                .or_else(|| flags.vrf.clone()),
            wanted: parsed(record, "address", parse_wanted)?.or(flags.wanted),
            fallback: parsed(record, "fallback", parse_fallback)?.or(flags.fallback),
            interface,
            description: parsed(record, "description", parse_description)?
                .or_else(|| flags.description.clone()),
            tags: tags(record)?.or_else(|| flags.tags.clone()),
            labels: Labels::of(record, &flags.labels)?,
            family: Families::of(record)?
                .or(flags.family)
                .or(of_both.then_some(Families::Both)),
            prefix6,
            wanted6,
            own: false,
            on_interface: false,
        };
        Ok(Self {
            owner,
            vmid: vmid_of(record),
            fields,
            of_site: None,
        })
    }
}

impl Request {
    /// A request for both families as one for each.
    #[must_use]
    pub fn halves(self) -> [Self; 2] {
        let Fields {
            place,
            prefix6,
            wanted6,
            ..
        } = self.fields.clone();
        let six = Fields {
            place: Place {
                prefix: prefix6,
                range: None,
                ..place
            },
            family: Some(Families::V6),
            wanted: wanted6,
            ..self.fields.clone()
        };
        let four = Fields {
            family: Some(Families::V4),
            ..self.fields.clone()
        };
        let of = |fields| Self {
            fields,
            ..self.clone()
        };
        [of(four), of(six)]
    }
}

/// The guest ID of a record; none where it has none that can be read.
#[must_use]
pub fn vmid_of(record: &Record<'_>) -> Option<u64> {
    guest::id(&record.value("vmid")).ok().flatten()
}

/// The owner that a record names.
///
/// # Errors
///
/// [`Code::BadName`].
pub fn owner_of(record: &Record<'_>, interface: Option<&str>) -> Result<Owner, Refused> {
    match record.value("name") {
        Value::Text(name) => Owner::new(&name, interface),
        Value::Absent | Value::Null => Err(Refused::new(Code::BadName, "the record has no name")),
        other => {
            let message = format!("the name {} is not text", guest::spelled(&other));
            Err(Refused::new(Code::BadName, message))
        }
    }
}

/// A text field; none where it is absent, null or empty.
///
/// # Errors
///
/// [`Code::BadField`] if it is anything else.
pub fn text(record: &Record<'_>, name: &str) -> Result<Option<String>, Refused> {
    parsed(record, name, |text| Ok(text.to_owned()))
}

fn parsed<T>(
    record: &Record<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Refused> {
    let bad = |what: String| Refused::new(Code::BadField, format!("{name}: {what}"));
    match record.value(name) {
        Value::Absent | Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => parse(&text).map(Some).map_err(bad),
        other => Err(bad(format!("{} is not text", guest::spelled(&other)))),
    }
}

/// `10.0.0.0/24`.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_prefix(text: &str) -> Result<IpNet, String> {
    let net: IpNet = text
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a prefix"))?;
    if net.trunc() != net {
        return Err(format!(
            "{net} has host bits set; the prefix is {}",
            net.trunc()
        ));
    }
    Ok(net)
}

/// `192.168.30.200-192.168.30.250`, or the first address alone; masks may stand there.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_range(text: &str) -> Result<(IpAddr, Option<IpAddr>), String> {
    let address = |text: &str| parse_wanted(text).map(|wanted| wanted.address);
    match text.split_once('-') {
        Some((start, end)) => Ok((address(start)?, Some(address(end)?))),
        None => Ok((address(text)?, None)),
    }
}

/// `192.168.30.66` or `192.168.30.66/24`.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_wanted(text: &str) -> Result<Wanted, String> {
    let trimmed = text.trim();
    let parsed = match trimmed.split_once('/') {
        None => trimmed.parse().ok().map(|address| Wanted {
            address,
            length: None,
        }),
        Some(_) => trimmed.parse().ok().map(|net: IpNet| Wanted {
            address: net.addr(),
            length: Some(net.prefix_len()),
        }),
    };
    parsed.ok_or_else(|| format!("{text:?} is not an address"))
}

/// At most 200 characters on one line.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_description(text: &str) -> Result<String, String> {
    match text.chars().count() {
        count if count > DESCRIPTION_LIMIT => Err(format!(
            "{count} characters; NetBox takes {DESCRIPTION_LIMIT}"
        )),
        _ if text.contains(char::is_control) => Err(format!("{text:?} has control characters")),
        _ => Ok(text.to_owned()),
    }
}

/// A tag's slug.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_tag(text: &str) -> Result<String, String> {
    let slug = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > 100 || !text.bytes().all(slug) {
        return Err(format!(
            "{text:?} is not a slug (1 to 100 letters, digits, '-' or '_')"
        ));
    }
    Ok(text.to_owned())
}

fn parse_fallback(text: &str) -> Result<Fallback, String> {
    match text {
        "error" => Ok(Fallback::Error),
        "next" => Ok(Fallback::Next),
        _ => Err(format!("{text:?} is neither \"next\" nor \"error\"")),
    }
}

/// A list of slugs, or text in which they stand between `,` or `;` (as Proxmox has its tags).
fn tags(record: &Record<'_>) -> Result<Option<Vec<String>>, Refused> {
    let bad = |what: String| Refused::new(Code::BadField, format!("tags: {what}"));
    let list: Vec<String> = match record.value("tags") {
        Value::Absent | Value::Null => return Ok(None),
        Value::Text(text) => {
            let words = text.split([',', ';']).map(str::trim);
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        }
        Value::Other(raw) => {
            serde_json::from_str(raw).map_err(|_| bad(format!("{raw} is not a list of texts")))?
        }
        other => return Err(bad(format!("{} is not a list", guest::spelled(&other)))),
    };
    let tags: Result<Vec<_>, _> = list.iter().map(|tag| parse_tag(tag)).collect();
    tags.map(Some).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmid::stream;

    fn request(text: &str, flags: &Fields) -> Result<Request, Refused> {
        Request::of(&stream::parse(text.as_bytes()).unwrap()[0].record(), flags)
    }

    #[test]
    fn the_record_wins_over_the_flags() {
        let flags = Fields {
            place: Place {
                vlan: Some(30),
                ..Place::default()
            },
            fallback: Some(Fallback::Next),
            description: Some("from the flags".into()),
            ..Fields::default()
        };
        let text = r#"{"name":"a","prefix":"10.0.0.0/24","description":"its own","vlan":null}"#;
        let fields = request(text, &flags).unwrap().fields;
        assert_eq!(
            fields.place.vlan, None,
            "a place of its own is not bound by --vlan"
        );
        assert_eq!(fields.place.prefix, Some("10.0.0.0/24".parse().unwrap()));
        assert_eq!(fields.fallback, Some(Fallback::Next));
        assert_eq!(fields.description.as_deref(), Some("its own"));
    }

    #[test]
    fn what_is_refused() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("no name",           r#"{"vlan":30}"#,                          "bad-name"),
            ("name is a number",  r#"{"name":30}"#,                          "bad-name"),
            ("VLAN 4095",         r#"{"name":"a","vlan":4095}"#,             "bad-field"),
            ("VLAN as text",      r#"{"name":"a","vlan":"x"}"#,              "bad-field"),
            ("host bits",         r#"{"name":"a","prefix":"10.0.0.1/24"}"#,  "bad-field"),
            ("no address",        r#"{"name":"a","address":"10.0.0"}"#,      "bad-field"),
            ("half a range",      r#"{"name":"a","range":"10.0.0.1-"}"#,     "bad-field"),
            ("other fallback",    r#"{"name":"a","fallback":"first"}"#,      "bad-field"),
            ("tag with a space",  r#"{"name":"a","tags":["a b"]}"#,          "bad-field"),
            ("tags are an object", r#"{"name":"a","tags":{}}"#,              "bad-field"),
            ("a line feed in it", r#"{"name":"a","description":"a\nb"}"#,    "bad-field"),
        ];
        for (name, text, code) in cases {
            let got = request(text, &Fields::default()).map_err(|r| r.code.as_str());
            assert_eq!(got.err(), Some(*code), "{name}");
        }
        let long = format!(r#"{{"name":"a","description":"{}"}}"#, "ä".repeat(201));
        assert!(request(&long, &Fields::default()).is_err());
        let tags = request(r#"{"name":"a","tags":"prod;web, x"}"#, &Fields::default()).unwrap();
        assert_eq!(
            tags.fields.tags,
            Some(vec!["prod".into(), "web".into(), "x".into()])
        );
    }
}
