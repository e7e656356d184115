//! What an audit appends to a record: findings, beside those of other audits.

use crate::stream::{Record, Value, error_object};

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable code.
    pub code: &'static str,
    /// The value, the rule it broke, and the other guests that are involved.
    pub message: String,
}

/// The value of a record's field `findings` after an audit that knows the codes `own`.
///
/// What another audit found stays, in its spelling and before ours; what an earlier
/// run of the same audit found is replaced. The second part is how many there are.
#[must_use]
pub fn appended(record: &Record<'_>, own: &[&str], findings: &[Finding]) -> (String, usize) {
    let mut all = others(record, own);
    all.extend(findings.iter().map(|f| error_object(f.code, &f.message)));
    (format!("[{}]", all.join(",")), all.len())
}

/// The findings in the record whose codes are not of `own`.
fn others(record: &Record<'_>, own: &[&str]) -> Vec<String> {
    let Value::Other(raw) = record.value("findings") else {
        return Vec::new();
    };
    let Ok(serde_json::Value::Array(found)) = serde_json::from_str(raw) else {
        return Vec::new();
    };
    let is_other = |found: &serde_json::Value| {
        let code = found["code"].as_str();
        code.is_some_and(|code| !own.contains(&code))
    };
    let others = found.into_iter().filter(is_other);
    others.map(|found| found.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    #[test]
    fn what_others_found_stays() {
        let new = Finding {
            code: "id-mismatch",
            message: "new".to_owned(),
        };
        let ours = r#"{"code":"id-mismatch","message":"new"}"#;
        let theirs = r#"{"code":"not-in-ipam","message":"theirs"}"#;
        let old = r#"{"code":"id-mismatch","message":"old"}"#;
        #[rustfmt::skip]
        let cases: &[(&str, String, String)] = &[
            ("no field",        "{}".to_owned(),                           format!("[{ours}]")),
            ("none found",      r#"{"findings":[]}"#.to_owned(),           format!("[{ours}]")),
            ("another audit's", format!("{{\"findings\":[{theirs}]}}"),     format!("[{theirs},{ours}]")),
            ("an earlier run's", format!("{{\"findings\":[{old},{theirs}]}}"), format!("[{theirs},{ours}]")),
            ("no findings",     r#"{"findings":"none"}"#.to_owned(),       format!("[{ours}]")),
            ("no codes",        r#"{"findings":[1,{}]}"#.to_owned(),       format!("[{ours}]")),
        ];
        for (name, text, want) in cases {
            let records = stream::parse(text.as_bytes()).unwrap();
            let own = ["id-mismatch", "no-address"];
            let (got, count) = appended(&records[0].record(), &own, std::slice::from_ref(&new));
            assert_eq!(got, *want, "{name}");
            assert_eq!(count, want.matches("code").count(), "{name}");
        }
    }
}
