//! Tokens and what they may: PVE's tree of paths, where the nearest entry counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::World;

/// Of a token that the scenario says nothing of: all that a drain could need.
const ALL: &[&str] = &[
    "VM.Audit",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Config.Disk",
    "Datastore.Audit",
    "Datastore.AllocateSpace",
    "Sys.Audit",
    "SDN.Audit",
];

impl World {
    /// The token of an `Authorization` header.
    pub fn token(&self, authorization: &str) -> Option<String> {
        let (id, secret) = authorization
            .strip_prefix("PVEAPIToken=")?
            .split_once('=')?;
        (self.tokens.get(id)? == secret).then(|| id.to_owned())
    }

    pub fn may(&self, token: &str, path: &str, right: &str) -> bool {
        let Some(rights) = self.rights.get(token) else {
            return ALL.contains(&right);
        };
        let mut path = path;
        loop {
            if let Some(list) = rights.get(if path.is_empty() { "/" } else { path }) {
                return list.iter().any(|have| have == right);
            }
            match path.rfind('/') {
                Some(at) if !path.is_empty() => path = &path[..at],
                _ => return false,
            }
        }
    }

    /// `GET /access/permissions`: the paths that have entries of their own, with what holds there.
    pub fn permissions(&self, token: &str) -> Value {
        let object = |list: &[&str]| {
            list.iter()
                .map(|right| ((*right).to_owned(), json!(1)))
                .collect::<serde_json::Map<_, _>>()
        };
        let paths = [
            "/", "/access", "/nodes", "/pool", "/sdn", "/storage", "/vms", "/mapping",
        ];
        let Some(rights) = self.rights.get(token) else {
            return paths
                .iter()
                .map(|path| ((*path).to_owned(), object(ALL).into()))
                .collect::<serde_json::Map<_, _>>()
                .into();
        };
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in paths
            .iter()
            .copied()
            .chain(rights.keys().map(String::as_str))
        {
            let names = rights.values().flatten().map(String::as_str);
            let mut have: Vec<&str> = names
                .filter(|right| self.may(token, path.trim_end_matches('/'), right))
                .collect();
            have.sort_unstable();
            have.dedup();
            if !have.is_empty() {
                all.insert(path, have);
            }
        }
        all.iter()
            .map(|(path, list)| ((*path).to_owned(), object(list).into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// What the schema's `check` asks for, and the token has not; in PVE's words.
    pub fn forbidden(
        &self,
        token: &str,
        permissions: &Value,
        parameters: &serde_json::Map<String, Value>,
    ) -> Option<String> {
        // {"check": ["perm", PATH, [RIGHTS], "any", 1]}
        let check = permissions["check"]
            .as_array()
            .filter(|_| permissions.get("user").is_none())?;
        let mut path = check.get(1)?.as_str()?.to_owned();
        for (name, value) in parameters {
            path = path.replace(&format!("{{{name}}}"), &crate::schema::text(value));
        }
        let rights: Vec<&str> = check
            .get(2)?
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let tree = path.trim_end_matches('/');
        let any = check.get(3).is_some_and(|word| word == "any");
        let ok = if any {
            rights.iter().any(|right| self.may(token, tree, right))
        } else {
            rights.iter().all(|right| self.may(token, tree, right))
        };
        (!ok).then(|| format!("Permission check failed ({path}, {})", rights.join("|")))
    }
}
