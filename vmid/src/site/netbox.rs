//! Where the site's guests are in NetBox.

use serde::{Deserialize, Serialize};

/// Their place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Netbox {
    /// The name of the cluster that their virtual machines are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}
