//! Which labels of a record are others than those that were asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::slug;
use crate::{
    ipam::{Entry, Said},
    labels::{self, Labels},
    pending, retired,
};

/// The labels that a record has instead of those that were asked for; none where it agrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    tenant: Option<Value>,
    role: Option<Value>,
    status: Option<Value>,
    custom: BTreeMap<String, Value>,
}

impl Others {
    /// What `entry`, which says `said` besides, has instead of `asked`.
    #[must_use]
    pub(super) fn of(entry: &Entry, said: &Said, asked: &Labels) -> Self {
        let tenant = said.tenant.as_deref();
        let is_another =
            |asked: &&String| tenant.map(slug::proposed) != Some(slug::proposed(asked));
        // As it is after what this call does: a retired one is revived, and one in the making is finished.
        let role = pending::role(entry).unwrap_or(&entry.role);
        let status = match retired::since(entry) {
            Some(_) => "active",
            None => entry.status.as_str(),
        };
        let differs = |asked: &&String| !asked.eq_ignore_ascii_case(status);
        let custom = asked.custom.iter().filter_map(|(name, asked)| {
            let has = said.custom.get(name).unwrap_or(&Value::Null);
            let same = labels::custom::same(asked, has);
            (!same).then(|| (name.clone(), labels::custom::plain(has)))
        });
        let text = |text: &str| match text {
            "" => Value::Null,
            text => Value::from(text),
        };
        Self {
            tenant: (asked.tenant.as_ref().filter(is_another))
                .map(|_| text(tenant.unwrap_or_default())),
            role: (asked.role.filter(|asked| *asked != role)).map(|_| text(role)),
            status: (asked.status.as_ref().filter(differs)).map(|_| text(status)),
            custom: custom.collect(),
        }
    }

    /// As members of an object: names and raw values.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fields = [
            ("tenant", self.tenant.as_ref()),
            ("ipam_role", self.role.as_ref()),
            ("ipam_status", self.status.as_ref()),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.to_string())));
        let custom = (!self.custom.is_empty()).then(|| labels::custom::object(&self.custom));
        fields.chain(custom.map(|custom| ("custom_fields", custom)))
    }
}
