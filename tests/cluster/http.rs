//! HTTP/1.1 with lengths: as much as the tools send, one thread per connection.

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value};

/// A request, with its parameters taken from query and body alike, as PVE does.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub authorization: String,
    pub parameters: Map<String, Value>,
}

/// What the client gets.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status, reason and body.
    Answer(u16, String, Value),
    /// Status and reason without a body, as PVE's 401 and 595 are.
    Empty(u16, String),
    /// A head and a body that may be shorter than the head has it; the connection ends.
    Raw(Vec<u8>, Vec<u8>),
    /// The connection ends without a word.
    Cut,
}

/// The next request of a connection; none at its end.
pub fn read(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next(), words.next());
    let (Some(method), Some(target)) = (method, target) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: decode(path),
        ..Request::default()
    };
    request.parameters.extend(form(query));
    let (mut length, mut kind) = (0, String::new());
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "content-type" => kind = value.to_owned(),
            "authorization" => request.authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    if kind.starts_with("application/json") && !body.is_empty() {
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => request.parameters.extend(fields),
            // PVE says 400 to what it cannot decode; a parameter nobody knows has that effect.
            _ => drop(
                request
                    .parameters
                    .insert("(body)".into(), "is no object".into()),
            ),
        }
    } else {
        request
            .parameters
            .extend(form(&String::from_utf8_lossy(&body)));
    }
    Ok(Some(request))
}

impl Reply {
    /// The status that the client reads; 0 if it reads none.
    pub fn status(&self) -> u16 {
        match self {
            Self::Answer(status, ..) | Self::Empty(status, _) => *status,
            Self::Raw(head, _) => {
                let head = String::from_utf8_lossy(head);
                let word = head.split(' ').nth(1);
                word.and_then(|word| word.parse().ok()).unwrap_or(0)
            }
            Self::Cut => 0,
        }
    }

    /// Head and body.
    pub fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let (status, reason, body) = match self {
            Self::Answer(status, reason, body) => (status, reason, body.to_string()),
            Self::Empty(status, reason) => (status, reason, String::new()),
            Self::Raw(head, body) => return (head.clone(), body.clone()),
            Self::Cut => return (Vec::new(), Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (head.into_bytes(), body.into_bytes())
    }
}

/// Sends a reply; false if the connection is to end.
pub fn write(to: &mut impl Write, reply: &Reply) -> io::Result<bool> {
    let (head, body) = reply.bytes();
    to.write_all(&[head, body].concat())?;
    to.flush()?;
    Ok(matches!(reply, Reply::Answer(..) | Reply::Empty(..)))
}

fn form(text: &str) -> impl Iterator<Item = (String, Value)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (
            decode(name),
            Value::String(decode(&value.replace('+', " "))),
        )
    })
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let code = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if bytes[at] == b'%' => {
                out.push(code);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
