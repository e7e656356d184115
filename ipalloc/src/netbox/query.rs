//! Questions after prefixes and ranges: a filter, and what each answer must be. NetBox ignores
//! a filter that it does not know, and answers with everything.

use core::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;
use vmid::{exit::Stop, http::percent};

use super::{
    answer,
    api::{Api, not_honoured},
    pages::{Job, side_by_side},
};
use crate::{interest::At, ipam::Prefix};

/// All prefixes, with what is needed of them.
pub(super) const PREFIXES: &str = "/api/ipam/prefixes/?fields=id,prefix,vrf,vlan,status,is_pool,mark_utilized,scope_type,scope_id";

/// All ranges.
pub(super) const RANGES: &str = "/api/ipam/ip-ranges/?fields=id,start_address,end_address,vrf,status,mark_populated,mark_utilized";

/// What each answer must be.
type Rule = dyn Fn(&Value) -> Result<(), String> + Send + Sync;

/// A question.
pub(super) struct Query {
    path: String,
    check: Box<Rule>,
}

impl Query {
    fn new<T>(
        list: &str,
        (filter, value): (&'static str, String),
        read: fn(&Value) -> Result<T, String>,
        fits: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        T: std::fmt::Display + 'static,
    {
        let check = move |value: &Value| match read(value)? {
            found if fits(&found) => Ok(()),
            found => Err(not_honoured(filter, &found)),
        };
        Self {
            path: format!("{list}&limit=1000&{filter}={}", percent(&value)),
            check: Box::new(check),
        }
    }

    fn prefixes(
        filter: (&'static str, String),
        fits: impl Fn(&Prefix) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::new(PREFIXES, filter, answer::prefix, fits)
    }

    /// All prefixes.
    pub fn every_prefix() -> Self {
        let path = format!("{PREFIXES}&limit=1000");
        let check = Box::new(|_: &Value| Ok(()));
        Self { path, check }
    }

    /// All ranges.
    pub fn every_range() -> Self {
        let path = format!("{RANGES}&limit=1000");
        let check = Box::new(|_: &Value| Ok(()));
        Self { path, check }
    }

    /// The prefixes on a VLAN.
    pub fn on_vlan(vlan: u64) -> Self {
        Self::prefixes(("vlan_vid", vlan.to_string()), move |prefix| {
            prefix.vlan == Some(vlan)
        })
    }

    /// A prefix, of every routing table, and all inside it.
    pub fn in_prefix(net: IpNet) -> Self {
        Self::prefixes(("within_include", net.to_string()), move |prefix| {
            net.contains(&prefix.net)
        })
    }

    /// The prefixes there that belong to something, by a filter and its value.
    pub fn members(at: At, (filter, value): (&'static str, &str)) -> Self {
        let place = match at {
            At::Anywhere => None,
            At::Vlan(vlan) => Some(("vlan_vid", vlan.to_string())),
            At::Net(net) => Some(("prefix", net.to_string())),
            At::Holding(address) => Some(("contains", IpNet::from(address).to_string())),
        };
        let mut path = format!(
            "{PREFIXES},scope,tenant&limit=1000&{filter}={}",
            percent(value)
        );
        if let Some((name, value)) = &place {
            path += &format!("&{name}={}", percent(value));
        }
        let check = move |value: &Value| match (answer::prefix(value)?, &place) {
            (prefix, Some((name, _))) if !at.has(&prefix) => Err(not_honoured(name, &prefix)),
            _ => Ok(()),
        };
        Self {
            path,
            check: Box::new(check),
        }
    }

    /// The prefixes that hold an address.
    pub fn holding(address: IpAddr) -> Self {
        // Without its mask, a prefix of this one address would not be found.
        let one = IpNet::from(address);
        Self::prefixes(("contains", one.to_string()), move |prefix| {
            prefix.net.contains(&address)
        })
    }
}

impl Api {
    /// The answers to all of these, in order.
    pub fn ask(&self, queries: Vec<Query>) -> Result<Vec<Value>, Stop> {
        let job = |query: Query| {
            let job = move || self.list_of(&query.path, &*query.check);
            Box::new(job) as Job<'_, Result<Vec<Value>, Stop>>
        };
        let mut all = Vec::new();
        for values in side_by_side(queries.into_iter().map(job).collect()) {
            all.extend(values?);
        }
        Ok(all)
    }

    /// The first of a list, and how many all are if these are not all.
    pub fn first(&self, query: &Query, limit: usize) -> Result<(Vec<Value>, Option<u64>), Stop> {
        let path = query.path.replace("limit=1000", &format!("limit={limit}"));
        let page = self.page_of(&path, &*query.check)?;
        let more = page.next.map(|_| page.count.unwrap_or(u64::MAX));
        Ok((page.results, more))
    }
}
