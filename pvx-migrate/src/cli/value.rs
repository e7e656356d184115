//! Values of options, as they are written on the command line.

use jiff::SignedDuration;

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
    ratio.ok_or_else(|| "expected a number in 0.1..=100".to_owned())
}

/// How old a document may be.
pub(super) fn age(text: &str) -> Result<SignedDuration, String> {
    let age = text.parse::<SignedDuration>().ok();
    let age = age.filter(|age| !age.is_negative());
    age.ok_or_else(|| "expected a time such as 10m, 90s or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(age("10m"), Ok(SignedDuration::from_mins(10)));
        assert_eq!(pair("a:b"), Ok(("a".to_owned(), "b".to_owned())));
        for bad in ["", "10", "-1m", "10 parsecs"] {
            assert!(age(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a", "a:", ":b", "a:b:c"] {
            assert!(pair(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "0", "-1", "nan", "inf", "101"] {
            assert!(ratio(bad).is_err(), "{bad:?}");
        }
    }
}
