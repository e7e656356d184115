//! Why no answer came, in words that say what to look at; the words of the libraries below
//! (`InvalidContentType`, `CaUsedAsEndEntity`) reach nobody.

use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::PoisonError,
    time::Duration,
};

use rustls::{AlertDescription, CertificateError, Error as Tls, OtherError, pki_types::UnixTime};
use ureq::{Error, Timeout};

use super::{NoAnswer, telling::Refused};
use crate::{exit, handshake, span, trust::verifier::Mismatch};

/// What a message names besides what happened.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    /// The host that is asked, without its port.
    pub host: String,
    /// How long an answer is waited for.
    pub patience: Duration,
    /// How long a connection is waited for.
    pub connecting: Duration,
    /// The file of the trusted authorities, if one was named.
    pub ca_cert: Option<Box<Path>>,
    /// The most that is read of an answer, in bytes.
    pub limit: u64,
    /// The proxy in between, as `host:port`.
    pub proxy: Option<String>,
    /// The certificate that was refused last.
    pub refused: Refused,
}

impl Circumstances {
    /// How to trust the certificate that was refused, whatever is signed there.
    fn pin(&self) -> String {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = refused.map_or("SHA256".to_owned(), |fingerprint| fingerprint.to_string());
        format!("if its fingerprint on the server is this one, --fingerprint {shown}")
    }

    /// How to trust a certificate that no known authority has signed.
    fn ways_out(&self) -> String {
        format!("name it with --ca-cert FILE, or, {}", self.pin())
    }
}

/// What happened, and whether the server can have seen the request.
pub(super) fn no_answer(error: &Error, here: &Circumstances) -> NoAnswer {
    let (cause, unsent) = match error {
        Error::HostNotFound => (unknown_host(here), true),
        // Only the proxy has seen anything by then, and no more of the request than the host's name.
        Error::ConnectProxyFailed(_) => (refused_by_proxy(error), true),
        Error::ConnectionFailed => ("no connection".to_owned(), true),
        Error::Tls(_) => (format!("{:?} is no name of a host", here.host), true),
        Error::Timeout(Timeout::Resolve) => {
            let waited = span::shown(here.connecting);
            (format!("no answer from the DNS within {waited}"), true)
        }
        Error::Timeout(Timeout::Connect) => (
            format!("no connection within {}", span::shown(here.connecting)),
            true,
        ),
        Error::Timeout(_) => (late(here), false),
        Error::BodyExceedsLimit(_) => (too_large(here), false),
        Error::BadUri(_) | Error::Http(_) => ("the address cannot be asked for".to_owned(), true),
        Error::Protocol(_) => (
            "what came is no HTTP; is it an https port?".to_owned(),
            false,
        ),
        Error::Io(error) => of_io(error, here),
        other => (other.to_string(), false),
    };
    // Who did not connect is the proxy, or the server as the proxy sees it.
    let cause = match &here.proxy {
        Some(proxy) if unsent => format!("through the proxy {proxy}: {cause}"),
        _ => cause,
    };
    NoAnswer { cause, unsent }
}

/// The proxy's status, of which ureq makes a sentence.
fn refused_by_proxy(error: &Error) -> String {
    let said = error.to_string();
    let status: String = said.chars().filter(char::is_ascii_digit).take(3).collect();
    match status.as_str() {
        "" => "it gave no answer".to_owned(),
        "407" => "it wants a name and a password (status 407): HTTPS_PROXY=http://name:password@host:port".to_owned(),
        _ => format!("it does not connect to that host (status {status})"),
    }
}

fn unknown_host(here: &Circumstances) -> String {
    let proxy = here
        .proxy
        .as_deref()
        .and_then(|proxy| proxy.rsplit_once(':'));
    let host = proxy.map_or(here.host.as_str(), |(host, _)| host);
    format!("the DNS has no address for {host:?}")
}

fn late(here: &Circumstances) -> String {
    format!("no answer within {}", span::shown(here.patience))
}

fn too_large(here: &Circumstances) -> String {
    format!("the answer is larger than {} MiB", here.limit >> 20)
}

fn of_io(error: &io::Error, here: &Circumstances) -> (String, bool) {
    // A failed TLS handshake is reported as "not connected": nothing of the request was sent.
    let unsent = error.kind() == ErrorKind::NotConnected;
    match inner::<Error>(below(error)) {
        Some(Error::BodyExceedsLimit(_)) => return (too_large(here), false),
        Some(Error::Timeout(_)) if unsent => {
            let waited = span::shown(here.connecting);
            let what = format!("no answer in TLS within {waited}; does it speak TLS?");
            return (what, true);
        }
        Some(Error::Timeout(_)) => return (late(here), false),
        _ => {}
    }
    if let Some(tls) = tls(error) {
        return (of_tls(tls, here), unsent);
    }
    if error.to_string().starts_with("failed to lookup address") {
        return (unknown_host(here), true);
    }
    let kind = if unsent {
        below(error).kind()
    } else {
        error.kind()
    };
    let cut_off = "the connection was cut off before an answer was complete";
    match kind {
        ErrorKind::ConnectionRefused => {
            ("connection refused; does it listen there?".to_owned(), true)
        }
        ErrorKind::HostUnreachable => ("no way to that host".to_owned(), true),
        ErrorKind::NetworkUnreachable => ("no way to that network".to_owned(), true),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => (late(here), unsent),
        ErrorKind::UnexpectedEof if unsent => {
            let what = "the connection was closed before TLS stood; does it speak TLS?";
            (what.to_owned(), true)
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => (cut_off.to_owned(), unsent),
        _ => (exit::reason(error), unsent),
    }
}

/// The error of type `T` that an I/O error was made of.
fn inner<T: std::error::Error + 'static>(error: &io::Error) -> Option<&T> {
    error.get_ref()?.downcast_ref()
}

/// The I/O error at the bottom of those that were made of each other.
fn below(error: &io::Error) -> &io::Error {
    inner::<io::Error>(error).map_or(error, below)
}

fn tls(error: &io::Error) -> Option<&Tls> {
    inner::<Tls>(below(error))
}

fn of_tls(error: &Tls, here: &Circumstances) -> String {
    match error {
        Tls::InvalidCertificate(error) => of_certificate(error, here),
        Tls::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("it does not go by the name {:?}", here.host)
        }
        _ => handshake::reason(error).to_owned(),
    }
}

fn of_certificate(error: &CertificateError, here: &Circumstances) -> String {
    use CertificateError as Bad;
    match error {
        Bad::UnknownIssuer => match &here.ca_cert {
            Some(file) => {
                let file = file.display();
                format!("no authority in {file} has signed its certificate")
            }
            None => {
                let ways_out = here.ways_out();
                format!("no authority that this host trusts has signed its certificate; {ways_out}")
            }
        },
        Bad::ExpiredContext { time, not_after } => {
            let ago = span::shown(between(*not_after, *time));
            format!("its certificate expired {ago} ago")
        }
        Bad::Expired => "its certificate has expired".to_owned(),
        Bad::NotValidYetContext { time, not_before } => {
            let left = span::shown(between(*time, *not_before));
            format!("its certificate is good in {left} only; is this host's clock right?")
        }
        Bad::NotValidYet => {
            "its certificate is not good yet; is this host's clock right?".to_owned()
        }
        Bad::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "its certificate is for {}, not for {:?}",
                names.join(", "),
                here.host
            )
        }
        Bad::NotValidForNameContext { .. } | Bad::NotValidForName => {
            format!("its certificate is not for {:?}", here.host)
        }
        Bad::Revoked => "its certificate was revoked".to_owned(),
        Bad::BadSignature => {
            "a signature is wrong: its certificate is of another authority that has \
             the name of a trusted one, or its key is not the certificate's"
                .to_owned()
        }
        Bad::Other(OtherError(cause)) if is_authority(cause.as_ref()) => {
            let ways_out = here.ways_out();
            format!("its certificate is self-signed and an authority's at once; {ways_out}")
        }
        Bad::Other(OtherError(cause)) if is_version_1(cause.as_ref()) => format!(
            "its certificate is of X.509 version 1, which authorities' signatures are not looked at for: make it with \"openssl req -x509\" (version 3), or, {}",
            here.pin()
        ),
        Bad::UnsupportedSignatureAlgorithmContext { .. }
        | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => format!(
            "its certificate is signed in a way that cannot be checked (with a key of P-521, or with SHA-1): make it with a key of P-256 or RSA and SHA-256, or, {}",
            here.pin()
        ),
        Bad::Other(OtherError(cause)) if cause.is::<Mismatch>() => cause.to_string(),
        _ => "its certificate is of a kind that cannot be used (X.509 version, key or signature)"
            .to_owned(),
    }
}

fn is_authority(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn is_version_1(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(
        cause.downcast_ref(),
        Some(webpki::Error::UnsupportedCertVersion)
    )
}

fn between(first: UnixTime, last: UnixTime) -> Duration {
    Duration::from_secs(last.as_secs().saturating_sub(first.as_secs()))
}

/// `DnsName("netbox.example")` as it stands in the certificate.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'));
    inner.map_or(name, |(inner, _)| inner.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use rustls::InvalidMessage;

    fn here(ca_cert: Option<&str>) -> Circumstances {
        Circumstances {
            host: "nb.example".to_owned(),
            patience: Duration::from_secs(30),
            connecting: Duration::from_secs(10),
            ca_cert: ca_cert.map(|file| Path::new(file).into()),
            limit: 32 << 20,
            refused: Refused::default(),
            proxy: None,
        }
    }

    fn handshake(error: Tls) -> Error {
        let inner = io::Error::new(ErrorKind::InvalidData, error);
        Error::Io(io::Error::new(ErrorKind::NotConnected, inner))
    }

    fn certificate(error: CertificateError) -> Error {
        handshake(Tls::InvalidCertificate(error))
    }

    #[test]
    fn what_is_said() {
        let at = |days: u64| UnixTime::since_unix_epoch(Duration::from_secs(days * 86_400));
        let other = Bad::Other(OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity)));
        let strange = Bad::Other(OtherError(Arc::new(webpki::Error::UnsupportedCertVersion)));
        let expired = Bad::ExpiredContext {
            time: at(30),
            not_after: at(27),
        };
        use CertificateError as Bad;
        let io = |kind: ErrorKind| Error::Io(io::Error::from(kind));
        #[rustfmt::skip]
        let cases: Vec<(&str, Error, Option<&str>, &str, bool)> = vec![
            ("refused",           io(ErrorKind::ConnectionRefused), None, "connection refused; does it listen there?", true),
            ("reset",             io(ErrorKind::ConnectionReset), None, "the connection was cut off before an answer was complete", false),
            ("no route",          io(ErrorKind::HostUnreachable), None, "no way to that host", true),
            ("no such name",      Error::HostNotFound, None, "the DNS has no address for \"nb.example\"", true),
            ("as the system says it", Error::Io(io::Error::other("failed to lookup address information: Name or service not known")), None, "the DNS has no address for \"nb.example\"", true),
            ("too slow",          Error::Timeout(Timeout::Global), None, "no answer within 30s", false),
            ("no connection",     Error::Timeout(Timeout::Connect), None, "no connection within 10s", true),
            ("too long",          Error::BodyExceedsLimit(1), None, "the answer is larger than 32 MiB", false),
            ("too long, inside",  Error::Io(io::Error::other(Error::BodyExceedsLimit(1))), None, "the answer is larger than 32 MiB", false),
            ("no word of TLS",    Error::Io(io::Error::new(ErrorKind::NotConnected, io::Error::other(Error::Timeout(Timeout::Connect)))), None, "no answer in TLS within 10s; does it speak TLS?", true),
            ("late, inside",      Error::Io(io::Error::other(Error::Timeout(Timeout::Global))), None, "no answer within 30s", false),
            ("TLS to http",       handshake(Tls::InvalidMessage(InvalidMessage::InvalidContentType)), None, "it speaks no TLS; is it an http port?", true),
            ("unknown authority", certificate(Bad::UnknownIssuer), None, "no authority that this host trusts has signed its certificate; name it with --ca-cert FILE, or, if its fingerprint on the server is this one, --fingerprint SHA256", true),
            ("not of the file",   certificate(Bad::UnknownIssuer), Some("ca.pem"), "no authority in ca.pem has signed its certificate", true),
            ("self-signed",       certificate(other), None, "its certificate is self-signed and an authority's at once; name it with --ca-cert FILE, or, if its fingerprint on the server is this one, --fingerprint SHA256", true),
            ("version 1",         certificate(strange), None, "its certificate is of X.509 version 1, which authorities' signatures are not looked at for: make it with \"openssl req -x509\" (version 3), or, if its fingerprint on the server is this one, --fingerprint SHA256", true),
            ("expired",           certificate(expired), None, "its certificate expired 3d ago", true),
            ("another name",      certificate(Bad::NotValidForNameContext { expected: "nb.example".try_into().unwrap(), presented: vec!["DnsName(\"x.example\")".into()] }), None, "its certificate is for x.example, not for \"nb.example\"", true),
            ("old TLS",           handshake(Tls::AlertReceived(AlertDescription::ProtocolVersion)), None, "it speaks no TLS 1.2 or 1.3 with a cipher and key that can be used here (P-256, P-384, Ed25519, RSA; not P-521)", true),
        ];
        for (name, error, ca_cert, want, unsent) in cases {
            let got = no_answer(&error, &here(ca_cert));
            assert_eq!((got.cause.as_str(), got.unsent), (want, unsent), "{name}");
        }
    }
}
