//! Values of options and words, as they are written on the command line.

use std::{ops::RangeInclusive, time::Duration};

use vmid::{positional, span};

use crate::node_name;

/// The IDs that PVE gives to guests (`pve-vmid` of its API).
const VMIDS: RangeInclusive<u32> = 100..=999_999_999;

/// The longest time that makes sense as an age or a downtime.
const CENTURY: Duration = Duration::from_secs(36_600 * 86_400);

/// Two storages, `A:B`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.split_once(':').unwrap_or_default();
    if from.is_empty() || to.is_empty() || to.contains(':') {
        return Err("expected two storages, such as ssd-data:zdata".to_owned());
    }
    Ok((from.to_owned(), to.to_owned()))
}

/// How many times a node's memory may be given away: 0.1 to 100.
pub(super) fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse::<f64>().ok();
    let ratio = ratio.filter(|ratio| (0.1..=100.0).contains(ratio));
    ratio.ok_or_else(|| "expected a number from 0.1 to 100, such as 1.5".to_owned())
}

/// A part of something: 1% to 90%, never a bare number.
pub(super) fn percent(text: &str) -> Result<u8, String> {
    let number = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<u8>().ok());
    let number = number.filter(|number| (1..=90).contains(number));
    number.ok_or_else(|| "expected 1% to 90%, such as 10%".to_owned())
}

/// A length of time: `90s`, `10m`, `1h30m`, `30d`; never a bare number.
pub(super) fn time() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    span::between(Duration::ZERO, CENTURY)
}

/// A whole number from `least` to `most`.
pub(super) fn number<T>(
    least: T,
    most: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse::<T>().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
    }
}

/// A guest's ID.
pub(super) fn vmid(text: &str) -> Result<u32, String> {
    positional::word(text)?;
    let vmid = text.parse::<u32>().ok();
    let vmid = vmid.filter(|vmid| VMIDS.contains(vmid));
    let (least, most) = VMIDS.into_inner();
    vmid.ok_or_else(|| format!("a guest is named by its ID, a number from {least} to {most}"))
}

/// A node's name.
pub(super) fn node(text: &str) -> Result<String, String> {
    positional::word(text)?;
    node_name::check(text).map_err(|wrong| wrong.to_string())?;
    Ok(text.to_owned())
}

/// A word behind the node that is drained: mostly a file that should be on standard input.
pub(super) fn second_node(text: &str) -> Result<String, String> {
    positional::word(text)?;
    Err("one node is drained at a time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(time()("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(pair("a:b"), Ok(("a".to_owned(), "b".to_owned())));
        assert_eq!(vmid("100"), Ok(100));
        assert_eq!((percent("10%"), percent("90%")), (Ok(10), Ok(90)));
        for bad in ["", "10", "0%", "91%", "1.5%", "%", "-1%"] {
            assert!(percent(bad).is_err(), "{bad:?}");
        }
        assert_eq!(node("pve-a"), Ok("pve-a".to_owned()));
        assert_eq!(number(1_u8, 64)("64"), Ok(64));
        for bad in ["", "10", "-1m", "10 parsecs"] {
            assert!(time()(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a", "a:", ":b", "a:b:c"] {
            assert!(pair(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "0", "-1", "nan", "inf", "101"] {
            assert!(ratio(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "0", "65", "256", "1.5", "many"] {
            assert!(number(1_u8, 64)(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "99", "n8n", "1000000000", "101,201", "plan.jsonl"] {
            assert!(vmid(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "cluster.json", "./node2", "node 2"] {
            assert!(node(bad).is_err(), "{bad:?}");
        }
        assert!(second_node("plan.jsonl").is_err() && second_node("node3").is_err());
    }
}
