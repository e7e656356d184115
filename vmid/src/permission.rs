//! Which privileges a token has on a path, as `/access/permissions` tells it.
//!
//! PVE lists the top paths and every path that has an entry of its own; a path that
//! is not listed has what the nearest listed one above it hands down.

use std::collections::BTreeMap;

/// Path of the access tree, privilege, and whether it is inherited below the path.
pub type Permissions = BTreeMap<String, BTreeMap<String, bool>>;

/// Whether the token has `privilege` on `path`.
#[must_use]
pub fn has(permissions: &Permissions, path: &str, privilege: &str) -> bool {
    if let Some(own) = permissions.get(path) {
        return own.contains_key(privilege);
    }
    let mut above = path;
    while let Some((parent, _)) = above.rsplit_once('/') {
        above = if parent.is_empty() { "/" } else { parent };
        if let Some(entry) = permissions.get(above) {
            return entry.get(privilege) == Some(&true);
        }
        if above == "/" {
            break;
        }
    }
    false
}

/// Whether the token has `privilege` on a guest, by its path or by its pool's.
#[must_use]
pub fn has_on_guest(
    permissions: &Permissions,
    vmid: u32,
    pool: Option<&str>,
    privilege: &str,
) -> bool {
    has(permissions, &format!("/vms/{vmid}"), privilege)
        || pool.is_some_and(|pool| {
            let entry = permissions.get(&format!("/pool/{pool}"));
            entry.is_some_and(|entry| entry.get(privilege) == Some(&true))
        })
}

/// Whether the token has `privilege` on every guest there may be: one that it may not
/// see is in no list, so an empty list proves something only then.
#[must_use]
pub fn has_on_all_guests(permissions: &Permissions, privilege: &str) -> bool {
    let inherited = permissions
        .get("/vms")
        .is_some_and(|entry| entry.get(privilege) == Some(&true));
    inherited
        && permissions
            .iter()
            .filter(|(path, _)| path.starts_with("/vms/"))
            .all(|(_, entry)| entry.contains_key(privilege))
}

/// Whether the token sees every storage there may be: Proxmox leaves those out of its lists on which
/// it has neither of these privileges.
#[must_use]
pub fn has_on_all_storages(permissions: &Permissions) -> bool {
    const SEEN_BY: [&str; 2] = ["Datastore.Audit", "Datastore.AllocateSpace"];
    let top = permissions.get("/storage");
    let inherited = SEEN_BY
        .iter()
        .any(|privilege| top.is_some_and(|entry| entry.get(*privilege) == Some(&true)));
    let mut own = permissions.iter();
    inherited
        && own.all(|(path, entry)| {
            let is_one = path.starts_with("/storage/");
            !is_one
                || SEEN_BY
                    .iter()
                    .any(|privilege| entry.contains_key(*privilege))
        })
}

/// Whether the token sees a bridge of the nodes: PVE leaves those out of its lists on
/// which it has neither of these privileges.
#[must_use]
pub fn sees_bridge(permissions: &Permissions, bridge: &str) -> bool {
    let path = format!("/sdn/zones/localnetwork/{bridge}");
    ["SDN.Audit", "SDN.Use"]
        .iter()
        .any(|privilege| has(permissions, &path, privilege))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Permissions {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn paths() {
        let all = r#"{"/":{"A":true},"/vms":{"A":true}}"#;
        #[rustfmt::skip]
        let cases = [
            ("on the path",               all,                                          "/vms",     true),
            ("handed down",               all,                                          "/vms/101", true),
            ("two levels down",           r#"{"/":{"A":true}}"#,                        "/vms/101", true),
            ("not handed down",           r#"{"/":{"A":true},"/vms":{"A":false}}"#,     "/vms/101", false),
            ("but held there",            r#"{"/vms":{"A":false}}"#,                    "/vms",     true),
            ("a guest of its own",        r#"{"/vms":{},"/vms/101":{"A":true}}"#,       "/vms/101", true),
            ("taken from one guest",      r#"{"/vms":{"A":true},"/vms/101":{"B":true}}"#, "/vms/101", false),
            ("another privilege",         r#"{"/":{"B":true}}"#,                        "/vms",     false),
            ("nothing at all",            "{}",                                         "/vms",     false),
        ];
        for (name, text, path, want) in cases {
            assert_eq!(has(&table(text), path, "A"), want, "{name}");
        }
    }

    #[test]
    fn guests() {
        #[rustfmt::skip]
        let cases = [
            ("all",                  r#"{"/vms":{"A":true}}"#,                                true,  true),
            ("through the pool",     r#"{"/vms":{},"/pool/p":{"A":true}}"#,                   true,  false),
            ("of another pool",      r#"{"/vms":{},"/pool/q":{"A":true}}"#,                   false, false),
            ("one is hidden",        r#"{"/vms":{"A":true},"/vms/7":{"B":true}}"#,            true,  false),
            ("not handed down",      r#"{"/vms":{"A":false}}"#,                               false, false),
        ];
        for (name, text, one, all) in cases {
            assert_eq!(
                has_on_guest(&table(text), 101, Some("p"), "A"),
                one,
                "{name}"
            );
            assert_eq!(has_on_all_guests(&table(text), "A"), all, "{name}");
        }
    }
}
