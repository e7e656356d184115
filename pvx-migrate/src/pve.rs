//! The Proxmox VE API: one cluster, a token, and answers that keep their HTTP status.
//!
//! A 501 (older PVE), a 400 (unknown parameter), a 403 (missing privilege) and a 595
//! (node unreachable) mean different things to the caller, so none of them is
//! flattened into "failed". Nothing is repeated here: what may be asked twice is for
//! the caller to know.

use std::fmt;

use anyhow::anyhow;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use vmid::{
    exit::Stop,
    http::{Answer, Client, NoAnswer, Options, Secret, percent},
};

use crate::unreadable::told;

mod refusal;

/// The port of pveproxy.
const PORT: u16 = 8006;

/// What the environment says of the cluster; read by `main`.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Its address, as it was written.
    pub endpoint: Option<String>,
    /// `user@realm!id=secret`, or a file with it.
    pub token: Option<String>,
    /// A file whose first line is the token.
    pub token_file: Option<String>,
    /// `user@realm!id`, where only the secret is kept apart.
    pub token_name: Option<String>,
    /// The secret to `token_name`.
    pub secret: Option<String>,
    /// A file whose first line is the secret.
    pub secret_file: Option<String>,
    /// A password is set, which this doesn't take.
    pub has_password: bool,
}

impl Environment {
    /// From the variables of the Terraform provider (`PROXMOX_VE_ENDPOINT`,
    /// `PROXMOX_VE_API_TOKEN`), else of Ansible (`PROXMOX_HOST`, `PROXMOX_USER`,
    /// `PROXMOX_TOKEN_ID`, `PROXMOX_TOKEN_SECRET`); the secrets also as `_FILE`.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let token_name = match (variable("PROXMOX_USER"), variable("PROXMOX_TOKEN_ID")) {
            // Ansible's token_id is the part behind the "!", but some write it whole.
            (_, Some(id)) if id.contains('!') => Some(id),
            (Some(user), Some(id)) => Some(format!("{user}!{id}")),
            _ => None,
        };
        Self {
            endpoint: variable("PROXMOX_VE_ENDPOINT").or_else(|| variable("PROXMOX_HOST")),
            token: variable("PROXMOX_VE_API_TOKEN"),
            token_file: variable("PROXMOX_VE_API_TOKEN_FILE"),
            token_name,
            secret: variable("PROXMOX_TOKEN_SECRET"),
            secret_file: variable("PROXMOX_TOKEN_SECRET_FILE"),
            has_password: ["PROXMOX_PASSWORD", "PROXMOX_VE_PASSWORD"]
                .iter()
                .any(|name| variable(name).is_some()),
        }
    }

    /// The header that is sent with each request, and whose token it is.
    fn header(&self) -> Result<(Secret, String), Stop> {
        let whole = Secret::find(self.token.as_deref(), self.token_file.as_deref());
        let token = match whole.map_err(Stop::input)? {
            Some(token) => Some(token.reveal().to_owned()),
            None => {
                let secret = Secret::find(self.secret.as_deref(), self.secret_file.as_deref());
                let secret = secret.map_err(Stop::input)?;
                self.token_name
                    .as_ref()
                    .zip(secret)
                    .map(|(name, secret)| format!("{name}={}", secret.reveal()))
            }
        };
        let hint = "set PROXMOX_VE_API_TOKEN (user@realm!id=secret), or PROXMOX_VE_API_TOKEN_FILE to a file that holds it";
        let token = token.ok_or_else(|| {
            let what = if self.has_password {
                "no API token: a password is set (PROXMOX_PASSWORD), and passwords aren't taken"
            } else {
                "no API token"
            };
            Stop::input(anyhow!(what)).hint(hint)
        })?;
        if !token.contains('!') || !token.contains('=') {
            let what = anyhow!("the API token has not the form user@realm!id=secret");
            return Err(Stop::input(what).hint(hint));
        }
        let user = token.split('=').next().unwrap_or_default().to_owned();
        let header = Secret::header(format!("PVEAPIToken={token}")).map_err(Stop::input)?;
        Ok((header, user))
    }

    fn base(&self) -> Result<String, Stop> {
        let hint = "set PROXMOX_VE_ENDPOINT to https://HOST:8006";
        let endpoint = self.endpoint.as_deref();
        let endpoint =
            endpoint.ok_or_else(|| Stop::input(anyhow!("no cluster is named")).hint(hint))?;
        Ok(base(endpoint))
    }
}

/// The address below which the API is: a bare host gets https and the port of pveproxy.
fn base(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    let endpoint = endpoint.strip_suffix("/api2/json").unwrap_or(endpoint);
    if endpoint.contains("://") {
        return endpoint.to_owned();
    }
    let host = if endpoint.parse::<core::net::Ipv6Addr>().is_ok() {
        format!("[{endpoint}]")
    } else {
        endpoint.to_owned()
    };
    let behind = host
        .rsplit_once(']')
        .map_or(&host[..], |(_, behind)| behind);
    if behind.contains(':') {
        format!("https://{host}")
    } else {
        format!("https://{host}:{PORT}")
    }
}

/// A cluster, spoken to through one of its nodes.
#[derive(Clone, Debug)]
pub struct Pve {
    client: Client,
    user: String,
}

/// A request that did not get what it asked for.
#[derive(Debug)]
pub enum Failure {
    /// The cluster answered, with this HTTP status and this message.
    Status {
        /// 400, 403, 500, 501, 595, ...
        status: u16,
        /// The status and PVE's own words on one line, with the parameters it complains of.
        message: String,
        /// PVE itself has refused the request, before it acted.
        refused: bool,
    },
    /// No answer came; a request that is not a GET may have had its effect all the same.
    Lost(NoAnswer),
    /// An answer that is not what the API's schema says; the path is for the caller to name.
    Strange(String),
}

impl Failure {
    /// The HTTP status, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The cluster cannot have acted: it refused, or never saw the request. Of any other failure
    /// only the cluster can tell what the request has done: its tasks, then the guest.
    #[must_use]
    pub fn had_no_effect(&self) -> bool {
        match self {
            Self::Status { refused, .. } => *refused,
            Self::Lost(lost) => lost.unsent,
            Self::Strange(_) => false,
        }
    }

    /// The cluster never saw the request, so it can be made again.
    #[must_use]
    pub fn was_unsent(&self) -> bool {
        matches!(self, Self::Lost(lost) if lost.unsent)
    }

    /// It was refused because the node has no quorum: `PVE::Cluster::check_cfs_quorum`.
    #[must_use]
    pub fn lacks_quorum(&self) -> bool {
        matches!(self, Self::Status { refused: true, message, .. } if message.contains("no quorum"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { message, .. } => f.write_str(message),
            Self::Lost(lost) => write!(f, "no answer: {lost}"),
            Self::Strange(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

impl Pve {
    /// Speaks to the cluster that the environment names.
    ///
    /// # Errors
    ///
    /// There is no address or no token, or the trust is unusable (the caller's fault).
    pub fn new(environment: &Environment, options: &Options) -> Result<Self, Stop> {
        let base = environment.base()?;
        let (header, user) = environment.header()?;
        let client = Client::new("pvx-migrate", &base, header, options).map_err(Stop::input)?;
        Ok(Self { client, user })
    }

    /// Whose requests these are, as UPIDs have it: `user@realm!id`.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The address of the cluster, for messages.
    #[must_use]
    pub fn base(&self) -> &str {
        self.client.base()
    }

    /// `data` of a GET; `path` begins with a slash, below `/api2/json`.
    ///
    /// # Errors
    ///
    /// Every [`Failure`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send("GET", path, None)
    }

    /// `data` of a POST with the parameters of `form`.
    ///
    /// # Errors
    ///
    /// Every [`Failure`]; see [`Failure::had_no_effect`].
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.send("POST", path, Some(&encode(form)))
    }

    /// `data` of a PUT with the parameters of `form`.
    ///
    /// # Errors
    ///
    /// Every [`Failure`]; see [`Failure::had_no_effect`].
    pub fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.send("PUT", path, Some(&encode(form)))
    }

    /// `data` of a DELETE.
    ///
    /// # Errors
    ///
    /// Every [`Failure`]; see [`Failure::had_no_effect`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send("DELETE", path, None)
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        form: Option<&str>,
    ) -> Result<T, Failure> {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let headers = if form.is_some() { &headers[..] } else { &[] };
        let path = format!("/api2/json{path}");
        let answer = self.client.send(method, &path, headers, form);
        let answer = answer.map_err(Failure::Lost)?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        let strange = |what: &str| Failure::Strange(what.to_owned());
        let envelope = serde_json::from_slice::<Envelope<'_>>(&answer.body);
        let envelope = envelope.map_err(|error| match answer.json() {
            Some(_) => strange(&told(&error)),
            None => strange(&answer.complaint()), // a page
        })?;
        // What is sent with many errors, and by what only stands in for a cluster. A write may be
        // answered so.
        let data = match envelope.data {
            Some(data) => data.get(),
            None if method == "GET" => return Err(strange("the answer has no data")),
            None => "null",
        };
        serde_json::from_str(data).map_err(|error| strange(&told(&error)))
    }
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The parameters as a form; the values are never part of a message.
fn encode(form: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
        .collect();
    pairs.join("&")
}

/// What PVE, or what stands before it, says against a request.
fn refusal(answer: &Answer) -> Failure {
    let status = answer.status;
    // Older PVE tells its reason in the status line alone, which is not kept.
    let body = answer.json().unwrap_or_default();
    let said = body.as_object().into_iter().flatten();
    let mut says_nothing = said.map(|(_, value)| value.is_null());
    let message = if body.is_object() && says_nothing.all(|nothing| nothing) {
        format!("status {status}")
    } else {
        answer.complaint()
    };
    Failure::Status {
        status,
        message,
        refused: refusal::is_refusal(status, &answer.body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        #[rustfmt::skip]
        let cases = [
            ("bare host",           "pve1",                         "https://pve1:8006"),
            ("host and port",       "pve1:443",                     "https://pve1:443"),
            ("IPv4",                "192.0.2.1",                    "https://192.0.2.1:8006"),
            ("IPv6",                "2001:db8::1",                  "https://[2001:db8::1]:8006"),
            ("IPv6 and port",       "[2001:db8::1]:443",            "https://[2001:db8::1]:443"),
            ("as Terraform has it", "https://pve1:8006/",           "https://pve1:8006"),
            ("with the API's path", "https://pve1:8006/api2/json/", "https://pve1:8006"),
            ("behind a proxy",      "https://pve.example",          "https://pve.example"),
        ];
        for (name, endpoint, want) in cases {
            assert_eq!(base(endpoint), want, "{name}");
        }
    }

    #[test]
    fn tokens() {
        #[rustfmt::skip]
        let cases: &[(&str, &[(&str, &str)], Option<&str>)] = &[
            ("Terraform's",           &[("PROXMOX_VE_API_TOKEN", "a@pve!b=c")], Some("PVEAPIToken=a@pve!b=c")),
            ("Ansible's",             &[("PROXMOX_USER", "a@pve"), ("PROXMOX_TOKEN_ID", "b"), ("PROXMOX_TOKEN_SECRET", "c")], Some("PVEAPIToken=a@pve!b=c")),
            ("Ansible's, ID whole",   &[("PROXMOX_TOKEN_ID", "a@pve!b"), ("PROXMOX_TOKEN_SECRET", "c")], Some("PVEAPIToken=a@pve!b=c")),
            ("Terraform's wins",      &[("PROXMOX_VE_API_TOKEN", "a@pve!b=c"), ("PROXMOX_TOKEN_ID", "x@pve!y"), ("PROXMOX_TOKEN_SECRET", "z")], Some("PVEAPIToken=a@pve!b=c")),
            ("a bare secret",         &[("PROXMOX_VE_API_TOKEN", "c")], None),
            ("no secret",             &[("PROXMOX_USER", "a@pve"), ("PROXMOX_TOKEN_ID", "b")], None),
            ("empty counts as unset", &[("PROXMOX_VE_API_TOKEN", "")], None),
            ("none",                  &[], None),
        ];
        for (name, variables, want) in cases {
            let variable = |wanted: &str| {
                let found = variables.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| (*value).to_owned())
            };
            let header = Environment::of(variable).header().ok();
            let header = header
                .as_ref()
                .map(|(header, user)| (header.reveal(), user.as_str()));
            let want = want.map(|want| (want, want.split('=').nth(1).unwrap_or_default()));
            assert_eq!(header, want, "{name}");
        }
    }

    #[test]
    fn refusals_in_the_words_of_pve() {
        let answer = |status: u16, body: &str| Answer {
            status,
            body: body.as_bytes().to_vec(),
            location: "https://pve.example/?ticket=HUNTER2".to_owned(),
            ..Answer::default()
        };
        #[rustfmt::skip]
        let cases = [
            ("message",        400, r#"{"data":null,"message":"no quorum?\n"}"#,               "status 400: no quorum?"),
            ("and parameters", 400, r#"{"message":"Bad.\n","errors":{"force":"Only root."}}"#, "status 400: Bad. force: Only root."),
            ("older PVE",      403, r#"{"data":null}"#,                                        "status 403"),
            ("a proxy's page", 502, "<html>", "status 502 and a page that is not JSON; a login page, or a proxy's"),
            ("a redirect",     301, "<html>", "redirected to \"https://pve.example/?...\", which is not followed; name that address if it is right"),
        ];
        for (name, status, body, want) in cases {
            assert_eq!(refusal(&answer(status, body)).to_string(), want, "{name}");
        }
    }
}
