//! How bad a finding is, the same in all tools.

/// How bad. What is not known is worse than a warning, because anything may be behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Not as it ought to be: redundancy is lost, or will be.
    Warning,
    /// It could not be seen.
    Unknown,
    /// A service is down, data may be lost, two answer for one.
    Critical,
}

impl Severity {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }

    /// The status of a subject of which this is the worst finding.
    #[must_use]
    pub fn status(self) -> &'static str {
        match self {
            Self::Info => "ok",
            other => other.name(),
        }
    }
}
