//! What is wrong with a site file: everything at once, each with its place.

use std::fmt;

/// One thing that is wrong, and where: `vlans[1].brigde`, `is not known; near: bridge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the key; empty for the whole document.
    pub path: String,
    /// What is wrong with it, to be read behind the path.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.what);
        }
        write!(f, "{} {}", self.path, self.what)
    }
}

/// All that is wrong with a document, in its order; at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The one fault of a document as a whole.
    pub(crate) fn of_document(what: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add("", what);
        faults
    }

    /// One more.
    pub(crate) fn add(&mut self, path: impl Into<String>, what: impl Into<String>) {
        let (path, what) = (path.into(), what.into());
        self.0.push(Fault { path, what });
    }

    /// `value`, if nothing was found.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

/// All on one line, for where there is but one.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
