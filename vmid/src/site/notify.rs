//! Where jobs are told of: the channels, each by the file that holds its URL.
//!
//! The URLs are secrets, so they are not here, and nothing here reads the files.

use serde::{Deserialize, Serialize};

/// The channels; none: only the environment names some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Notify {
    /// `always`, `failure` or `change`.
    pub on: String,
    /// A Discord webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord: Option<Discord>,
    /// A topic of an ntfy server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ntfy: Option<Ntfy>,
    /// A healthchecks server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthchecks: Option<Healthchecks>,
    /// What Apprise speaks to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apprise: Option<Apprise>,
}

/// A Discord webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Discord {
    /// File with the webhook's URL.
    pub url_file: String,
}

/// A topic of an ntfy server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ntfy {
    /// File with the topic's URL.
    pub url_file: String,
    /// File with the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
}

/// A healthchecks server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Healthchecks {
    /// File with the ping URL.
    pub url_file: String,
}

/// What Apprise speaks to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Apprise {
    /// File with its URLs, one a line.
    pub urls_file: String,
}
