//! Rows out: each as it came, with what was decided about it.

use std::{
    io::{self, Write},
    time::Duration,
};

use vmid::stream::{Again, Lines, error_object};

use crate::{
    calendar::put,
    judge::Judged,
    list::List,
    retention::Fate,
    rule::Rule,
    why::{Context, put_why},
};

/// The fields of a marked row, in their order.
const FIELDS: [&str; 6] = ["mark", "reason", "count", "period", "because", "why"];

/// Writes rows of a list; the memory is used again.
#[derive(Debug)]
pub struct Rows<'a> {
    list: &'a List,
    judged: &'a Judged,
    within: Option<Duration>,
    tail: String,
    again: Again,
    tail_again: Again,
}

impl<'a> Rows<'a> {
    /// For a list that was judged, with `--keep-within`.
    #[must_use]
    pub fn new(list: &'a List, judged: &'a Judged, within: Option<Duration>) -> Self {
        Self {
            list,
            judged,
            within,
            tail: String::new(),
            again: Again::new(),
            tail_again: Again::new(),
        }
    }

    /// Writes the row with its mark, or with the error of its group; one that
    /// carried an error already goes out as it came.
    ///
    /// # Errors
    ///
    /// Those of `lines`.
    pub fn marked<W: Write>(&mut self, row: usize, lines: &mut Lines<W>) -> io::Result<()> {
        self.tail.clear();
        let Some(group) = self.list.rows[row].group() else {
            let (text, _) = self.list.pile.text(row);
            return lines.write(self.again.record(text), &[]);
        };
        if let Some(refusal) = &self.judged.refusals[group] {
            let error = error_object(refusal.code(), &refusal.to_string());
            self.tail.push_str(",\"error\":");
            self.tail.push_str(&error);
        } else {
            self.decided(row, group);
        }
        self.put(row, lines, &FIELDS)
    }

    /// Writes the row with raw members, a comma before each; those of `fields` that are
    /// not among them are dropped, if the row has them already.
    ///
    /// # Errors
    ///
    /// Those of `lines`.
    pub fn with<W: Write>(
        &mut self,
        row: usize,
        members: &str,
        fields: &[&str],
        lines: &mut Lines<W>,
    ) -> io::Result<()> {
        self.tail.clear();
        self.tail.push_str(members);
        self.put(row, lines, fields)
    }

    /// The sentence about a row that was decided.
    #[must_use]
    pub fn why(&mut self, row: usize) -> &str {
        self.tail.clear();
        if let Some(group) = self.list.rows[row].group() {
            self.put_why(row, group);
        }
        &self.tail
    }

    fn decided(&mut self, row: usize, group: usize) {
        let fate = self.judged.fates[row];
        self.tail.push_str(",\"mark\":\"");
        self.tail.push_str(fate.mark());
        self.tail.push('"');
        if let Some(reason) = reason(fate) {
            self.tail.push_str(",\"reason\":\"");
            self.tail.push_str(reason);
            self.tail.push('"');
        }
        if let Fate::Keep(_, count) = fate {
            self.tail.push_str(",\"count\":");
            put(&mut self.tail, count.into(), 1);
        }
        if let Some(rule) = Judged::rule(fate).filter(|&rule| rule != Rule::Last) {
            let period = self.judged.period(rule, self.list.rows[row].time);
            self.tail.push_str(",\"period\":\"");
            rule.put_period(&mut self.tail, period);
            self.tail.push('"');
        }
        if let Some((time, _)) = self.judged.other(fate) {
            self.tail.push_str(",\"because\":");
            put(&mut self.tail, time, 1);
        }
        self.tail.push_str(",\"why\":\"");
        self.put_why(row, group);
        self.tail.push('"');
    }

    fn put_why(&mut self, row: usize, group: usize) {
        let fate = self.judged.fates[row];
        let context = Context {
            keep: self.judged.keeps[group],
            within: self.within,
            other: self.judged.other(fate),
        };
        put_why(&mut self.tail, fate, &context);
    }

    fn put<W: Write>(
        &mut self,
        row: usize,
        lines: &mut Lines<W>,
        fields: &[&str],
    ) -> io::Result<()> {
        let (text, _) = self.list.pile.text(row);
        if !self.list.rows[row].clashes {
            return lines.extend(text, &self.tail);
        }
        let members = format!("{{{}}}", self.tail.strip_prefix(',').unwrap_or_default());
        let members = self.tail_again.record(&members);
        let record = self.again.record(text);
        let set: Vec<_> = members.fields().collect();
        // What an earlier run said must not look like what this one says.
        let stale = fields.iter().filter(|name| members.raw(name).is_none());
        lines.rewrite(record, &set, &stale.copied().collect::<Vec<_>>())
    }
}

/// The value of `reason`, where there is one.
#[must_use]
pub fn reason(fate: Fate) -> Option<&'static str> {
    Some(match fate {
        Fate::Protected | Fate::Partial => return None,
        Fate::KeepAll => "keep-all",
        Fate::NoPolicy => "no-policy",
        Fate::Keep(rule, _) => rule.keep_name(),
        Fate::InPlaceOfFailed | Fate::NewestVerified => "keep-verified",
        Fate::Within => "keep-within",
        Fate::Oldest(_) => "keep-oldest",
        Fate::Incomplete => "incomplete",
        Fate::Displaced(rule, _) => rule.name(),
        Fate::Covered(..) | Fate::Beyond(_) => "unmatched",
    })
}
