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
    /// The file of a form with parts.
    pub file: Option<Vec<u8>>,
    /// The body is longer than PVE reads one.
    pub too_large: bool,
}

/// The longest body but of an upload, in bytes: more than 466,893 and less than 628,893 (measured);
/// in between it is PVE::APIServer::AnyEvent's `$limit_max_post`.
const BODY: usize = 512 * 1024;

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
    add(&mut request.parameters, query, str_pair);
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
    if let Some(boundary) = kind
        .split_once("boundary=")
        .map(|(_, b)| b.trim_matches('"'))
    {
        parts(&mut request, &body, boundary);
    } else if body.len() > BODY {
        request.too_large = true;
    } else if kind.starts_with("application/json") && !body.is_empty() {
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
        add(
            &mut request.parameters,
            &String::from_utf8_lossy(&body),
            cut_pair,
        );
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

/// The pairs of a query or a form; a name that comes again makes a list of its values.
fn add(all: &mut Map<String, Value>, text: &str, pair: fn(&str) -> (&str, &str)) {
    for word in text.split('&').filter(|word| !word.is_empty()) {
        let (name, value) = pair(word);
        let value = Value::String(decode(&value.replace('+', " ")));
        let again = match all.remove(&decode(name)) {
            None => value,
            Some(Value::Array(mut list)) => {
                list.push(value);
                list.into()
            }
            Some(first) => vec![first, value].into(),
        };
        all.insert(decode(name), again);
    }
}

fn str_pair(word: &str) -> (&str, &str) {
    word.split_once('=').unwrap_or((word, ""))
}

/// In a body a second `=` ends the value (measured): it is to be sent as `%3D`.
fn cut_pair(word: &str) -> (&str, &str) {
    let mut parts = word.split('=');
    let name = parts.next().unwrap_or_default();
    (name, parts.next().unwrap_or_default())
}

/// A form with parts: what comes after the file PVE doesn't read.
fn parts(request: &mut Request, body: &[u8], boundary: &str) {
    let (line, end) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}"));
    let mut rest = body;
    while let Some(part) = rest.strip_prefix(line.as_bytes()) {
        let Some(head) = find(part, b"\r\n\r\n") else {
            return;
        };
        let Some(length) = find(&part[head + 4..], end.as_bytes()) else {
            return;
        };
        let from = head + 4;
        let (head, value) = (
            String::from_utf8_lossy(&part[..head]),
            &part[from..from + length],
        );
        let word = |name: &str| {
            let at = head.split_once(&format!(" {name}=\""))?.1;
            at.split_once('"').map(|(word, _)| word.to_owned())
        };
        let Some(name) = word("name") else { return };
        if let Some(filename) = word("filename") {
            request.parameters.insert(name, filename.into());
            request.file = Some(value.to_vec());
            return;
        }
        let value = String::from_utf8_lossy(value).into_owned();
        request.parameters.insert(name, value.into());
        rest = &part[from + length + 2..];
    }
}

fn find(all: &[u8], wanted: &[u8]) -> Option<usize> {
    all.windows(wanted.len()).position(|at| at == wanted)
}

pub fn decode(text: &str) -> String {
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
