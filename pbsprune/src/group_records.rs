//! A record per group: the counts that it is judged by, what it has, what goes, how old its newest are.
//!
//! A caller that asks a server for a second opinion learns the counts here, whatever
//! policy they come from.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use vmid::stream::{Lines, error_object, quote};

use crate::{judge::Judged, list::List, retention::Verification};

/// Writes a record for each group of `list`: `ns`, `backup-type`, `backup-id`, `keep` (the counts
/// above 0), `snapshots`, `removals`, `newest` (finished; null if none), `newest_verified`; and `error`.
///
/// # Errors
///
/// Those of `lines`.
pub fn write<W: Write>(list: &List, judged: &Judged, lines: &mut Lines<W>) -> io::Result<()> {
    for (group, name) in list.groups.iter().enumerate() {
        let (mut all, mut removed) = (0_u64, 0_u64);
        let (mut newest, mut verified) = (None, None);
        for row in judged.oldest_first(list, group) {
            all += 1;
            removed += u64::from(judged.fates[row].is_removed());
            let time = list.rows[row].time;
            if list.is_finished(row) {
                newest = Some(time);
            }
            if list.is_finished(row) && list.verification(row) == Verification::Good {
                verified = Some(time);
            }
        }
        let mut keep = String::new();
        for rule in judged.keeps[group].rules() {
            let comma = if keep.is_empty() { "" } else { "," };
            let rule_name = rule.keep_name().trim_start_matches("keep-");
            let count = judged.keeps[group].count(rule);
            let _ = write!(keep, "{comma}\"{rule_name}\":{count}"); // cannot fail: a String takes everything
        }
        let spelled = |time: Option<i64>| time.map_or("null".to_owned(), |time| time.to_string());
        let refusal = judged.refusals[group].map(|r| error_object(r.code(), &r.to_string()));
        let removed = if refusal.is_some() { 0 } else { removed };
        let fields = [
            ("ns", quote(&name.ns)),
            ("backup-type", quote(&name.kind)),
            ("backup-id", quote(&name.id)),
            ("keep", format!("{{{keep}}}")),
            ("snapshots", all.to_string()),
            ("removals", removed.to_string()),
            ("newest", spelled(newest)),
            ("newest_verified", spelled(verified)),
        ];
        let error = refusal.map(|error| ("error", error));
        let fields: Vec<_> = fields
            .iter()
            .chain(&error)
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        lines.own(&fields)?;
    }
    Ok(())
}
