//! The certificate of a TLS server. Whoever shows one is heard: whether it is trusted is
//! for browsers, whether it soon expires and is the right one is judged here.

use std::{
    io::{self, ErrorKind},
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use vmid::{exit, handshake};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

use super::{Host, Outcome, Reply, wire};
use crate::fields::{Fields, shown};

/// Whom to greet, and when its certificate is too old.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// The port.
    pub port: u16,
    /// Name for SNI, which the certificate must be for.
    pub name: Option<String>,
    /// When what is left is too little.
    pub limits: Limits,
    /// All members must show the same certificate.
    pub same: bool,
}

/// When to warn. A fraction fits a lifetime of 12 hours (Caddy's own) and one of a year;
/// days, where they are set, count instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Percent of the lifetime left below which it is a warning.
    pub warn_percent: f64,
    /// The same for critical.
    pub critical_percent: f64,
    /// Days left below which it is a warning.
    pub warn_days: Option<f64>,
    /// The same for critical.
    pub critical_days: Option<f64>,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Begin of its lifetime, Unix time in seconds.
    pub not_before_s: i64,
    /// End of its lifetime, Unix time in seconds.
    pub not_after_s: i64,
    /// Names and addresses it is for, sorted.
    pub names: Vec<String>,
    /// Its SHA-256, in hexadecimal digits.
    pub fingerprint: String,
}

impl Limits {
    fn parse(fields: &mut Fields<'_, '_>) -> Self {
        let limits = Self {
            warn_percent: fields.number("warn_percent", 100.0).unwrap_or(20.0),
            critical_percent: fields.number("critical_percent", 100.0).unwrap_or(5.0),
            warn_days: fields.number("warn_days", f64::INFINITY),
            critical_days: fields.number("critical_days", f64::INFINITY),
        };
        // A warning that comes after the critical one never comes.
        let percent = (limits.warn_percent, limits.critical_percent);
        let days = limits.warn_days.zip(limits.critical_days);
        for (unit, limits) in [("percent", Some(percent)), ("days", days)] {
            if let Some((warn, critical)) = limits.filter(|(warn, critical)| warn < critical) {
                let what = format!("is {warn}, less than critical_{unit} {critical}");
                fields.wrong(&format!("warn_{unit}"), what);
            }
        }
        limits
    }
}

impl Hello {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let limits = Limits::parse(&mut fields);
        let name = fields.text("name");
        if let Some(name) = name.as_deref().filter(|name| server_name(name).is_none()) {
            fields.wrong("name", format!("is {}, no name of a server", shown(name)));
        }
        let port = fields.port(Some(443));
        let same = fields.truth("same", true);
        fields.end();
        Some(Self {
            port: port?,
            name,
            limits,
            same,
        })
    }

    pub(super) fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("tls {} {name}", self.port),
            None => format!("tls {}", self.port),
        }
    }

    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock) -> Reply {
        let session = wire::connect(host, self.port, clock)
            .and_then(|stream| session(stream, self.name.as_deref(), host.address));
        let session = match session {
            Ok(session) => session,
            Err(outcome) => return Reply::of(outcome),
        };
        let shown = session.conn.peer_certificates().and_then(<[_]>::first);
        let Some(certificate) = shown.and_then(|shown| Certificate::read(shown)) else {
            return Reply::of(Outcome::Wrong(
                "TLS: no certificate that can be read".to_owned(),
            ));
        };
        let mut reply = Reply::of(match &self.name {
            Some(name) if !certificate.is_for(name) => Outcome::Wrong(format!(
                "the certificate is for {}, not {name}",
                certificate.names.join(", ")
            )),
            _ => Outcome::Good,
        });
        reply.certificate = Some(certificate);
        reply
    }
}

impl Certificate {
    fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
        let mut names = Vec::new();
        if let Ok(Some(extension)) = parsed.subject_alternative_name() {
            for name in &extension.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        names.sort_unstable();
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        Some(Self {
            not_before_s: parsed.validity().not_before.timestamp(),
            not_after_s: parsed.validity().not_after.timestamp(),
            names,
            fingerprint: digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    /// It is for `name`: by the name itself, or by a star for its first label (RFC 6125, 6.4.3).
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let rest = name.split_once('.').map(|(_, rest)| rest);
        self.names.iter().any(|own| match own.strip_prefix("*.") {
            Some(own) => rest.is_some_and(|rest| rest.eq_ignore_ascii_case(own)),
            None => own.eq_ignore_ascii_case(name),
        })
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let any = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    any.ok().map(|address| address.to_string())
}

fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).ok()
}

/// A finished handshake; without a name, none is sent.
pub(super) fn session<'a>(
    stream: wire::Timed<'a>,
    name: Option<&str>,
    address: IpAddr,
) -> Result<StreamOwned<ClientConnection, wire::Timed<'a>>, Outcome> {
    let name = name
        .and_then(server_name)
        .unwrap_or(ServerName::IpAddress(address.into()));
    let settings = settings().map_err(|error| wrong(&error))?;
    greet(stream, name, settings).map_err(|error| outcome(&error))
}

/// A finished handshake by these settings.
///
/// # Errors
///
/// One of the connection, or one that [`below`] finds.
pub(super) fn greet<'a>(
    mut stream: wire::Timed<'a>,
    name: ServerName<'static>,
    settings: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, wire::Timed<'a>>> {
    let connection = ClientConnection::new(settings, name);
    let mut connection = connection.map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// As [`wire::outcome`], for errors that may be TLS's.
pub(super) fn outcome(error: &io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::Other => match below(error) {
            Some(error) => wrong(error),
            None => Outcome::Wrong(format!("TLS: {}", exit::reason(error))),
        },
        _ => wire::outcome(error),
    }
}

/// What rustls found wrong.
pub(super) fn below(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn wrong(error: &rustls::Error) -> Outcome {
    Outcome::Wrong(format!("TLS: {}", handshake::reason(error)))
}

/// Made once: it takes longer than a handshake's worth of packets.
fn settings() -> Result<Arc<ClientConfig>, rustls::Error> {
    static MADE: OnceLock<Result<Arc<ClientConfig>, rustls::Error>> = OnceLock::new();
    MADE.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let mut config = builder
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled(); // each look is a new one
        Ok(Arc::new(config))
    })
    .clone()
}

/// Accepts every certificate; that the server has its key is still verified.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            leaf,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            leaf,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
