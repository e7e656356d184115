//! An HTTP answer: read from a connection, and out of the bytes that have come so far.

use std::io;

/// More would be an attack rather than a server.
const HEADERS: usize = 64;

/// The same, of interim answers before the real one.
const INTERIM: usize = 8;

/// What has come of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::probe) struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    /// As far as it has come, without the frames of chunks.
    pub body: Vec<u8>,
    /// The body is there to its end; never, if only the end of the connection tells.
    pub complete: bool,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(in crate::probe) enum Broken {
    /// The connection's fault.
    Connection(io::Error),
    /// It is no HTTP, or ends in its head.
    Answer(String),
    /// More came than is read; the answer as far as it came, if its head has an end.
    Long(Option<Answer>),
}

/// Reads an answer until it is `enough` or there to its end, and no more than `most` bytes of it.
///
/// # Errors
///
/// The connection broke, what came is no answer, or it is longer.
pub(in crate::probe) fn receive(
    stream: &mut impl io::Read,
    most: usize,
    enough: impl Fn(&Answer) -> bool,
) -> Result<Answer, Broken> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A TLS server that closes without saying so has said all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(Broken::Connection(error)),
        };
        bytes.extend_from_slice(&buffer[..read]);
        let answer = Answer::read(&bytes).map_err(Broken::Answer)?;
        let ended = read == 0;
        match answer {
            Some(answer) if ended || answer.complete || enough(&answer) => return Ok(answer),
            None if ended && bytes.is_empty() => {
                return Err(Broken::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
            None if ended => {
                return Err(Broken::Answer("the answer ends in its head".to_owned()));
            }
            answer if bytes.len() > most => return Err(Broken::Long(answer)),
            _ => {}
        }
    }
}

/// What is wrong with the head of an answer.
fn no_http(error: httparse::Error) -> String {
    use httparse::Error as Bad;
    match error {
        Bad::TooManyHeaders => format!("its answer has more than {HEADERS} header lines"),
        Bad::HeaderName | Bad::HeaderValue => {
            "no HTTP answer: a header line is against the rules".to_owned()
        }
        Bad::Status => "no HTTP answer: its status is no number of three digits".to_owned(),
        Bad::Version | Bad::NewLine | Bad::Token => {
            "no HTTP answer: its first line is of another protocol".to_owned()
        }
    }
}

impl Answer {
    /// None, if its head isn't there to its end.
    ///
    /// # Errors
    ///
    /// It is no HTTP.
    pub(in crate::probe) fn read(mut bytes: &[u8]) -> Result<Option<Self>, String> {
        for _ in 0..=INTERIM {
            match Self::next(bytes)? {
                // An interim answer (RFC 9110, 15.2).
                Some((answer, rest))
                    if (100..200).contains(&answer.status) && answer.status != 101 =>
                {
                    bytes = rest;
                }
                next => return Ok(next.map(|(answer, _)| answer)),
            }
        }
        Err(format!("more than {INTERIM} interim answers"))
    }

    /// The first answer, and what is behind its head.
    fn next(bytes: &[u8]) -> Result<Option<(Self, &[u8])>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let parse = parsed.parse(bytes);
        let end = match parse.map_err(no_http)? {
            httparse::Status::Complete(end) => end,
            httparse::Status::Partial => return Ok(None),
        };
        let status = parsed.code.unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let headers = parsed.headers.iter();
        let mut answer = Self {
            status,
            headers: headers
                .map(|h| (h.name.to_owned(), text(h.value)))
                .collect(),
            ..Self::default()
        };
        let rest = &bytes[end..];
        let chunked = answer.header("transfer-encoding");
        let length = answer
            .header("content-length")
            .and_then(|text| text.parse::<usize>().ok());
        if chunked.is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked")) {
            (answer.body, answer.complete) = dechunked(rest);
        } else if let Some(length) = length {
            answer.body = rest[..rest.len().min(length)].to_vec();
            answer.complete = rest.len() >= length;
        } else {
            answer.body = rest.to_vec();
        }
        // There is nothing behind these heads (RFC 9110, 15.3.5 and 15.4.5).
        answer.complete |= matches!(answer.status, 204 | 304);
        Ok(Some((answer, rest)))
    }

    /// The value of the first header of that name.
    pub(in crate::probe) fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }
}

/// The content of the chunks that have come (RFC 9112, 7.1), and whether the last is there.
fn dechunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(rest) {
        if length == 0 {
            return (body, true);
        }
        rest = &rest[start..];
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        body.extend_from_slice(&rest[..rest.len().min(length)]);
        match rest.get(length.saturating_add(2)..) {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn heads_and_bodies() {
        #[rustfmt::skip]
        let cases = [
            ("no end of the head", "HTTP/1.1 200 OK\r\nX: y\r\n", None),
            ("nothing", "", None),
            ("length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", Some((200, "ok", true))),
            ("length, not there yet", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", Some((200, "ok", false))),
            ("to the end", "HTTP/1.0 404 No\r\n\r\nab", Some((404, "ab", false))),
            ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", Some((200, "abc", true))),
            ("half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Some((200, "ab", false))),
            ("a huge chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab", Some((200, "ab", false))),
            ("a status without a body", "HTTP/1.1 204 No\r\n\r\n", Some((204, "", true))),
            ("an interim answer", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", Some((204, "", true))),
        ];
        for (name, text, want) in cases {
            let got = Answer::read(text.as_bytes()).unwrap();
            let got = got.map(|a| (a.status, String::from_utf8(a.body).unwrap(), a.complete));
            let want = want.map(|(status, body, complete)| (status, body.to_owned(), complete));
            assert_eq!(got, want, "{name}");
        }
        // Each was a call of its own once, on a small stack.
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000);
        assert!(Answer::read(interim.as_bytes()).is_err());
        assert!(Answer::read(b"SSH-2.0-OpenSSH_9.2\r\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(head in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let start: &[u8] = if head { b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" } else { b"" };
            let _ = Answer::read(&[start, &bytes].concat());
        }
    }
}
