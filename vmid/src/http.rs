//! HTTP as the tools need it: JSON to one server, with its token, and no surprises.
//!
//! Redirects are not followed, and a proxy only sees TLS, so a token goes to the host
//! that was named and to no other. A secret is never shown, not even by `Debug`.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::anyhow;
use ureq::{
    Agent,
    http::{HeaderName, HeaderValue, Request},
    unversioned::{
        resolver::DefaultResolver,
        transport::{ConnectProxyConnector, Connector as _, TcpConnector},
    },
};

use crate::{exit, span};

mod address;
mod answer;
mod core_dump;
mod route;
mod secret;
mod telling;
mod tls;
mod trouble;
mod wait;

pub use crate::trust::Fingerprint;
pub use answer::Answer;
pub use core_dump::forbid_core_dumps;
pub use route::Route;
pub use secret::Secret;
pub use tls::Trust;
use trouble::Circumstances;
use wait::Waiting;

/// The most that is read of an answer, in bytes; a page of 1000 addresses of NetBox has about 1 MB.
const ANSWER_LIMIT: u64 = 32 << 20;

/// How long a connection is kept; gunicorn, and so NetBox, closes it when it was idle for 2 s.
const KEPT: Duration = Duration::from_secs(1);

/// The shortest pause before a request that met 429 is sent again.
const BREATH: Duration = Duration::from_secs(1);

/// How long a connection is waited for, at most.
const CONNECTING: Duration = Duration::from_secs(10);

/// The shortest and the longest time that an answer may be waited for.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// How a connection is made; options that every tool with a server has.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fingerprint", "insecure"])]
    pub ca_cert: Option<PathBuf>,
    /// Trust the certificate with this SHA-256 fingerprint, and no other
    #[arg(long, value_name = "SHA256", value_parser = Fingerprint::parse, conflicts_with = "insecure")]
    pub fingerprint: Option<Fingerprint>,
    /// Trust any certificate
    #[arg(long)]
    pub insecure: bool,
    /// How long an answer is waited for: 1s to 1h
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span::between(PATIENCE.0, PATIENCE.1))]
    pub timeout: Duration,
    /// One line for each request on stderr
    #[arg(long, short)]
    pub verbose: bool,
}

/// A connection to one server.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    tool: &'static str,
    base: String,
    authorization: Secret,
    verbose: bool,
    here: Circumstances,
    waiting: Waiting,
    repeats_writes: bool,
    extra: Vec<(HeaderName, HeaderValue)>,
}

/// No answer: the request may have had its effect all the same.
#[derive(Debug)]
pub struct NoAnswer {
    /// What happened.
    pub cause: String,
    /// The server cannot have seen the request.
    pub unsent: bool,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for NoAnswer {}

impl Client {
    /// A client for what is below `base` (scheme, host, and perhaps a path), each
    /// request with the header `Authorization`.
    ///
    /// # Errors
    ///
    /// `base` is no address that a token may be sent to, or the trust cannot be set up.
    pub fn new(
        tool: &'static str,
        base: &str,
        authorization: Secret,
        options: &Options,
    ) -> anyhow::Result<Self> {
        Self::by(tool, base, authorization, options, &Route::default())
    }

    /// As [`Client::new`], through what stands on the way.
    ///
    /// # Errors
    ///
    /// As there, or the proxy is none that can be used.
    pub fn by(
        tool: &'static str,
        base: &str,
        authorization: Secret,
        options: &Options,
        route: &Route,
    ) -> anyhow::Result<Self> {
        let (base, uri) = address::checked(base)?;
        let proxy = route.proxy(&uri)?;
        let proxy_name = proxy
            .as_ref()
            .map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        let trust = trust(tool, options)?;
        // An http address needs none of it, and loading the system's takes milliseconds.
        let secured = uri.scheme_str() == Some("https");
        let trust = if secured { trust } else { Trust::Nothing };
        let place = options.ca_cert.as_ref().filter(|_| secured);
        let place = place.map_or_else(String::new, |file| format!("{}: ", file.display()));
        let (settings, refused) = tls::settings(&trust).map_err(|what| anyhow!("{place}{what}"))?;
        let connecting = options.timeout.min(CONNECTING);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .timeout_global(Some(options.timeout))
            .timeout_connect(Some(connecting))
            .max_idle_age(KEPT)
            .max_idle_connections_per_host(8) // as many as a tool has threads that ask
            .user_agent(concat!("pvx-tools/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(tls::TlsConnector(Arc::new(settings)));
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self {
            agent,
            tool,
            base: base.to_owned(),
            authorization,
            verbose: options.verbose,
            waiting: Waiting::default(),
            repeats_writes: false,
            extra: route.headers.clone(),
            here: Circumstances {
                host: uri.host().unwrap_or_default().to_owned(),
                patience: options.timeout,
                connecting,
                ca_cert: options.ca_cert.as_deref().map(Into::into),
                limit: ANSWER_LIMIT,
                refused,
                proxy: proxy_name,
            },
        })
    }

    /// The address that everything is below.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Requests that change something are sent again after 429 as well. That says that they were not
    /// carried out (RFC 6585, 4), if it is the server's own word and not that of something on the way.
    #[must_use]
    pub fn repeating_writes(self) -> Self {
        Self {
            repeats_writes: true,
            ..self
        }
    }

    /// Sends one request and reads its whole answer; `path` begins with a slash. A GET (see
    /// [`Client::repeating_writes`]) that is answered with 429 is sent again when the server takes it.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], which for anything but a GET leaves open what happened.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        loop {
            let result = self.send_once(method, path, headers, body);
            let repeats = method == "GET" || self.repeats_writes;
            let busy = |answer: &&Answer| repeats && answer.status == 429;
            let refused = result.as_ref().ok().filter(busy);
            if !refused.is_some_and(|answer| self.wait(answer, BREATH)) {
                return result;
            }
        }
    }

    /// Waits before a request is sent again: as long as `answer` wishes, but at least so long.
    /// False, and at once, where all that this client has waited would be more than a minute.
    #[must_use]
    pub fn wait(&self, answer: &Answer, least: Duration) -> bool {
        let wish = wait::wished(answer, SystemTime::now());
        let pause = wish.unwrap_or_default().max(least);
        let granted = self.waiting.grant(Instant::now(), pause);
        if granted {
            thread::sleep(pause);
        }
        granted
    }

    fn send_once(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        let started = Instant::now();
        let result = self.exchange(method, path, headers, body);
        if self.verbose {
            let outcome = match &result {
                Ok(answer) => format!("{} ({} bytes)", answer.status, answer.body.len()),
                Err(lost) => lost.cause.clone(),
            };
            let spent = started.elapsed().as_millis();
            exit::say(
                self.tool,
                &format!("{method} {}{path}: {outcome}, {spent} ms", self.base),
            );
        }
        result
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Accept", "application/json")
            .header("Authorization", self.authorization.reveal());
        let typed = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
        if body.is_some() && !typed {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.extra {
            request = request.header(name, value);
        }
        let malformed = |error| trouble::no_answer(&ureq::Error::Http(error), &self.here);
        let body = body.unwrap_or_default().to_owned();
        let request = request.body(body).map_err(malformed)?;
        // A kept connection may be closed by the server at any moment. A read that meets this
        // is repeated; of a write nobody would know what became of it, so it gets a new one.
        let reads = matches!(method, "GET" | "OPTIONS");
        let idle = if reads { KEPT } else { Duration::ZERO };
        let request = self.agent.configure_request(request).max_idle_age(idle);
        let sent = self.agent.run(request.build());
        let mut response = sent.map_err(|error| trouble::no_answer(&error, &self.here))?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = value.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        };
        let headers: Vec<_> = response.headers().iter().filter_map(text).collect();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_vec();
        let body = body.map_err(|error| NoAnswer {
            unsent: false,
            ..trouble::no_answer(&error, &self.here)
        })?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            body,
            location: String::new(),
            headers,
        };
        answer.location = answer.header("location").unwrap_or_default().to_owned();
        Ok(answer)
    }
}

fn trust(tool: &str, options: &Options) -> anyhow::Result<Trust> {
    if let Some(path) = &options.ca_cert {
        let unread = |error| anyhow!("{}: {}", path.display(), exit::reason(&error));
        let pem = fs::read(path).map_err(unread)?;
        return Ok(Trust::Authorities(pem));
    }
    if options.insecure {
        exit::say(
            tool,
            "warning: --insecure: anybody on the way can read the token and change the answers",
        );
        return Ok(Trust::Nothing);
    }
    Ok(options.fingerprint.map_or(Trust::System, Trust::Pinned))
}

/// A text as a part of a query: everything but letters, digits and `-._~` in percent form (RFC 3986).
#[must_use]
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod proxy_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
