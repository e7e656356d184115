//! The record of `hacheck check`, and what a section wants of it.

use std::process::Output;

use serde_json::Value;

/// What was said of one pair. Each `wants` panics with the whole record if it isn't so.
pub struct Verdict(pub Value);

impl Verdict {
    /// Of a run that came to its end; its exit code must fit the status.
    pub fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        let record: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"));
        let verdict = Self(record);
        let code = i32::from(verdict.status() != "ok");
        assert_eq!(output.status.code(), Some(code), "{}{said}", verdict.0);
        verdict
    }

    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap()
    }

    pub fn findings(&self) -> impl Iterator<Item = &Value> {
        self.0["findings"].as_array().unwrap().iter()
    }

    /// The findings of that code, and how bad each is.
    pub fn all(&self, code: &str) -> Vec<&Value> {
        self.findings()
            .filter(|finding| finding["code"] == code)
            .collect()
    }

    pub fn wants_status(&self, status: &str) -> &Self {
        assert_eq!(self.status(), status, "{}", self.told());
        self
    }

    pub fn wants_holder(&self, holder: &str, by: &[&str]) -> &Self {
        assert_eq!(self.0["holder"], *holder, "{}", self.told());
        let found = self.0["holder_by"].as_str().unwrap_or_default();
        assert!(by.contains(&found), "by {found}: {}", self.told());
        self
    }

    /// There is a finding of that code and severity, seen by all of these.
    pub fn wants(&self, code: &str, severity: &str, seen_by: &[&str]) -> &Self {
        let eyes = |finding: &Value| {
            let saw = finding["seen_by"].as_array().unwrap();
            seen_by.iter().all(|eye| saw.iter().any(|saw| saw == eye))
        };
        let fits = |finding: &&Value| finding["severity"] == severity && eyes(finding);
        assert!(
            self.all(code).iter().any(fits),
            "no {severity} {code} seen by {seen_by:?}: {}",
            self.told()
        );
        self
    }

    /// The one of these codes that there is, and that it is critical.
    pub fn wants_one_of(&self, codes: &[&str], seen_by: &[&str]) -> &Self {
        let found = codes.iter().find(|code| !self.all(code).is_empty());
        let found = found.unwrap_or_else(|| panic!("none of {codes:?}: {}", self.told()));
        self.wants(found, "critical", seen_by)
    }

    /// Some finding of that code says this.
    pub fn wants_message(&self, code: &str, part: &str) -> &Self {
        let says = |finding: &&Value| finding["message"].as_str().unwrap().contains(part);
        assert!(
            self.all(code).iter().any(says),
            "no {code} says {part:?}: {}",
            self.told()
        );
        self
    }

    /// There is none of these.
    pub fn lacks(&self, codes: &[&str]) -> &Self {
        for code in codes {
            assert!(self.all(code).is_empty(), "{code}: {}", self.told());
        }
        self
    }

    /// There is nothing but this.
    pub fn wants_only(&self, codes: &[&str]) -> &Self {
        let strange: Vec<&Value> = self
            .findings()
            .filter(|finding| !codes.iter().any(|code| finding["code"] == *code))
            .collect();
        assert!(strange.is_empty(), "not only {codes:?}: {}", self.told());
        self
    }

    fn told(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap()
    }
}
