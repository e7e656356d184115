//! Which prefixes belong to a place, a VLAN's group or a tenant. NetBox knows the tree of places,
//! and is asked by its own filters; that these were honoured is seen by what comes, or else by what
//! it says to a slug that there can't be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vmid::{exit::Stop, http::percent};

use super::{
    answer,
    api::{Api, not_honoured},
    networks::PLACES,
    pages::{Job, side_by_side},
    query::Query,
};
use crate::{
    among::{Belonging, Kind},
    interest::{At, Interest, Narrowed},
};

/// No slug has a slash, and a value that is no choice is refused by every filter that knows its
/// choices (status 400 with the filter's name).
const NO_SLUG: &str = "//";

/// The prefixes that belong to something, and to what, by their IDs.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub prefixes: Vec<Value>,
    pub of: BTreeMap<u64, BTreeSet<Belonging>>,
    /// See [`crate::ipam::Networks::namesakes`].
    pub namesakes: BTreeMap<Belonging, Vec<String>>,
}

impl Api {
    /// The prefixes that belong to what a call is about.
    pub fn members(&self, interest: &Interest) -> Result<Members, Stop> {
        let questions = questions(interest);
        let job = |(at, belonging): &(At, Belonging)| {
            let (at, belonging) = (*at, belonging.clone());
            let job = move || self.members_of(at, &belonging);
            Box::new(job) as Job<'_, Result<Vec<Value>, Stop>>
        };
        let shared: BTreeSet<_> = questions.iter().map(|(_, belonging)| belonging).collect();
        let shared: Vec<_> = shared.into_iter().filter_map(list_of_all).collect();
        let all = |(list, belonging): &(&'static str, &Belonging)| {
            let (list, name) = (*list, filter(belonging).1.to_owned());
            Box::new(move || self.called(list, &name)) as Job<'_, Result<Vec<Value>, Stop>>
        };
        let jobs = questions.iter().map(job).chain(shared.iter().map(all));
        let mut answers = side_by_side(jobs.collect()).into_iter();
        let mut members = Members::default();
        let mut unproven = BTreeMap::new();
        for ((_, belonging), values) in questions.iter().zip(answers.by_ref()) {
            let values = values?;
            if let Some(value) = values.iter().find(|value| !shows(value, belonging)) {
                let came = value["prefix"].as_str().unwrap_or_default();
                unproven.insert(filter(belonging).0, came.to_owned());
            }
            for id in values.iter().filter_map(|value| answer::ids(value).1) {
                members.of.entry(id).or_default().insert(belonging.clone());
            }
            members.prefixes.extend(values);
        }
        self.prove(&unproven)?;
        for ((_, belonging), values) in shared.into_iter().zip(answers) {
            let sites: Vec<String> = values?.iter().map(site).collect();
            if sites.len() > 1 {
                members.namesakes.insert(belonging.clone(), sites);
            }
        }
        Ok(members)
    }

    /// All of a kind that have this slug.
    fn called(&self, list: &str, name: &str) -> Result<Vec<Value>, Stop> {
        let path = format!("{list}&limit=1000&slug={}", percent(name));
        let check = |value: &Value| match value["slug"].as_str() {
            Some(slug) if slug == name => Ok(()),
            other => Err(not_honoured("slug", &other.unwrap_or_default())),
        };
        self.list_of(&path, &check)
    }

    fn members_of(&self, at: At, belonging: &Belonging) -> Result<Vec<Value>, Stop> {
        let query = Query::members(at, filter(belonging));
        match self.ask(vec![query]) {
            Ok(values) => Ok(values),
            // NetBox has nothing of that name.
            Err(_) if self.refuses(&[filter(belonging)])? => Ok(Vec::new()),
            Err(stop) => Err(stop),
        }
    }

    /// NetBox knows these filters, by each of which something came.
    fn prove(&self, filters: &BTreeMap<&'static str, String>) -> Result<(), Stop> {
        let impossible: Vec<_> = filters.keys().map(|name| (*name, NO_SLUG)).collect();
        match filters.first_key_value() {
            Some((name, came)) if !self.refuses(&impossible)? => {
                Err(self.failed(&not_honoured(name, came), "/api/ipam/prefixes/"))
            }
            _ => Ok(()),
        }
    }

    /// Each of these filters refuses its value.
    fn refuses(&self, filters: &[(&str, &str)]) -> Result<bool, Stop> {
        let mut path = "/api/ipam/prefixes/?limit=1&fields=id".to_owned();
        for (name, value) in filters {
            path += &format!("&{name}={}", percent(value));
        }
        let answer = self.read(&path)?;
        let faults = answer.json().unwrap_or_default();
        let is_refused = |(name, _): &(&str, &str)| faults.get(name).is_some();
        Ok(answer.status == 400 && filters.iter().all(is_refused))
    }
}

/// What is asked: about each belonging by itself, because a filter that is there twice means
/// either. Of many places, about all that belongs.
fn questions(interest: &Interest) -> BTreeSet<(At, Belonging)> {
    let all = |at: &dyn Fn(At) -> At| {
        let of = |narrowed: &Narrowed| {
            let at = at(narrowed.at);
            let belongings = narrowed.belongings.iter().cloned();
            belongings
                .map(move |belonging| (at, belonging))
                .collect::<Vec<_>>()
        };
        interest
            .narrowed
            .iter()
            .flat_map(of)
            .collect::<BTreeSet<_>>()
    };
    let each = all(&|at| at);
    match each.len() > PLACES {
        true => all(&|_| At::Anywhere),
        false => each,
    }
}

/// The filter of prefixes, and its value.
fn filter(belonging: &Belonging) -> (&'static str, &str) {
    match belonging {
        Belonging::Scope(Kind::Site, slug) => ("site", slug),
        Belonging::Scope(Kind::Location, slug) => ("location", slug),
        Belonging::Scope(Kind::Region, slug) => ("region", slug),
        Belonging::Scope(Kind::SiteGroup, slug) => ("site_group", slug),
        Belonging::VlanGroup(slug) => ("vlan_group", slug),
        Belonging::Tenant(slug) => ("tenant", slug),
    }
}

/// Where all of its kind are, if several may have one slug. By NetBox's models a site's is its
/// own; a location's is of its site and parent, a region's and a site group's of the parent, a VLAN
/// group's of its scope, and a tenant's of its group.
fn list_of_all(belonging: &Belonging) -> Option<(&'static str, &Belonging)> {
    let list = match belonging {
        Belonging::Scope(Kind::Site, _) => return None,
        Belonging::Scope(Kind::Location, _) => "/api/dcim/locations/?fields=id,slug,site",
        Belonging::Scope(Kind::Region, _) => "/api/dcim/regions/?fields=id,slug",
        Belonging::Scope(Kind::SiteGroup, _) => "/api/dcim/site-groups/?fields=id,slug",
        Belonging::VlanGroup(_) => "/api/ipam/vlan-groups/?fields=id,slug",
        Belonging::Tenant(_) => "/api/tenancy/tenants/?fields=id,slug",
    };
    Some((list, belonging))
}

/// The slug of a location's site.
fn site(value: &Value) -> String {
    let slug = value["site"]["slug"].as_str();
    slug.unwrap_or_default().to_owned()
}

/// A prefix says of itself that it belongs to that. Of a place that its own is in, and of its
/// VLAN's group, it says nothing.
fn shows(value: &Value, belonging: &Belonging) -> bool {
    let slug = |field: &str| value[field]["slug"].as_str();
    match belonging {
        Belonging::Scope(kind, name) => {
            let of_type = value["scope_type"].as_str().and_then(Kind::of_type);
            of_type == Some(*kind) && slug("scope") == Some(name)
        }
        Belonging::VlanGroup(_) => false,
        Belonging::Tenant(name) => slug("tenant") == Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::{
        among::parse_scope,
        netbox::api::tests::{api, numbered},
        request::Place,
    };

    #[test]
    fn what_a_prefix_says_of_itself() {
        let prefix = json!({"scope_type": "dcim.sitegroup", "scope": {"slug": "lab"}, "tenant": {"slug": "acme"}});
        #[rustfmt::skip]
        let cases = [
            ("its place",            parse_scope("site-group:lab").unwrap(), true),
            ("of another kind",      parse_scope("site:lab").unwrap(),       false),
            ("another",              parse_scope("site-group:la").unwrap(),  false),
            ("its tenant",           Belonging::Tenant("acme".into()),       true),
            ("another one",          Belonging::Tenant("x".into()),          false),
            ("its VLAN's group",     Belonging::VlanGroup("lab".into()),     false),
        ];
        for (name, belonging, want) in cases {
            assert_eq!(shows(&prefix, &belonging), want, "{name}");
        }
    }

    #[test]
    fn each_question_once() {
        let among = |text: &str| crate::among::Among {
            scopes: text
                .split(',')
                .map(|scope| parse_scope(scope).unwrap())
                .collect(),
            ..Default::default()
        };
        let mut interest = Interest::default();
        let place = |vlan| Place {
            vlan: Some(vlan),
            ..Place::default()
        };
        interest.narrow(&place(30), None, &among("site:a,region:b"));
        interest.narrow(&place(30), None, &among("site:a"));
        interest.narrow(&place(31), None, &among("site:a"));
        assert_eq!(questions(&interest).len(), 3);
        (1..20).for_each(|vlan| interest.narrow(&place(vlan), None, &among("site:a")));
        assert_eq!(
            questions(&interest).len(),
            2,
            "of very many, about all at once"
        );
    }

    /// Only the prefix of one of two halls is on the VLAN.
    #[test]
    fn several_of_a_slug() {
        const HALL: &str = r#"{"id":7,"prefix":"10.0.0.0/24","vlan":{"vid":30},"scope_type":"dcim.location","scope":{"slug":"hall"}}"#;
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&[&str], &str>)] = &[
            ("one",                  r#"{"id":1,"slug":"hall","site":{"slug":"a"}}"#, Ok(&[])),
            ("two",                  r#"{"id":1,"slug":"hall","site":{"slug":"a"}},{"id":2,"slug":"hall","site":{"slug":"b"}}"#, Ok(&["a", "b"])),
            ("the filter is ignored", r#"{"id":1,"slug":"hall"},{"id":2,"slug":"yard"}"#, Err("the filter slug was not honoured: yard came, too")),
        ];
        for (name, halls, want) in cases {
            let page = |all: &str, count: usize| {
                (
                    200,
                    format!(r#"{{"count":{count},"next":null,"results":[{all}]}}"#),
                )
            };
            let among = crate::among::Among {
                scopes: vec![parse_scope("location:hall").unwrap()],
                ..Default::default()
            };
            let count = halls.matches("\"id\"").count();
            let halls = (*halls).to_owned();
            let api = numbered(move |_, path| match path.contains("/dcim/locations/") {
                true => page(&halls, count),
                false => page(HALL, 1),
            });
            let mut interest = Interest::default();
            let place = Place {
                vlan: Some(30),
                ..Place::default()
            };
            interest.narrow(&place, None, &among);
            match (api.members(&interest), want) {
                (Ok(members), Ok(want)) => {
                    let got: Vec<String> = members.namesakes.into_values().flatten().collect();
                    assert_eq!(got, *want, "{name}");
                }
                (Err(stop), Err(want)) => {
                    assert!(stop.to_string().ends_with(want), "{name}: {stop}")
                }
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }

    /// A location's prefix came for its site: NetBox is asked whether it knows that filter.
    #[test]
    fn filters_are_proven() {
        const INNER: &str = r#"{"count":1,"next":null,"results":[{"id":7,"prefix":"10.0.0.0/24","vlan":{"vid":30},
            "scope_type":"dcim.location","scope":{"slug":"hall"}}]}"#;
        const OWN: &str = r#"{"count":1,"next":null,"results":[{"id":7,"prefix":"10.0.0.0/24","vlan":{"vid":30},
            "scope_type":"dcim.site","scope":{"slug":"berlin"}}]}"#;
        const NONE: &str = r#"{"site":["Select a valid choice."]}"#;
        const ALL: &str = r#"{"count":9,"next":null,"results":[{"id":1}]}"#;
        type Reply = (u16, &'static str);
        #[rustfmt::skip]
        let cases: &[(&str, [Reply; 2], Result<usize, &str>)] = &[
            ("its own",              [(200, OWN), (500, "")],      Ok(1)),
            ("and it does",          [(200, INNER), (400, NONE)],  Ok(1)),
            ("and it doesn't",       [(200, INNER), (200, ALL)],   Err("the filter site was not honoured: 10.0.0.0/24 came, too")),
            ("another filter's",     [(200, INNER), (400, r#"{"region":["x"]}"#)], Err("the filter site was not honoured: 10.0.0.0/24 came, too")),
            ("no such site",         [(400, NONE), (400, NONE)],   Ok(0)),
            ("something else",       [(400, r#"{"x":1}"#), (400, r#"{"x":1}"#)], Err("status 400: {\"x\":1}")),
        ];
        for (name, replies, want) in cases {
            let replies = *replies;
            let api = api(move |number| (replies[number].0, replies[number].1.to_owned()));
            let mut interest = Interest::default();
            let among = crate::among::Among {
                scopes: vec![parse_scope("site:berlin").unwrap()],
                ..Default::default()
            };
            let place = Place {
                vlan: Some(30),
                ..Place::default()
            };
            interest.narrow(&place, None, &among);
            match (api.members(&interest), want) {
                (Ok(members), Ok(want)) => assert_eq!(members.of.len(), *want, "{name}"),
                (Err(stop), Err(want)) => {
                    assert!(stop.to_string().ends_with(want), "{name}: {stop}")
                }
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }
}
