//! Tokens and what they may: PVE's tree of paths, where the nearest entry counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::World;

/// Of a token that the scenario says nothing of: all that is needed to move guests and to make them.
const ALL: &[&str] = &[
    "VM.Audit",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Config.Disk",
    "Datastore.Audit",
    "Datastore.AllocateSpace",
    "Sys.Audit",
    "SDN.Audit",
    "SDN.Use",
    "Datastore.AllocateTemplate",
    "Pool.Audit",
    "VM.Allocate",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.GuestAgent.FileRead",
];

/// What a token may, by path.
type Rights = BTreeMap<String, Vec<String>>;

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
            return ALL.contains(&right) || token.starts_with("root@pam!");
        };
        let vmid = path.strip_prefix("/vms/").and_then(|id| id.parse().ok());
        let by_pool = |(pool, members): (&String, &Vec<u32>)| {
            let role = rights.get(&format!("/pool/{pool}"));
            vmid.is_some_and(|vmid| members.contains(&vmid))
                && role.is_some_and(|list| list.iter().any(|have| have == right))
        };
        if self.pools.iter().any(by_pool) {
            return true;
        }
        self.may_by_tree(rights, path, right)
    }

    fn may_by_tree(&self, rights: &Rights, path: &str, right: &str) -> bool {
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
            "/",
            "/access",
            "/access/groups",
            "/nodes",
            "/pool",
            "/sdn",
            "/storage",
            "/vms",
        ];
        let Some(rights) = self.rights.get(token) else {
            return paths
                .iter()
                .map(|path| ((*path).to_owned(), object(ALL).into()))
                .collect::<serde_json::Map<_, _>>()
                .into();
        };
        let members = self.pools.values().flatten();
        let members: Vec<String> = members.map(|vmid| format!("/vms/{vmid}")).collect();
        let entries = self.rights.values().flat_map(BTreeMap::keys);
        let all = paths.iter().copied();
        let all = all.chain(entries.chain(&members).map(String::as_str));
        let mut rows = serde_json::Map::new();
        for path in all {
            let names = rights.values().flatten().map(String::as_str);
            let tree = path.trim_end_matches('/');
            // What a pool gives holds for its member, and for nothing below it.
            let have = names.filter(|right| self.may(token, tree, right));
            let have: serde_json::Map<String, Value> = have
                .map(|right| {
                    let propagates = self.may_by_tree(rights, tree, right);
                    (right.to_owned(), u8::from(propagates).into())
                })
                .collect();
            if !have.is_empty() {
                rows.insert(path.to_owned(), have.into());
            }
        }
        rows.into()
    }

    /// `GET /access/acl`: all entries with Sys.Audit on /access, else those of paths on which the token
    /// may change them; the others are left out, and nothing says so.
    pub fn acl_entries(&self, token: &str) -> Value {
        let all = self.may(token, "/access", "Sys.Audit");
        let shown = |entry: &&Value| {
            let path = entry["path"].as_str().unwrap_or_default();
            all || self.may(token, path, "Permissions.Modify")
        };
        self.acl.iter().filter(shown).cloned().collect()
    }

    /// What the schema's `check` asks for, and the token has not; in PVE's words.
    pub fn forbidden(
        &self,
        token: &str,
        permissions: &Value,
        parameters: &serde_json::Map<String, Value>,
    ) -> Option<String> {
        let check = permissions["check"]
            .as_array()
            .filter(|_| permissions.get("user").is_none())?;
        self.permitted(token, check, parameters).err()
    }

    /// `["perm", PATH, [RIGHTS], "any", 1, "require_param", NAME]`, or several with `and` or `or`
    /// (RPCEnvironment.pm, `exec_api2_perm_check`).
    fn permitted(
        &self,
        token: &str,
        check: &[Value],
        parameters: &serde_json::Map<String, Value>,
    ) -> Result<(), String> {
        let parts = || check.iter().skip(1).filter_map(Value::as_array);
        match check.first().and_then(Value::as_str) {
            Some("and") => parts().try_for_each(|part| self.permitted(token, part, parameters)),
            Some("or") if parts().any(|part| self.permitted(token, part, parameters).is_ok()) => {
                Ok(())
            }
            Some("or") => Err("Permission check failed".into()),
            _ => self.permitted_by(token, check, parameters),
        }
    }

    fn permitted_by(
        &self,
        token: &str,
        check: &[Value],
        parameters: &serde_json::Map<String, Value>,
    ) -> Result<(), String> {
        let mut path = check
            .get(1)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        for (name, value) in parameters {
            path = path.replace(&format!("{{{name}}}"), &crate::schema::text(value));
        }
        let rights = check.get(2).and_then(Value::as_array);
        let rights: Vec<&str> = rights
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let tree = path.trim_end_matches('/');
        let word = |word: &str| check.iter().position(|one| one == word);
        let missing = word("require_param")
            .and_then(|at| check.get(at + 1)?.as_str())
            .is_some_and(|name| !parameters.contains_key(name));
        let may = |right: &&str| self.may(token, tree, right);
        let ok = if word("any").is_some() {
            rights.iter().any(may)
        } else {
            rights.iter().all(may)
        };
        if ok && !missing {
            return Ok(());
        }
        Err(format!(
            "Permission check failed ({path}, {})",
            rights.join("|")
        ))
    }
}
