//! Roles that hosts share, of addresses that were chosen here.
//!
//! NetBox takes any number of records of an address if all of them have such a role, so two runs
//! that choose the same address would both get it. So the record is made without its role, which
//! nobody else can do for that address then, and gets the role by a change right after. In between
//! its comments say which: a run that ends there leaves to the next one what is to be done.

use crate::{
    ipam::{Change, Entry, SHARED_ROLES},
    labels::Labels,
    retired, shared,
};

/// What the line in the comments begins with; the role follows.
const MARK: &str = "ipalloc: gets the role ";

/// The comments of a new record that gets its role later; none if it can have it at once.
#[must_use]
pub fn comments(labels: &Labels) -> Option<String> {
    let role = labels.role.filter(|role| SHARED_ROLES.contains(role))?;
    Some(format!("{MARK}{role}"))
}

/// The role that a record is still to get.
#[must_use]
pub fn role(entry: &Entry) -> Option<&'static str> {
    if !entry.role.is_empty() || entry.key.is_none() {
        return None;
    }
    let mut lines = entry.comments.lines().rev();
    let named = lines.find_map(|line| line.trim().strip_prefix(MARK))?;
    SHARED_ROLES.into_iter().find(|role| *role == named)
}

/// The change that gives a record the role which it is still to get, and its status back if it
/// was retired meanwhile.
#[must_use]
pub fn completion(entry: &Entry) -> Option<Change> {
    let role = role(entry)?;
    let (comments, status) = match retired::revival(entry) {
        Some(Change::Mark(_, status, comments, _)) => (comments, Some(status)),
        _ => (entry.comments.clone(), None),
    };
    let lines = comments.lines();
    let kept = lines.filter(|line| !line.trim_start().starts_with(MARK));
    let comments = kept.collect::<Vec<_>>().join("\n");
    Some(Change::Complete(entry.id, role, comments, status))
}

/// The record that keeps the address of `entry`, which is still to get its role, if another one
/// does: an earlier one, or one whose owner lacks nothing and may have been told that it is its own.
#[must_use]
pub fn keeper<'a>(
    entry: &Entry,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Option<&'a Entry> {
    let is_done = |other: &Entry| other.key.is_some() && role(other).is_none();
    let besides = shared::besides(entry, entries);
    let keepers = besides.filter(|other| other.id < entry.id || is_done(other));
    keepers.min_by_key(|other| other.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ipam::EntryId, labels::ROLES, properties::sample};

    #[test]
    fn which_roles_come_later() {
        let labels = |role| Labels {
            role,
            ..Labels::default()
        };
        let later = |role: &&'static str| comments(&labels(Some(*role))).is_some();
        let of_all: Vec<&str> = ROLES.into_iter().filter(later).collect();
        assert_eq!(of_all, ["anycast", "vip", "vrrp", "hsrp", "glbp", "carp"]);
        assert_eq!(comments(&labels(None)), None);
    }

    #[test]
    fn what_is_still_to_be_done() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<(&'static str, &str)>)] = &[
            ("as it was made",     "10.0.0.2/24 key=a",          "ipalloc: gets the role vip",               Some(("vip", ""))),
            ("with other words",   "10.0.0.2/24 key=a",          "bought\nipalloc: gets the role carp\nlate", Some(("carp", "bought\nlate"))),
            ("done",               "10.0.0.2/24 key=a role=vip", "ipalloc: gets the role vip",               None),
            ("another by hand",    "10.0.0.2/24 key=a role=loopback", "ipalloc: gets the role vip",          None),
            ("no such role",       "10.0.0.2/24 key=a",          "ipalloc: gets the role web",               None),
            ("one of one's own",   "10.0.0.2/24 key=a",          "ipalloc: gets the role loopback",          None),
            ("nobody's",           "10.0.0.2/24",                "ipalloc: gets the role vip",               None),
            ("nothing to do",      "10.0.0.2/24 key=a",          "",                                         None),
        ];
        let retired = "10.0.0.2/24 key=a retired=2026-11-01";
        let mut entry = sample::view(&[retired]).entries.remove(0);
        entry.comments = format!("bought\nipalloc: gets the role vip\n{}", entry.comments);
        let both = Change::Complete(EntryId(1), "vip", "bought".to_owned(), Some("active"));
        assert_eq!(completion(&entry), Some(both), "retired meanwhile");
        for (name, line, comments, want) in cases {
            let mut entry = sample::view(&[line]).entries.remove(0);
            entry.comments = (*comments).to_owned();
            let want =
                want.map(|(role, kept)| Change::Complete(EntryId(1), role, kept.to_owned(), None));
            assert_eq!(completion(&entry), want, "{name}");
        }
    }
    #[test]
    fn who_keeps_the_address() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], Option<usize>)] = &[
            ("it alone",              &["10.0.0.2/24 key=a"],                               None),
            ("an earlier one",        &["10.0.0.2/24 role=vip", "10.0.0.2/24 key=a"],       Some(0)),
            ("a later guest's",       &["10.0.0.2/24 key=a", "10.0.0.2/24 key=b"],          Some(1)),
            ("one with its role",     &["10.0.0.2/24 key=a", "10.0.0.2/24 key=b role=vip"], Some(1)),
            ("a later one, nobody's", &["10.0.0.2/24 key=a", "10.0.0.2/24 role=vip"],       None),
        ];
        for (name, lines, want) in cases {
            let mut entries = sample::view(lines).entries;
            let is_own = |entry: &&mut Entry| entry.key.as_deref() == Some("a");
            let own = entries.iter_mut().find(is_own).unwrap();
            own.comments = "ipalloc: gets the role vip".to_owned();
            let own = own.clone();
            let kept = keeper(&own, &entries).map(|keeper| keeper.id);
            assert_eq!(kept, want.map(|at| entries[at].id), "{name}");
        }
        let mut two = sample::view(&["10.0.0.2/24 key=a", "10.0.0.2/24 key=b"]).entries;
        for entry in &mut two {
            entry.comments = "ipalloc: gets the role vip".to_owned();
        }
        assert_eq!(keeper(&two[0], &two), None, "the first of two of them");
    }
}
