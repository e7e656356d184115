//! HTTP/1.1 messages with a length, as NetBox and the tools send them: enough to ask,
//! to pass on, and to tamper.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// A request or a reply.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn request(method: &str, target: &str, authorization: &str, body: Option<&Value>) -> Self {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            start: format!("{method} {target} HTTP/1.1"),
            headers: vec![
                header("Host", "127.0.0.1"),
                header("Accept", "application/json"),
                header("Content-Type", "application/json"),
                header("Authorization", authorization),
            ],
            body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        }
    }

    pub fn reply(status: u16, kind: &str, body: &str) -> Self {
        Self {
            start: format!("HTTP/1.1 {status} X"),
            headers: vec![("Content-Type".into(), kind.into())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn word(&self, at: usize) -> &str {
        self.start.split(' ').nth(at).unwrap_or_default()
    }

    pub fn method(&self) -> &str {
        self.word(0)
    }

    pub fn target(&self) -> &str {
        self.word(1)
    }

    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The next one of a connection; none at its end.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut message = Self::default();
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        message.start = line.trim_end().to_owned();
        loop {
            line.clear();
            from.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            message
                .headers
                .push((name.to_owned(), value.trim().to_owned()));
        }
        let length = message
            .header("content-length")
            .map(|text| text.parse().unwrap_or(0));
        match length {
            Some(length) => {
                message.body = vec![0; length];
                from.read_exact(&mut message.body)?;
            }
            // A reply of HTTP/1.0 may end with its connection; a request without a length has no body.
            None if message.start.starts_with("HTTP/") && message.status() != 204 => {
                from.read_to_end(&mut message.body)?;
            }
            None => {}
        }
        message.headers.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !["content-length", "connection", "transfer-encoding"].contains(&name.as_str())
        });
        Ok(Some(message))
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(&self.body);
        bytes
    }
}

/// Sends a request to `host:port` on a connection of its own and reads the reply.
pub fn ask(address: &str, request: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    // Of HTTP/1.0, so that the reply is not sent in chunks.
    let old = Message {
        start: request.start.replace("HTTP/1.1", "HTTP/1.0"),
        ..request.clone()
    };
    stream.write_all(&old.bytes())?;
    let mut reply =
        Message::read(&mut BufReader::new(stream))?.ok_or(io::ErrorKind::UnexpectedEof)?;
    reply.start = reply.start.replace("HTTP/1.0", "HTTP/1.1");
    Ok(reply)
}
