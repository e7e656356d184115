//! `setup`: the unique custom field that makes names race-free.

use serde_json::{Value, json};
use vmid::exit::{Answer, Stop};

use super::{NetBox, answer::FIELD};

/// What `setup` found or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The field was there, as it must be.
    Present,
    /// The field was made.
    Made,
    /// An admin has to act; the sentence says how.
    Refused(&'static str, String),
}

impl Setup {
    /// The answer that this is.
    #[must_use]
    pub fn answer(&self) -> Answer {
        Answer::no_if(matches!(self, Self::Refused(..)))
    }
}

/// Makes the custom field, unless it is there.
///
/// # Errors
///
/// NetBox cannot be reached, or answers with something else.
pub fn setup(netbox: &NetBox, dry_run: bool) -> Result<Setup, Stop> {
    let api = &netbox.api;
    // Without the right to see custom fields, an address still shows whether there is one.
    let found = api.page(&format!("/api/extras/custom-fields/?name={FIELD}"));
    if let Ok((fields, _)) = &found
        && let Some(field) = fields.iter().find(|field| field["name"] == FIELD)
    {
        return Ok(judged(field));
    }
    if found.is_err() && netbox.shows_field() {
        return Ok(Setup::Present);
    }
    let body = json!({
        "name": FIELD,
        "type": "text",
        "object_types": ["ipam.ipaddress"],
        "unique": true,
        "filter_logic": "exact",
        "label": "ipalloc key",
        "description": "Owner of the address; kept by ipalloc",
    });
    if dry_run {
        return Ok(Setup::Made);
    }
    let answered = api.post_field(&body)?;
    if answered.status == 201 {
        return Ok(Setup::Made);
    }
    if answered.status == 403 {
        let command = format!(
            "curl -f -H \"Authorization: {} $NETBOX_TOKEN\" -H 'Content-Type: application/json' -d {} \"$NETBOX_URL/api/extras/custom-fields/\"",
            api.keyword(),
            quoted(&body.to_string())
        );
        let message = format!("{}; an admin runs: {command}", api.complaint(&answered));
        return Ok(Setup::Refused("not-permitted", message));
    }
    // Another setup may have been faster.
    let again = api.page(&format!("/api/extras/custom-fields/?name={FIELD}"))?;
    match again.0.iter().find(|field| field["name"] == FIELD) {
        Some(field) => Ok(judged(field)),
        None => Err(api.denied(&answered, "POST", "/api/extras/custom-fields/")),
    }
}

/// A field of that name helps only if it is unique and searched for exactly.
fn judged(field: &Value) -> Setup {
    let types = field["object_types"].as_array();
    let on_addresses = types.is_some_and(|types| types.iter().any(|t| t == "ipam.ipaddress"));
    let wrong = if field["type"]["value"] != "text" {
        "is not of the type text"
    } else if !on_addresses {
        "is not one of IP addresses"
    } else if field["unique"] != true {
        "is not unique, so two runs at the same time could give one name two addresses"
    } else if field["filter_logic"]["value"] != "exact" {
        "is not filtered exactly"
    } else {
        return Setup::Present;
    };
    let message = format!("the custom field {FIELD} {wrong}; an admin changes that in NetBox");
    Setup::Refused("field-differs", message)
}

/// What an admin may paste into a shell, with the token left to the environment.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
