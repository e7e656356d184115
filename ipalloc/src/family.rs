//! Which families of addresses a call is about: IPv4, IPv6 or both. A guest may have an address
//! of each; the key of an IPv6 one ends in `//6`.

use core::net::IpAddr;

use vmid::{
    guest,
    stream::{Record, Value},
};

use crate::{
    refused::{Code, Refused},
    span::Family,
};

/// The families that a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Families {
    /// IPv4 alone
    #[value(name = "4")]
    V4,
    /// IPv6 alone
    #[value(name = "6")]
    V6,
    /// One address of each, or none
    Both,
}

impl Families {
    /// The field `family` of a record: 4, 6 or `both`.
    ///
    /// # Errors
    ///
    /// [`Code::BadField`] if it is anything else.
    pub fn of(record: &Record<'_>) -> Result<Option<Self>, Refused> {
        let value = record.value("family");
        let text = match &value {
            Value::Absent | Value::Null => return Ok(None),
            Value::Number(text) => text.to_string(),
            Value::Text(text) => text.to_string(),
            other => guest::spelled(other).into_owned(),
        };
        match text.as_str() {
            "" => Ok(None),
            "4" => Ok(Some(Self::V4)),
            "6" => Ok(Some(Self::V6)),
            "both" => Ok(Some(Self::Both)),
            _ => {
                let message = format!("family: {text:?} is none of 4, 6 and \"both\"");
                Err(Refused::new(Code::BadField, message))
            }
        }
    }

    /// It is about addresses of that family.
    #[must_use]
    pub fn has(self, family: Family) -> bool {
        match self {
            Self::V4 => family == Family::V4,
            Self::V6 => family == Family::V6,
            Self::Both => true,
        }
    }

    /// It is about that address.
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        self.has(Family::of(address))
    }

    /// The one family, as people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
            Self::Both => "IPv4 and IPv6",
        }
    }
}

/// The options that name families.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Which {
    /// The family of the address, or both (all or nothing)
    #[arg(long, value_name = "WHICH")]
    pub family: Option<Families>,
    /// As --family 4
    #[arg(short = '4', conflicts_with_all = ["family", "six"])]
    pub four: bool,
    /// As --family 6
    #[arg(short = '6', conflicts_with = "family")]
    pub six: bool,
}

impl Which {
    /// What was asked for, if anything was.
    #[must_use]
    pub fn families(self) -> Option<Families> {
        match self {
            Self { four: true, .. } => Some(Families::V4),
            Self { six: true, .. } => Some(Families::V6),
            Self { family, .. } => family,
        }
    }
}
