//! A guest as the rules see it: its configuration read once, its role, its services.

use serde_json::{Map, Value};
use vmid::{
    exempt::Subject,
    site::{Role, Service},
};

use super::{context::Context, record::Record};
use crate::{
    config::{Config, property::plain},
    plan::{candidate::Candidate, want::Want},
    state::{Guest, HaResource, Kind},
};

/// A guest as the rules see it.
#[derive(Debug)]
pub struct Audited<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// Its configuration, by PVE's keys; none if it was not read.
    pub fields: Option<Map<String, Value>>,
    /// What of it decides where it can be.
    pub config: Config,
    /// What it is for: the name of the role.
    pub role: Option<(&'a str, &'a Role)>,
    /// What runs on it.
    pub services: &'a [&'a Service],
    /// The pairs that it is a member of.
    pub pairs: &'a [&'a str],
    /// Its HA resource, if the manager looks after it.
    pub managed: Option<&'a HaResource>,
}

impl<'a> Audited<'a> {
    /// Looks at a guest.
    #[must_use]
    pub fn new(context: &'a Context<'a>, guest: &'a Guest) -> Self {
        let text = guest.config.as_ref().map(|raw| raw.get());
        let fields = text.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        let config = fields.as_ref();
        let config = config.map(|fields| Config::of(guest.kind, fields));
        let services = context.services(guest.vmid);
        let role = role(context, services, fields.as_ref());
        Self {
            guest,
            config: config.unwrap_or_default(),
            fields,
            role,
            services,
            pairs: context.pairs(guest.vmid),
            managed: context.cluster.managed(&guest.sid()),
        }
    }

    /// A value of its configuration; empty where there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        let value = self.fields.as_ref().and_then(|fields| fields.get(key));
        value.map(plain).unwrap_or_default()
    }

    /// A container.
    #[must_use]
    pub fn is_container(&self) -> bool {
        self.guest.kind == Kind::Lxc
    }

    /// All that a finding of it is a finding of.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let pairs = self
            .pairs
            .iter()
            .map(|pair| Subject::Pair((*pair).to_owned()));
        let services = self.services.iter();
        let services = services.map(|service| Subject::Service(service.name.clone()));
        let own = [
            Subject::Vmid(self.guest.vmid),
            Subject::Node(self.guest.node.clone()),
        ];
        own.into_iter().chain(pairs).chain(services).collect()
    }

    /// Its record, with nothing found as yet.
    #[must_use]
    pub fn record(&self) -> Record {
        let record = Record::of(Subject::Vmid(self.guest.vmid))
            .with("name", self.guest.name.clone())
            .with("type", self.guest.kind.as_str())
            .with("node", self.guest.node.clone());
        match self.role {
            Some((role, _)) => record.with("role", role),
            None => record,
        }
    }

    /// As a plan looks at it. Costs as much as all rules together, so it is asked for where needed.
    #[must_use]
    pub fn candidate(&self, context: &Context<'a>, want: &'a Want) -> Candidate<'a> {
        Candidate::new(
            context.cluster,
            context.policy,
            self.guest,
            want,
            Vec::new(),
        )
    }
}

/// The role: its service's, else a tag that is a role of the site or the tag of one.
fn role<'a>(
    context: &Context<'a>,
    services: &[&'a Service],
    fields: Option<&Map<String, Value>>,
) -> Option<(&'a str, &'a Role)> {
    let roles = &context.site().roles;
    let of_service = services.iter().find_map(|service| {
        let (name, role) = roles.get_key_value(service.role.as_ref()?)?;
        Some((&name[..], role))
    });
    of_service.or_else(|| {
        let tags = plain(fields?.get("tags")?);
        tags.split([';', ',', ' ']).find_map(|tag| {
            let mut all = roles.iter();
            let found = all.find(|(name, role)| *name == tag || role.tag.as_deref() == Some(tag));
            found.map(|(name, role)| (&name[..], role))
        })
    })
}
