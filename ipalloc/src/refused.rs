//! Why a request is not granted: a stable code and a sentence that names the value and the rule.

/// The codes of the `error` object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No address is left.
    Exhausted,
    /// The IPAM has no such prefix or range, or the request names none.
    NoPrefix,
    /// Several prefixes fit.
    AmbiguousPrefix,
    /// The address or prefix is one that is never handed out.
    Excluded,
    /// The wanted address belongs to somebody else.
    AddressTaken,
    /// The name has another address already.
    NameTaken,
    /// An address without an owner bears this name.
    Unowned,
    /// ipalloc did not make what should be released.
    NotOurs,
    /// The batch asks twice for one owner.
    DuplicateName,
    /// The name cannot be a host's.
    BadName,
    /// Another field holds what it cannot.
    BadField,
    /// Nothing is wrong here, but elsewhere in the batch.
    Batch,
    /// The address was made, but could not be read back.
    Unverified,
    /// It cannot be found out whether the request was carried out.
    UnknownOutcome,
}

impl Code {
    /// As it stands in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::NoPrefix => "no-prefix",
            Self::AmbiguousPrefix => "ambiguous-prefix",
            Self::Excluded => "excluded",
            Self::AddressTaken => "address-taken",
            Self::NameTaken => "name-taken",
            Self::Unowned => "unowned",
            Self::NotOurs => "not-ours",
            Self::DuplicateName => "duplicate-name",
            Self::BadName => "bad-name",
            Self::BadField => "bad-field",
            Self::Batch => "batch",
            Self::Unverified => "unverified",
            Self::UnknownOutcome => "unknown-outcome",
        }
    }
}

/// A request that is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What kind of refusal.
    pub code: Code,
    /// The value and the rule it broke.
    pub message: String,
}

impl Refused {
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// What a sound request of a failed batch is told.
    #[must_use]
    pub fn batch() -> Self {
        Self::new(
            Code::Batch,
            "nothing was changed: another request of the batch failed",
        )
    }
}
