//! Why a request is not granted: a stable code and a sentence that names the value and the rule.

use vmid::stream::error_object;

/// The codes of the `error` object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No address is left.
    Exhausted,
    /// The IPAM has no such prefix or range, or the request names none.
    NoPrefix,
    /// The site file has no such VLAN or prefix.
    NotInSite,
    /// Several prefixes fit.
    AmbiguousPrefix,
    /// The address or prefix is one that is never handed out.
    Excluded,
    /// The wanted address belongs to somebody else.
    AddressTaken,
    /// The name has another address already.
    NameTaken,
    /// The owner's address has another record, which keeps it.
    SharedAddress,
    /// An address without an owner bears this name.
    Unowned,
    /// ipalloc did not make what should be released.
    NotOurs,
    /// The record carries findings: it is the answer of an audit, not a list of what may go.
    HasFindings,
    /// The batch asks twice for one owner.
    DuplicateName,
    /// The name cannot be a host's.
    BadName,
    /// Another field holds what it cannot.
    BadField,
    /// NetBox has no such tag, or the token may not see it.
    UnknownTag,
    /// NetBox has no such tenant, or several, or the token may not see it.
    UnknownTenant,
    /// NetBox wants a field that the request does not have.
    MissingField,
    /// A rule of NetBox's own refuses a value.
    RefusedValue,
    /// A rule of NetBox's own, or what depends on the record, keeps it from being removed.
    Protected,
    /// The address is not, or cannot be, put onto the guest's virtual machine.
    AssignFailed,
    /// Nothing is wrong here, but elsewhere in the batch.
    Batch,
    /// The address was made, but lacks something that was asked for.
    Unfinished,
    /// The address was made, but could not be read back.
    Unverified,
    /// It cannot be found out whether the request was carried out.
    UnknownOutcome,
}

impl Code {
    /// What `changed` is beside it: nothing was, but for an address that was made and could not
    /// be read back, and where nobody knows.
    #[must_use]
    pub fn changed(self) -> &'static str {
        match self {
            Self::Unverified | Self::Unfinished => "true",
            Self::UnknownOutcome => "null",
            _ => "false",
        }
    }

    /// As it stands in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::NoPrefix => "no-prefix",
            Self::NotInSite => "not-in-site",
            Self::AmbiguousPrefix => "ambiguous-prefix",
            Self::Excluded => "excluded",
            Self::AddressTaken => "address-taken",
            Self::NameTaken => "name-taken",
            Self::SharedAddress => "shared-address",
            Self::Unowned => "unowned",
            Self::NotOurs => "not-ours",
            Self::HasFindings => "has-findings",
            Self::DuplicateName => "duplicate-name",
            Self::BadName => "bad-name",
            Self::BadField => "bad-field",
            Self::UnknownTag => "unknown-tag",
            Self::UnknownTenant => "unknown-tenant",
            Self::MissingField => "missing-field",
            Self::RefusedValue => "refused-value",
            Self::Protected => "protected",
            Self::AssignFailed => "assign-failed",
            Self::Batch => "batch",
            Self::Unfinished => "unfinished",
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

    /// As the `error` of an object that is written by hand.
    #[must_use]
    pub fn object(&self) -> String {
        error_object(self.code.as_str(), &self.message)
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
