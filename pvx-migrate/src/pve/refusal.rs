//! Which failed answers say that a request was refused, so that it has changed nothing.
//!
//! Only Proxmox VE's own word does: pveproxy and pvedaemon refuse with 400 (parameters), 403
//! (privileges), 500 (the method died before its task) and 501 (no such method), and give the
//! reason in the body; a token that is not known gets a 401 without a body. All else may come from
//! a gateway, or from pveproxy itself when a node was too slow (its 59x), while the request is at
//! work.

use serde_json::Value;

/// The method had begun its task, and does not know what has become of it
/// (`PVE::RESTEnvironment::fork_worker`).
const UNSURE: &str = "got no worker upid";

/// Whether an answer with this status and body is a refusal.
pub(super) fn is_refusal(status: u16, body: &[u8]) -> bool {
    match status {
        401 => body.trim_ascii().is_empty(),
        400 | 403 | 500 | 501 => gives_a_reason(body),
        _ => false,
    }
}

fn gives_a_reason(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default().trim();
    let errors = body["errors"].as_object();
    (!message.is_empty() || errors.is_some_and(|errors| !errors.is_empty()))
        && !message.contains(UNSURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_word_of_proxmox_is_a_refusal() {
        const NO: bool = false;
        const PAGE: &str = "<html><body>Bad Gateway</body></html>";
        const WORDS: &str = r#"{"data":null,"message":"Too busy\n"}"#;
        #[rustfmt::skip]
        let cases: &[(&str, u16, &str, bool)] = &[
            ("wrong parameters",              400, r#"{"message":"Parameter verification failed.\n","errors":{"target":"invalid format"},"data":null}"#, true),
            ("errors alone",                  400, r#"{"errors":{"target":"target is local node."},"data":null}"#, true),
            ("no privilege",                  403, r#"{"data":null,"message":"Permission check failed (/vms/100, VM.Migrate)\n"}"#, true),
            ("no quorum",                     500, r#"{"message":"cluster not ready - no quorum?\n","data":null}"#, true),
            ("no such guest",                 500, r#"{"data":null,"message":"Configuration file 'nodes/a/lxc/9.conf' does not exist\n"}"#, true),
            ("no such method",                501, r#"{"message":"Method 'POST /x' not implemented","data":null}"#, true),
            ("a token that isn't known",      401, "", true),
            ("the same, with a line end",     401, "\n", true),

            ("a page of a gateway's login",   401, PAGE, NO),
            ("words of a gateway's login",    401, WORDS, NO),
            ("a page with 403",               403, PAGE, NO),
            ("a page with 400",               400, PAGE, NO),
            ("a page with 500",               500, PAGE, NO),
            ("500 and nothing else",          500, "", NO),
            ("501 and nothing else",          501, "", NO),
            ("JSON without a reason",         500, r#"{"data":null}"#, NO),
            ("a blank reason",                500, r#"{"data":null,"message":" \n"}"#, NO),
            ("a reason that is no text",      500, r#"{"data":null,"message":7}"#, NO),
            ("no errors",                     400, r#"{"data":null,"errors":{}}"#, NO),
            ("another kind of JSON",          500, "[]", NO),
            ("a body cut off",                500, r#"{"data":null,"message":"cluster no"#, NO),
            ("the worker that isn't heard of", 500, r#"{"message":"got no worker upid - start worker failed\n","data":null}"#, NO),
            ("not found",                     404, WORDS, NO),
            ("time-out of a gateway's",       408, WORDS, NO),
            ("too many requests",             429, WORDS, NO),
            ("a redirect",                    302, PAGE, NO),
            ("a redirect without a page",     307, "", NO),
            ("bad gateway",                   502, PAGE, NO),
            ("bad gateway, in JSON",          502, WORDS, NO),
            ("unavailable",                   503, WORDS, NO),
            ("gateway time-out",              504, PAGE, NO),
            ("the node is out of reach",      595, "", NO),
            ("the same, in words",            595, WORDS, NO),
            ("it was too slow",               596, WORDS, NO),
            ("a broken line",                 597, WORDS, NO),
            ("a broken answer",               598, WORDS, NO),
            ("anything else",                 599, WORDS, NO),
        ];
        for (name, status, body, want) in cases {
            assert_eq!(is_refusal(*status, body.as_bytes()), *want, "{name}");
        }
    }
}
