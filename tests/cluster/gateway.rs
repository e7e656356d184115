//! Answers that are not the API's: of a gateway before it, of a node's own proxy, or none.
//!
//! `{"fault": "reply", "match": "METHOD PATTERN", "acts"?, "status"?, "message"?, "form"?}`. With
//! `acts` the request has its effect all the same. Forms: `json` (if there is a status), `html`,
//! `empty`, `redirect`, `half` (the real answer, cut off in its middle), `cut` (otherwise).

use serde_json::json;

use crate::{
    http::{Reply, Request},
    world::World,
};

/// The answer instead of the real one, and whether the request still has its effect.
pub struct Instead {
    pub acts: bool,
    reply: Option<Reply>,
}

impl Instead {
    /// What is sent, given the answer that would have been.
    pub fn of(self, real: Reply) -> Reply {
        let Some(reply) = self.reply else {
            let (head, body) = real.bytes();
            let half = body.len() / 2;
            return Reply::Raw(head, body[..half].to_vec());
        };
        reply
    }
}

impl World {
    /// The fault of this request, if it has one.
    pub fn reply_fault(&mut self, request: &Request) -> Option<Instead> {
        let line = format!("{} {}", request.method, request.path);
        self.arm_by_request(&line);
        self.no_worker = self.fault_of_request("no-worker", &line).is_some();
        let fault = self.fault_of_request("reply", &line)?;
        let word = |name: &str| fault[name].as_str().map(str::to_owned);
        let status = fault["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| *status > 0);
        let otherwise = if status.is_some() { "json" } else { "cut" };
        let form = word("form").unwrap_or_else(|| otherwise.to_owned());
        let status = status.unwrap_or(if form == "redirect" { 302 } else { 200 });
        let message = word("message").unwrap_or_else(|| reason(status).to_owned());
        let reply = match form.as_str() {
            "json" => Some(Reply::Answer(
                status,
                message.clone(),
                json!({"data": null, "message": format!("{message}\n")}),
            )),
            "html" => Some(html(status, &message, "")),
            "redirect" => Some(html(
                status,
                &message,
                "Location: https://login.example.net/\r\n",
            )),
            "empty" => Some(Reply::Empty(status, message)),
            "half" => None,
            _ => Some(Reply::Cut),
        };
        let acts = fault["acts"] == true || form == "half";
        Some(Instead { acts, reply })
    }
}

fn html(status: u16, reason: &str, more: &str) -> Reply {
    let body = format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nServer: nginx\r\nContent-Type: text/html\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    Reply::Raw(head.into_bytes(), body.into_bytes())
}

/// The words of nginx, and of a node's own proxy (AnyEvent::HTTP) for 595 to 599.
fn reason(status: u16) -> &'static str {
    match status {
        302 => "Moved Temporarily",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        595 | 596 => "Connection timed out",
        597 => "Broken pipe",
        598 => "Timed out",
        _ => "Too busy",
    }
}
