//! What the record of an address that is there says otherwise than the request. It is told and
//! left: a person may have written it.

use vmid::stream::quote;

mod labels;

use labels::Others;

use super::grant::Naming;
use crate::{ipam::Entry, request::Request, retired, slug, status};

/// What a record says otherwise; none where it agrees, or nothing was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Its DNS name is another than the owner's.
    pub dns_name: Option<String>,
    /// It is out of use, but not by being retired here.
    pub status: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its tags, where it lacks one that was asked for; that it has more is no drift.
    pub tags: Option<Vec<String>>,
    /// Its labels.
    pub labels: Others,
}

impl Drift {
    /// What `entry` says otherwise than `request`.
    #[must_use]
    pub fn of(entry: &Entry, request: &Request, naming: &Naming) -> Self {
        let owner = &request.owner;
        let asked = request.fields.labels.status.as_deref();
        let is_asked = |entry: &Entry| asked.is_some_and(|s| s.eq_ignore_ascii_case(&entry.status));
        let fits = owner.is_fully_named(&entry.dns_name, naming.domain.as_deref());
        let mut drift = Self {
            dns_name: (!fits).then(|| entry.dns_name.clone()),
            status: (out_of_use(entry, &naming.open) && !is_asked(entry))
                .then(|| entry.status.clone()),
            ..Self::default()
        };
        // What a name without an owner says is not what was asked for before.
        let Some(said) = entry.said.as_ref().filter(|_| entry.key.is_some()) else {
            return drift;
        };
        let fields = &request.fields;
        let other = |asked: &String| asked.trim() != said.description.trim();
        let description = fields.description.as_ref().filter(|asked| other(asked));
        drift.description = description.map(|_| said.description.clone());
        let has = |asked: &String| {
            said.tags
                .iter()
                .any(|tag| slug::of_tag(tag) == slug::of_tag(asked))
        };
        let mut asked = fields.tags.iter().flatten();
        drift.tags = (!asked.all(has)).then(|| said.tags.clone());
        drift.labels = Others::of(entry, said, &fields.labels);
        drift
    }

    /// As a raw JSON object of what the record has; none if there is nothing to tell.
    #[must_use]
    pub fn object(&self) -> Option<String> {
        let text = |name: &str, value: &Option<String>| {
            let value = value.as_deref().map(quote)?;
            Some(format!("\"{name}\":{value}"))
        };
        let tags = self.tags.as_ref().map(|tags| {
            let tags: Vec<String> = tags.iter().map(|tag| quote(tag)).collect();
            format!("\"tags\":[{}]", tags.join(","))
        });
        let members = [
            text("dns_name", &self.dns_name),
            text("status", &self.status),
            text("description", &self.description),
            tags,
        ];
        let labels = self.labels.members();
        let labels = labels.map(|(name, value)| format!("\"{name}\":{value}"));
        let members = members.into_iter().flatten().chain(labels);
        let members: Vec<String> = members.collect();
        (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
    }
}

/// Somebody took the address out of use by hand; `open` are the custom statuses of those in use.
fn out_of_use(entry: &Entry, open: &[String]) -> bool {
    let in_use = entry.status.is_empty() || status::in_use(&entry.status, open).is_ok();
    !in_use && retired::since(entry).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ipam::Said, properties::sample, request::Fields};
    use vmid::stream;

    #[test]
    fn what_is_told() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, (&str, &[&str]), &str, Option<&str>, Option<&str>)] = &[
            ("its labels",              "10.0.0.2/24 key=web name=web role=vip status=dhcp", ("", &[]), r#"{"name":"web","tenant":"Acme-Inc","ipam_role":"VIP","ipam_status":"DHCP","custom_fields":{"count":5,"none":null}}"#, None, None),
            ("others",                  "10.0.0.2/24 key=web name=web", ("", &[]), r#"{"name":"web","tenant":"acme","ipam_role":"vip","ipam_status":"reserved","custom_fields":{"count":6,"more":true}}"#, None, Some(r#"{"tenant":"Acme, Inc.","ipam_role":null,"ipam_status":"active","custom_fields":{"count":5,"more":null}}"#)),
            ("nobody's labels",         "10.0.0.2/24 name=web", ("", &[]), r#"{"name":"web","tenant":"other"}"#, None, None),
            ("revived as active",       "10.0.0.2/24 key=web name=web retired=2026-11-01", ("", &[]), r#"{"name":"web","ipam_status":"reserved"}"#, None, Some(r#"{"ipam_status":"active"}"#)),
            ("nothing asked for",       "10.0.0.2/24 key=web name=web.x", ("old", &["a"]), r#"{"name":"web"}"#, None, None),
            ("as it is",                "10.0.0.2/24 key=web name=WEB.lab.", (" old", &["A b"]), r#"{"name":"web","description":"old ","tags":["a-b"]}"#, Some("lab"), None),
            ("its description",         "10.0.0.2/24 key=web name=web", ("old", &[]), r#"{"name":"web","description":"new"}"#, None, Some(r#"{"description":"old"}"#)),
            ("it has none",             "10.0.0.2/24 key=web name=web", ("", &[]), r#"{"name":"web","description":"new"}"#, None, Some(r#"{"description":""}"#)),
            ("a tag more",              "10.0.0.2/24 key=web name=web", ("", &["a", "b"]), r#"{"name":"web","tags":["a"]}"#, None, None),
            ("a tag less",              "10.0.0.2/24 key=web name=web", ("", &["a"]), r#"{"name":"web","tags":["a","b"]}"#, None, Some(r#"{"tags":["a"]}"#)),
            ("without the domain",      "10.0.0.2/24 key=web name=web", ("", &[]), r#"{"name":"web"}"#, Some("lab"), Some(r#"{"dns_name":"web"}"#)),
            ("another name",            "10.0.0.2/24 key=web name=y.lab", ("", &[]), r#"{"name":"web"}"#, None, Some(r#"{"dns_name":"y.lab"}"#)),
            ("no name",                 "10.0.0.2/24 key=web", ("", &[]), r#"{"name":"web"}"#, None, Some(r#"{"dns_name":""}"#)),
            ("deprecated by hand",      "10.0.0.2/24 key=web name=web status=deprecated", ("", &[]), r#"{"name":"web"}"#, None, Some(r#"{"status":"deprecated"}"#)),
            ("a status of one's own",   "10.0.0.2/24 key=web name=web status=broken", ("", &[]), r#"{"name":"web"}"#, None, Some(r#"{"status":"broken"}"#)),
            ("an open one",             "10.0.0.2/24 key=web name=web status=Lab", ("", &[]), r#"{"name":"web"}"#, None, None),
            ("set aside for it",        "10.0.0.2/24 key=web name=web status=reserved", ("", &[]), r#"{"name":"web"}"#, None, None),
            ("retired here",            "10.0.0.2/24 key=web name=web retired=2026-11-01", ("", &[]), r#"{"name":"web"}"#, None, None),
            ("nobody's",                "10.0.0.2/24 name=web", ("old", &[]), r#"{"name":"web","description":"new"}"#, None, None),
        ];
        for (name, line, (description, tags), request, domain, want) in cases {
            let mut entry = sample::view(&[line]).entries.remove(0);
            entry.said = Some(Box::new(Said {
                description: (*description).to_owned(),
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                tenant: Some("Acme, Inc.".to_owned()),
                custom: [("count".to_owned(), 5.into())].into(),
            }));
            let kept = stream::parse(request.as_bytes()).unwrap();
            let request = Request::of(&kept[0].record(), &Fields::default()).unwrap();
            let naming = Naming {
                domain: domain.map(str::to_owned),
                open: vec!["lab".to_owned()],
                ..Naming::default()
            };
            let drift = Drift::of(&entry, &request, &naming);
            assert_eq!(drift.object().as_deref(), *want, "{name}");
        }
    }
}
