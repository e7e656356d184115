//! What the record of an address is labelled with beside description and tags: its tenant, role,
//! status and custom fields. `role` and `status` of a guest's record are somebody else's words, so
//! the fields here are `ipam_role` and `ipam_status`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use serde_json::Value;
use vmid::{exit::Stop, stream::Record};

use crate::{
    refused::{Code, Refused},
    request,
    span::Family,
    status,
};

pub mod custom;

/// NetBox's roles of addresses (`ipam.choices.IPAddressRoleChoices`, which no FIELD_CHOICES extends).
pub const ROLES: [&str; 8] = [
    "loopback",
    "secondary",
    "anycast",
    "vip",
    "vrrp",
    "hsrp",
    "glbp",
    "carp",
];

/// The options, defaults for all records.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Given {
    /// The address is this tenant's: its slug
    #[arg(long, value_name = "SLUG", value_parser = parse_tenant)]
    pub tenant: Option<String>,
    /// Its role: loopback, secondary, anycast, vip, vrrp, hsrp, glbp or carp
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    pub ipam_role: Option<&'static str>,
    /// Its status: active, reserved, dhcp, slaac, or one that --status-open names [default: active]
    #[arg(long, value_name = "STATUS", value_parser = status::parse_given)]
    pub ipam_status: Option<String>,
    /// A custom field of it; the option several times for several fields
    #[arg(long, value_name = "NAME=VALUE", value_parser = custom::parse)]
    pub cf: Vec<(String, String)>,
}

impl Given {
    /// These options as labels, custom fields left out: what their texts are only the IPAM knows.
    ///
    /// # Errors
    ///
    /// The status is none that is in use, `open` being the custom ones that are; a custom field is
    /// named twice.
    pub fn labels(&self, open: &[String]) -> Result<Labels, Stop> {
        let mut seen = BTreeSet::new();
        if let Some((name, _)) = self.cf.iter().find(|(name, _)| !seen.insert(name)) {
            return Err(Stop::input(anyhow!("--cf: {name} is given twice")));
        }
        let labels = Labels {
            tenant: self.tenant.clone(),
            role: self.ipam_role,
            status: self.ipam_status.clone(),
            custom: BTreeMap::new(),
            unfit: None,
        };
        let wrong = |what: String| Stop::input(anyhow!("--ipam-status: {what}"));
        labels.is_open(open).map_err(wrong)?;
        Ok(labels)
    }
}

/// The labels of one address; none of those that are not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The tenant's slug.
    pub tenant: Option<String>,
    /// One of [`ROLES`].
    pub role: Option<&'static str>,
    /// A status, NetBox's own in lower case.
    pub status: Option<String>,
    /// Custom fields by their names, ipalloc's own never among them.
    pub custom: BTreeMap<String, Value>,
    /// Why no new address can have them. One that is there may say so of itself.
    pub unfit: Option<Refused>,
}

impl Labels {
    /// Those that `record` asks for, its gaps filled from `flags`: each custom field is a gap of
    /// its own.
    ///
    /// What only a record can have that is there already (a file's tenant by its name, say) is no
    /// error yet, see [`Self::unfit`].
    ///
    /// # Errors
    ///
    /// [`Code::BadField`].
    pub fn of(record: &Record<'_>, flags: &Self) -> Result<Self, Refused> {
        let mut custom = flags.custom.clone();
        let (fields, mut unfit) = custom::of(record)?;
        custom.extend(fields);
        let mut note = |name: &str, what: String| {
            let refused = Refused::new(Code::BadField, format!("{name}: {what}"));
            unfit.get_or_insert(refused);
        };
        let tenant = request::text(record, "tenant")?;
        if let Some(Err(what)) = tenant.as_deref().map(parse_tenant) {
            note("tenant", what);
        }
        let role = match request::text(record, "ipam_role")?
            .as_deref()
            .map(parse_role)
        {
            Some(Err(what)) => {
                note("ipam_role", what);
                None
            }
            Some(Ok(role)) => Some(role),
            None => flags.role,
        };
        Ok(Self {
            tenant: tenant
                .map_or_else(|| flags.tenant.clone(), |text| Some(text.trim().to_owned())),
            role,
            status: parsed(record, "ipam_status", status::parse_given)?
                .or_else(|| flags.status.clone()),
            custom,
            unfit,
        })
    }

    /// An address of that family can have them.
    ///
    /// # Errors
    ///
    /// [`Code::BadField`].
    pub fn fit(&self, family: Family, open: &[String]) -> Result<(), Refused> {
        if let Some(unfit) = &self.unfit {
            return Err(unfit.clone());
        }
        let bad = |what: String| Refused::new(Code::BadField, format!("ipam_status: {what}"));
        self.is_open(open).map_err(bad)?;
        // As NetBox has it (`ipam.models.ip.IPAddress.clean`).
        if self.status.as_deref() == Some("slaac") && family == Family::V4 {
            let what = "slaac is a status of IPv6 addresses, and this one is of IPv4";
            return Err(bad(what.to_owned()));
        }
        Ok(())
    }

    /// Notes which of them there are, if they can be written.
    pub fn note(&self, kinds: &mut Kinds) {
        if self.unfit.is_some() {
            return;
        }
        kinds.tenant |= self.tenant.is_some();
        kinds.role |= self.role.is_some();
        kinds.custom.extend(self.custom.keys().cloned());
    }

    fn is_open(&self, open: &[String]) -> Result<(), String> {
        self.status
            .as_deref()
            .map_or(Ok(()), |text| status::in_use(text, open))
    }
}

/// Which labels are asked for: a file must have a column for each.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    /// A tenant.
    pub tenant: bool,
    /// A role.
    pub role: bool,
    /// These custom fields.
    pub custom: BTreeSet<String>,
}

fn parsed<T>(
    record: &Record<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Refused> {
    let text = request::text(record, name)?;
    let parsed = text.map(|text| parse(&text)).transpose();
    parsed.map_err(|what| Refused::new(Code::BadField, format!("{name}: {what}")))
}

/// A tenant's slug, as a tag's.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_tenant(text: &str) -> Result<String, String> {
    request::parse_tag(text)
}

/// One of [`ROLES`], in whatever case.
///
/// # Errors
///
/// It is none.
pub fn parse_role(text: &str) -> Result<&'static str, String> {
    let role = text.trim();
    let known = ROLES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(role));
    known.ok_or_else(|| format!("{text:?} is none of NetBox's roles, {}", ROLES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use vmid::stream;

    fn labels(text: &str, flags: &Labels) -> Result<Labels, Refused> {
        Labels::of(&stream::parse(text.as_bytes()).unwrap()[0].record(), flags)
    }

    #[test]
    fn the_record_wins_field_by_field() {
        let flags = Labels {
            tenant: Some("acme".into()),
            role: Some("vip"),
            status: Some("reserved".into()),
            custom: [("a".into(), json!(1)), ("b".into(), json!("x"))].into(),
            unfit: None,
        };
        let text = r#"{"tenant":"other","ipam_role":null,"ipam_status":"","custom_fields":{"b":[true],"c":null},"role":"web","status":"running"}"#;
        let got = labels(text, &flags).unwrap();
        let custom = [
            ("a".into(), json!(1)),
            ("b".into(), json!([true])),
            ("c".into(), Value::Null),
        ];
        let want = Labels {
            tenant: Some("other".into()),
            custom: custom.into(),
            ..flags.clone()
        };
        assert_eq!(got, want);
        assert_eq!(labels(r#"{"name":"a"}"#, &flags).unwrap(), flags);
        let mut kinds = Kinds::default();
        got.note(&mut kinds);
        Labels::default().note(&mut kinds);
        assert!(kinds.tenant && kinds.role && kinds.custom.len() == 3);
    }

    #[test]
    fn what_is_refused() {
        #[rustfmt::skip]
        let cases = [
            ("a tenant's name",       r#"{"tenant":"Acme Inc."}"#,           "tenant: "),
            ("a tenant as NetBox has it", r#"{"tenant":{"slug":"acme"}}"#,   "tenant: "),
            ("a number",              r#"{"tenant":7}"#,                     "tenant: 7 is not text"),
            ("no role",               r#"{"ipam_role":"web"}"#,              "ipam_role: \"web\" is none of NetBox's roles, loopback,"),
            ("a list",                r#"{"ipam_role":["vip"]}"#,            "ipam_role: "),
            ("control characters",    r#"{"ipam_status":"a\u001b[2J"}"#,     "ipam_status: \"a\\u{1b}[2J\""),
            ("a text",                r#"{"custom_fields":"ticket=7"}"#,     "custom_fields: "),
            ("a list of fields",      r#"{"custom_fields":[{"a":1}]}"#,      "custom_fields: "),
            ("a number too long",     r#"{"custom_fields":{"a":[1,123456789012345678901234]}}"#, "custom_fields: 123456789012345678901234 "),
            ("out of use",            r#"{"ipam_status":"deprecated"}"#,     "ipam_status: deprecated is out of use"),
            ("a name that is none",   r#"{"custom_fields":{"a,b":1}}"#,      "custom_fields: \"a,b\""),
            ("ipalloc's own",         r#"{"custom_fields":{"ipalloc_key":"x"}}"#, "custom_fields: ipalloc_key is ipalloc's own"),
        ];
        for (name, text, want) in cases {
            let labels = labels(text, &Labels::default());
            let refused = labels
                .and_then(|labels| labels.fit(Family::V4, &[]))
                .unwrap_err();
            assert_eq!(refused.code, Code::BadField, "{name}");
            assert!(
                refused.message.starts_with(want),
                "{name}: {}",
                refused.message
            );
        }
    }

    #[test]
    fn which_statuses_fit() {
        let open = ["lab".to_owned()];
        #[rustfmt::skip]
        let cases = [
            ("NetBox's default",   "active",     Family::V4, true),
            ("set aside",          "Reserved",   Family::V4, true),
            ("by DHCP",            "dhcp",       Family::V4, true),
            ("IPv6 alone",         "slaac",      Family::V6, true),
            ("of IPv4",            "SLAAC",      Family::V4, false),
            ("retired",            "deprecated", Family::V4, false),
            ("a custom one, open", "Lab",        Family::V4, true),
            ("not open",           "office",     Family::V4, false),
        ];
        for (name, status, family, want) in cases {
            let labels = Labels {
                status: Some(status::parse_given(status).unwrap()),
                ..Labels::default()
            };
            assert_eq!(labels.fit(family, &open).is_ok(), want, "{name}");
        }
    }

    #[test]
    fn options() {
        let given = |status: Option<&str>, cf: &[&str]| Given {
            ipam_status: status.map(str::to_owned),
            cf: cf.iter().map(|text| custom::parse(text).unwrap()).collect(),
            ..Given::default()
        };
        assert!(given(Some("dhcp"), &["a=1", "A=1"]).labels(&[]).is_ok());
        #[rustfmt::skip]
        let cases = [
            ("a field twice", given(None, &["a=1", "b=", "a=1"]),   "--cf: a is given twice"),
            ("out of use",    given(Some("deprecated"), &[]),       "--ipam-status: deprecated is out of use"),
            ("unknown",       given(Some("lab"), &[]),              "--ipam-status: \"lab\" is none of NetBox's"),
        ];
        for (name, given, want) in cases {
            let stop = given.labels(&[]).unwrap_err().to_string();
            assert!(stop.starts_with(want), "{name}: {stop}");
        }
        assert_eq!(parse_role(" VIP "), Ok("vip"));
    }
}
