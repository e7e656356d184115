//! Retired addresses: out of use, but not free yet.
//!
//! A freed address comes back at once, and the guest ID with it; then an old
//! guest's backups would mix with the new one's. So an address can be marked
//! first, with the time in its comments, and freed later.

use jiff::Timestamp;

use crate::{
    ipam::{Change, Entry},
    owner::Owner,
    span::Family,
};

/// What the line in the comments begins with; an RFC 3339 time follows.
const MARK: &str = "ipalloc: retired ";

/// When the entry was retired; none if it is not, or if nobody can tell.
#[must_use]
pub fn since(entry: &Entry) -> Option<Timestamp> {
    if entry.status != "deprecated" {
        return None;
    }
    entry
        .comments
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix(MARK)?.parse().ok())
}

/// The change that retires an entry; none if it is retired.
#[must_use]
pub fn retirement(entry: &Entry, owner: &Owner, now: Timestamp) -> Option<Change> {
    if since(entry).is_some() && entry.key.is_some() {
        return None;
    }
    let mut comments = without_mark(&entry.comments);
    if !comments.is_empty() {
        comments.push('\n');
    }
    comments.push_str(&format!("{MARK}{}", now.strftime("%Y-%m-%dT%H:%M:%SZ")));
    // What was nobody's is the owner's now, so that it can come back or be freed.
    let owner = owner.of_family(Family::of(entry.address));
    let key = entry.key.is_none().then(|| owner.key().to_owned());
    Some(Change::Mark(entry.id, "deprecated", comments, key))
}

/// The change that brings a retired entry back; none if it is not retired.
#[must_use]
pub fn revival(entry: &Entry) -> Option<Change> {
    since(entry)?;
    Some(Change::Mark(
        entry.id,
        "active",
        without_mark(&entry.comments),
        None,
    ))
}

fn without_mark(comments: &str) -> String {
    let kept = comments
        .lines()
        .filter(|line| !line.trim_start().starts_with(MARK));
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipam::{EntryId, Vrf};

    fn entry(status: &str, comments: &str) -> Entry {
        Entry {
            id: EntryId(7),
            address: "192.168.30.5".parse().unwrap(),
            length: 24,
            vrf: Vrf::GLOBAL,
            status: status.into(),
            role: String::new(),
            dns_name: "web".into(),
            key: Some("web".into()),
            comments: comments.into(),
            said: None,
        }
    }

    #[test]
    fn retired_and_back() {
        let web = Owner::new("web", None).unwrap();
        let now: Timestamp = "2026-11-22T01:02:03.9Z".parse().unwrap();
        let want = "bought 2024\nipalloc: retired 2026-11-22T01:02:03Z";
        let change = retirement(&entry("active", "bought 2024"), &web, now);
        assert_eq!(
            change,
            Some(Change::Mark(EntryId(7), "deprecated", want.into(), None))
        );
        let retired = entry("deprecated", want);
        assert_eq!(since(&retired).unwrap().to_string(), "2026-11-22T01:02:03Z");
        assert_eq!(retirement(&retired, &web, now), None, "once is enough");
        let back = Some(Change::Mark(
            EntryId(7),
            "active",
            "bought 2024".into(),
            None,
        ));
        assert_eq!(revival(&retired), back);
    }

    #[test]
    fn what_is_not_retired() {
        let line = "ipalloc: retired 2026-11-22T01:02:03Z";
        assert_eq!(
            revival(&entry("active", line)),
            None,
            "somebody made it active by hand"
        );
        assert_eq!(
            revival(&entry("deprecated", "")),
            None,
            "deprecated by somebody else"
        );
        assert_eq!(since(&entry("deprecated", "ipalloc: retired soon")), None);
    }
}
