//! A plan for people: who goes where, how long down, why; and the memory of the nodes.

use std::{
    io::{self, Write},
    time::Duration,
};

use vmid::{escape::escape, span, table::Table};

use super::{
    Plan,
    policy::Policy,
    record::{Action, Step},
    room,
};
use crate::{cluster::Cluster, size::human};

/// Width of a bar, in characters.
const WIDTH: u64 = 24;

/// Prints the plan as a table, and below it the memory of each node.
///
/// # Errors
///
/// Those of `out`.
pub fn table(
    cluster: &Cluster<'_>,
    policy: &Policy,
    plan: &Plan,
    out: &mut impl Write,
) -> io::Result<()> {
    let columns = [
        "vmid", "name", "type", "action", "from", "to", "down", "takes", "sent", "after", "why",
    ];
    let mut table = Table::new(columns);
    for step in &plan.steps {
        table.push(row(step));
    }
    table.print(out)?;
    writeln!(out)?;
    memory(cluster, policy, plan, out)
}

fn row(step: &Step) -> Vec<String> {
    let acts = step.action.acts();
    let seconds = |seconds: u64| {
        if acts {
            duration(seconds)
        } else {
            String::new()
        }
    };
    let action = match step.action {
        Action::Live => "live",
        Action::Restart => "restart",
        Action::Offline => "offline",
        Action::Ha => "ha",
        Action::Shutdown => "shutdown",
        Action::Leave => "leave",
        Action::Blocked => "BLOCKED",
    };
    // Of many it is enough to see that there are some.
    let after = match step.after.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [one, rest @ ..] => format!("{one} +{}", rest.len()),
    };
    let blockers: Vec<String> = step
        .blockers
        .iter()
        .map(|blocker| format!("{}: {}", blocker.code, blocker.message))
        .collect();
    let mut why = match step.action {
        Action::Blocked => blockers,
        _ => vec![step.reason.clone()],
    };
    let warnings = step.warnings.iter();
    why.extend(warnings.map(|warning| format!("warning: {}", warning.message)));
    let why = why.join("; ");
    vec![
        step.vmid.to_string(),
        step.name.clone(),
        step.kind.as_str().to_owned(),
        action.to_owned(),
        step.from.clone(),
        step.to.clone().unwrap_or_default(),
        seconds(step.downtime_s),
        seconds(step.duration_s),
        if acts && step.bytes > 0 {
            human(step.bytes)
        } else {
            String::new()
        },
        after,
        why,
    ]
}

/// `45s`, `12m`, `3h 30m`, rounded up: what an estimate is good for.
fn duration(seconds: u64) -> String {
    let whole = match seconds {
        0..120 => 1,
        120..7200 => 60,
        _ => 600,
    };
    let rounded = seconds.div_ceil(whole).saturating_mul(whole);
    span::shown(Duration::from_secs(rounded))
}

fn memory(
    cluster: &Cluster<'_>,
    policy: &Policy,
    plan: &Plan,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "memory given to guests that run, of what is allowed ({} x what the node has):",
        policy.ram_ratio
    )?;
    let names = cluster
        .nodes()
        .iter()
        .map(|node| escape(&node.node).chars().count());
    let width = names.max().unwrap_or_default();
    for (at, &(before, after)) in plan.memory.iter().enumerate() {
        let node = &cluster.nodes()[at];
        let limit = room::memory_limit(cluster, policy, at);
        let state = match (node.online, node.maintenance) {
            (false, _) => "  offline",
            (_, true) => "  in maintenance",
            _ => "",
        };
        let name = escape(&node.node);
        let (first, second) = (bar(before, limit), bar(after, limit));
        writeln!(
            out,
            "{name:width$}  before {first} {} of {}{state}",
            human(before),
            human(limit)
        )?;
        writeln!(out, "{:width$}  after  {second} {}", "", human(after))?;
    }
    Ok(())
}

/// A bar of [`WIDTH`] characters; `!` at its end where more is given than allowed.
fn bar(value: u64, limit: u64) -> String {
    let filled = if limit == 0 {
        0
    } else {
        let filled = u128::from(value) * u128::from(WIDTH) / u128::from(limit);
        u64::try_from(filled).unwrap_or(WIDTH).min(WIDTH)
    };
    // What is there at all shows.
    let filled = if value > 0 { filled.max(1) } else { 0 };
    let mark = if value > limit { '!' } else { ' ' };
    let (filled, rest) = (filled as usize, (WIDTH - filled) as usize);
    format!("{}{}{mark}", "#".repeat(filled), ".".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        #[rustfmt::skip]
        let cases = [
            ("empty",            0,        24, "........................ "),
            ("a little shows",   1,    24_000, "#....................... "),
            ("half",             12,       24, "############............ "),
            ("full",             24,       24, "######################## "),
            ("too full",         25,       24, "########################!"),
            ("nothing allowed",  1,         0, "#.......................!"),
            ("huge",             u64::MAX, 24, "########################!"),
        ];
        for (name, value, limit, want) in cases {
            assert_eq!(bar(value, limit), want, "{name}");
        }
    }

    #[test]
    fn durations() {
        #[rustfmt::skip]
        let cases = [(0, "0s"), (59, "59s"), (119, "1m 59s"), (120, "2m"), (121, "3m"), (7199, "2h"), (7200, "2h"), (12_601, "3h 40m")];
        for (seconds, want) in cases {
            assert_eq!(duration(seconds), want);
        }
    }
}
