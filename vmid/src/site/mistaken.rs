//! What a document is that was named where a site or pairs were meant: one line that says so
//! helps more than a fault for each of its keys.

use serde_json::Value;

/// What `document` is, if it is one of another kind that people have at hand.
pub(super) fn told(document: &Value, meant: &str) -> Option<String> {
    let has = |name: &str| document.get(name).is_some();
    let what = if has("version") && has("guests") {
        "a state document of pvx-migrate state"
    } else if has("backup-type") || has("backup-time") {
        "a snapshot of Proxmox Backup Server"
    } else if has("vmid") && !has("members") {
        "a guest's record"
    } else if has("vlans") || has("storages") {
        "a site file, or a part of one"
    } else if (has("data") || has("results")) && !has("members") {
        "the answer of an API"
    } else {
        return None;
    };
    Some(format!("this is {what}, not {meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_documents() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"version":1,"nodes":[],"guests":[]}"#,  Some("this is a state document of pvx-migrate state, not a pair")),
            (r#"{"backup-type":"vm","backup-id":"1"}"#,  Some("this is a snapshot of Proxmox Backup Server, not a pair")),
            (r#"{"vmid":101,"name":"web"}"#,             Some("this is a guest's record, not a pair")),
            (r#"{"vlans":[]}"#,                          Some("this is a site file, or a part of one, not a pair")),
            (r#"{"data":[]}"#,                           Some("this is the answer of an API, not a pair")),
            (r#"{"name":"a","vmid":1,"members":[]}"#,    None),
            (r#"{"nmae":"a"}"#,                          None),
        ];
        for (text, want) in cases {
            let document = serde_json::from_str(text).unwrap();
            assert_eq!(told(&document, "a pair").as_deref(), want, "{text}");
        }
    }
}
