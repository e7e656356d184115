//! Questions to NetBox, believed only when they are answered.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use serde_json::Value;
use vmid::{
    exit::Stop,
    http::{Answer, Client, NoAnswer, percent},
};

use super::{
    answer::{self, FIELD, Record},
    version::{self, Known},
};

/// The longest list of values in a query: gunicorn takes request lines of 4094 bytes.
const QUERY_LIMIT: usize = 3000;

/// The most pages of one list: a million records, at NetBox's 1000 per page.
pub(super) const PAGES_LIMIT: usize = 1000;

/// Nobody sets MAX_PAGE_SIZE to less.
const SHORTEST: usize = 10;

/// How often a read is repeated that was cut off, or answered with 502, 503 or 504.
const READS_AGAIN: u32 = 3;

/// One page of a list.
pub(super) struct Page {
    pub results: Vec<Value>,
    /// The query of the next page, if there is one.
    pub next: Option<String>,
    /// How many results all pages have.
    pub count: Option<u64>,
}

/// NetBox, spoken to.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) client: Client,
    token: String,
    pub(super) message: String,
    /// The longest list that came in one answer.
    longest: Arc<AtomicUsize>,
    pub(super) version: Known,
}

impl Api {
    pub fn new(client: Client, token: String, message: String) -> Self {
        Self {
            client,
            token,
            message,
            longest: Arc::default(),
            version: Known::default(),
        }
    }

    /// What went wrong with a request.
    pub fn failed(&self, what: &str, path: &str) -> Stop {
        let path = path.split('?').next().unwrap_or_default();
        Stop::outside(anyhow!("{}{path}: {what}", self.client.base()))
    }

    /// One request; what its answer says of the server is noted.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        let answer = self.client.send(method, path, headers, body);
        if let Ok(answer) = &answer {
            self.version.learn(answer);
        }
        answer
    }

    /// One JSON document.
    pub fn get(&self, path: &str) -> Result<Value, Stop> {
        let answer = self.read(path)?;
        match answer.json() {
            Some(value) if answer.status == 200 => Ok(value),
            _ => Err(self.denied(&answer, "GET", path)),
        }
    }

    /// Whatever a read is answered with. A busy server drops connections, and one that is being
    /// restarted is a 502 to its proxy; to read again harms nobody.
    pub fn read(&self, path: &str) -> Result<Answer, Stop> {
        let mut attempt = 0;
        loop {
            let last = attempt == READS_AGAIN;
            attempt += 1;
            match self.send("GET", path, &[], None) {
                Ok(answer) if !last && matches!(answer.status, 502..=504) => {
                    if !self
                        .client
                        .wait(&answer, Duration::from_millis(250 << attempt))
                    {
                        return Ok(answer);
                    }
                }
                Ok(answer) if last && matches!(answer.status, 502..=504) => {
                    let what = self.complaint(&answer);
                    return Err(self.failed(&format!("{what}, {attempt} times"), path));
                }
                Ok(answer) => return Ok(answer),
                Err(error) if !last && !error.unsent => {
                    thread::sleep(Duration::from_millis(50 << attempt));
                }
                Err(error) => {
                    let cause = anyhow::Error::new(error).context(self.client.base().to_owned());
                    return Err(Stop::outside(cause));
                }
            }
        }
    }

    /// One page of a list, and the query of the next.
    pub fn page(&self, path: &str) -> Result<(Vec<Value>, Option<String>), Stop> {
        let page = self.one_page(path)?;
        Ok((page.results, page.next))
    }

    /// Who asks for more results gets at least so many at once, if there are so many: NetBox cuts
    /// lists at its MAX_PAGE_SIZE, and does not say so of those that have no pages.
    pub fn page_size(&self) -> usize {
        self.longest.load(Ordering::Relaxed).max(SHORTEST)
    }

    pub fn one_page(&self, path: &str) -> Result<Page, Stop> {
        let mut value = self.get(path)?;
        let next = value.get("next").and_then(Value::as_str);
        let next = next.and_then(|next| next.split_once('?'));
        let next = next.map(|(_, query)| query.to_owned());
        let count = value.get("count").and_then(Value::as_u64);
        match value.get_mut("results").map(Value::take) {
            Some(Value::Array(results)) => {
                self.longest.fetch_max(results.len(), Ordering::Relaxed);
                Ok(Page {
                    results,
                    next,
                    count,
                })
            }
            _ => Err(self.failed("the answer is no list of results; is this NetBox?", path)),
        }
    }

    /// The addresses that one of `values` selects by the filter `name`, and for which
    /// `fits` agrees. NetBox ignores a filter that it does not know and answers with everything.
    pub fn filtered(
        &self,
        name: &str,
        values: &[String],
        fits: impl Fn(&Record) -> bool + Sync,
    ) -> Result<Vec<Record>, Stop> {
        let mut records: Vec<Record> = Vec::new();
        let mut seen = HashSet::new();
        for query in queries(name, values) {
            let path = format!(
                "/api/ipam/ip-addresses/?limit=1000&fields={}{query}",
                answer::ADDRESS_FIELDS
            );
            let check = |value: &Value| match answer::record(value)? {
                record if fits(&record) => Ok(()),
                record => Err(not_honoured(name, &record.entry)),
            };
            for value in self.list_of(&path, &check)? {
                let record = answer::record(&value).map_err(|what| self.failed(&what, &path))?;
                if seen.insert(record.entry.id) {
                    records.push(record);
                }
            }
        }
        Ok(records)
    }

    /// The records that have one of `keys` in the custom field.
    pub fn by_keys(&self, keys: &[String]) -> Result<Vec<Record>, Stop> {
        let asked: HashSet<&str> = keys.iter().map(String::as_str).collect();
        // A field whose filter is loose finds parts of keys, too; those are no wrong answers.
        let near = |record: &Record| {
            let key = record.entry.key.as_deref().unwrap_or_default();
            keys.iter()
                .any(|asked| key.to_lowercase().contains(&asked.to_lowercase()))
        };
        let mut records = self.filtered(&format!("cf_{FIELD}"), keys, near)?;
        records.retain(|record| {
            record
                .entry
                .key
                .as_deref()
                .is_some_and(|key| asked.contains(key))
        });
        Ok(records)
    }

    /// The records whose keys begin with one of `begins`.
    pub fn by_begins_of_keys(&self, begins: &[String]) -> Result<Vec<Record>, Stop> {
        if begins.is_empty() {
            return Ok(Vec::new());
        }
        let key = |record: &Record| {
            record
                .entry
                .key
                .as_deref()
                .unwrap_or_default()
                .to_lowercase()
        };
        // NetBox has this filter of a field that is filtered exactly, not of a loose one, whose own
        // finds parts of keys instead. No key begins with a slash, so whatever comes for that
        // says that the filter is ignored.
        let exact = format!("cf_{FIELD}__isw");
        let nothing = format!("/api/ipam/ip-addresses/?limit=1&fields=id&{exact}=%2F%2F");
        if self.page(&nothing)?.0.is_empty() {
            let fits = |record: &Record| begins.iter().any(|b| key(record).starts_with(b));
            return self.filtered(&exact, begins, fits);
        }
        let near = |record: &Record| begins.iter().any(|b| key(record).contains(b));
        self.filtered(&format!("cf_{FIELD}"), begins, near)
    }

    /// A refused request as an error. Who has a token that may not do this asks for the wrong
    /// thing, and no retry helps; of a write without permission the reason is asked for.
    pub fn denied(&self, answer: &Answer, method: &str, path: &str) -> Stop {
        let mut what = self.complaint(answer);
        if answer.status == 403 && method != "GET" && what.contains("may not do this") {
            what = format!("{what} ({})", self.why_denied(method));
        }
        let stop = self.failed(&what, path);
        if matches!(answer.status, 401 | 403) && answer.json().is_some() {
            return Stop::input(anyhow!("{stop}"));
        }
        stop
    }

    /// What stands before a token in the header: that of this token's kind. The admin's may be of
    /// the other one, but a server that knows both takes either word for either.
    pub fn keyword(&self) -> &'static str {
        keyword(&self.token)
    }

    /// What an answer says is wrong, on one line.
    pub fn complaint(&self, answer: &Answer) -> String {
        let said = answer::complaint(answer);
        let old = version::without_bearer(answer).filter(|_| self.token.starts_with("nbt_"));
        match old {
            Some((major, minor)) if answer.status == 403 => format!(
                "denied, NetBox {major}.{minor} knows tokens of version 1 only, and this one (nbt_...) is of version 2: {}",
                answer.words().unwrap_or_default()
            ),
            _ => said,
        }
    }

    /// NetBox says the same of a read-only token, a missing permission and one
    /// that does not cover the object; its other answers tell them apart.
    fn why_denied(&self, method: &str) -> &'static str {
        let key = self
            .token
            .strip_prefix("nbt_")
            .and_then(|rest| rest.split('.').next());
        let query = key.map(|key| format!("/api/users/tokens/?key={}", percent(key)));
        let own = query
            .and_then(|query| self.page(&query).ok())
            .map(|(tokens, _)| tokens);
        let read_only = |token: &Value| {
            token["key"].as_str() == key && token["write_enabled"].as_bool() == Some(false)
        };
        if own.is_some_and(|tokens| tokens.iter().any(read_only)) {
            return "the token is read-only";
        }
        let options = self.send("OPTIONS", "/api/ipam/ip-addresses/", &[], None);
        let actions = options.ok().and_then(|answer| answer.json());
        let may = actions.is_some_and(|value| value["actions"].get("POST").is_some());
        match (may, method) {
            (true, "POST") => "its permission does not cover this address: a constraint",
            (true, _) => "a constraint, or it may add but not change or delete",
            (false, _) => "it has no permission for it, or the token is read-only",
        }
    }
}

/// A filter that NetBox does not know is ignored by it.
pub(super) fn not_honoured(filter: &str, came: &dyn fmt::Display) -> String {
    format!("the filter {filter} was not honoured: {came} came, too")
}

/// Tokens of version 2 (NetBox 4.5 and later) are told by their beginning.
pub(super) fn keyword(token: &str) -> &'static str {
    if token.starts_with("nbt_") {
        "Bearer"
    } else {
        "Token"
    }
}

/// The queries that ask for all `values`, each short enough.
pub(super) fn queries(name: &str, values: &[String]) -> Vec<String> {
    let mut queries: Vec<String> = Vec::new();
    for value in values {
        let part = format!("&{name}={}", percent(value));
        match queries.last_mut() {
            Some(query) if query.len() + part.len() <= QUERY_LIMIT => query.push_str(&part),
            _ => queries.push(part),
        }
    }
    queries
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::{TcpListener, TcpStream},
    };

    use vmid::http::{Options, Secret};

    use super::*;

    /// A status and a body.
    pub type Reply = (u16, String);

    /// A NetBox whose answer to the request of that number, from 0, is `answer`.
    pub fn api(answer: impl Fn(usize) -> Reply + Send + 'static) -> Api {
        numbered(move |number, _| answer(number))
    }

    /// The same, by the path and query of the request as well.
    pub fn numbered(answer: impl Fn(usize, &str) -> Reply + Send + 'static) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let (status, body) = answer(number, &path_asked(&stream));
                let head = format!("Connection: close\r\nContent-Length: {}", body.len());
                let _ = write!(stream, "HTTP/1.1 {status} It\r\n{head}\r\n\r\n{body}");
            }
        });
        let options = Options {
            ca_cert: None,
            fingerprint: None,
            insecure: false,
            timeout: Duration::from_secs(60),
            verbose: false,
        };
        let secret = Secret::find(Some("HUNTER2"), None).unwrap().unwrap();
        let client = Client::new("ipalloc", &base, secret, &options).unwrap();
        Api::new(client, String::new(), String::new())
    }

    /// The path and query of the request, which is read to its end: where a body is left unread,
    /// the close resets the connection, and the answer may be lost.
    fn path_asked(stream: &TcpStream) -> String {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
        let lower = head.to_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        let _ = reader.read_exact(&mut body);
        head.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    fn page(count: usize, next: &str, id: usize) -> String {
        format!(r#"{{"count":{count},"next":"http://h/x/?{next}","results":[{{"id":{id}}}]}}"#)
    }

    fn last(count: usize, id: usize) -> String {
        format!(r#"{{"count":{count},"next":null,"results":[{{"id":{id}}}]}}"#)
    }

    #[test]
    fn a_list_has_an_end() {
        #[rustfmt::skip]
        let cases: &[(&str, fn(usize) -> String, Result<usize, &str>)] = &[
            ("at its count",       |n| page(3, &format!("o={n}"), n),         Ok(3)),
            ("at the last page",   |_| r#"{"count":9,"next":null,"results":[{}]}"#.to_owned(), Ok(1)),
            ("without a count",    |n| if n < 2 { format!(r#"{{"next":"/x/?o={n}","results":[{{}}]}}"#) } else { r#"{"next":null,"results":[{}]}"#.to_owned() }, Ok(3)),
            ("in a circle",        |n| page(9000, &format!("offset={}", n % 2), n), Err("the pages of a list lead in a circle")),
            ("at itself",          |n| page(9000, "limit=1", n),               Err("the pages of a list lead in a circle")),
            ("on and on",          |n| page(9000, &format!("o={n}"), n),      Err("a list of more than 1000 pages")),
            ("with empty pages",   |n| if n == 0 { page(9, "a", n) } else { r#"{"count":9,"next":"/x/?b","results":[]}"#.to_owned() }, Err("a page of a list is empty")),
            ("with one twice",     |n| if n == 0 { page(2, "offset=1", 7) } else { last(2, 7) }, Ok(1)),
            ("one added meanwhile", |n| match n { 0 => page(2, "offset=1", n), 1 => page(3, "offset=2", n), 3 => page(3, "offset=1", n), _ => last(3, n) }, Ok(3)),
            ("one added, no next", |n| match n { 0 => page(2, "offset=1", n), 1 => last(3, n), 2 => page(3, "offset=1", n), _ => last(3, n) }, Ok(3)),
            ("one gone meanwhile", |n| match n { 0 => page(3, "offset=1", n), 1 | 2 => last(2, 9), 3 => page(2, "offset=1", n), _ => last(2, 8) }, Ok(2)),
            ("never still",        |n| if n % 2 == 0 { page(2, "offset=1", n) } else { last(3, n) }, Ok(2)),
        ];
        for (name, answer, want) in cases {
            let answer = *answer;
            let got = api(move |number| (200, answer(number)))
                .list("/x/?limit=1")
                .map(|results| results.len());
            let got = got.map_err(|stop| stop.to_string());
            match (&got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{name}"),
                (Err(got), Err(want)) => assert!(got.ends_with(want), "{name}: {got}"),
                _ => panic!("{name}: {got:?}"),
            }
        }
    }
}
