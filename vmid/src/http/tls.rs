//! Whom to trust: the system's authorities, a CA file, or one certificate by its
//! fingerprint. ureq has no hook for the last, so the TLS layer is put together here.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, StreamOwned,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::telling::{Refused, Telling};
use crate::trust::{
    Fingerprint,
    verifier::{Named, Pinned, store},
};

/// What makes a server's certificate good.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// The authorities that this system trusts.
    #[default]
    System,
    /// Those in a PEM file, and no others.
    Authorities(Vec<u8>),
    /// This certificate, whatever it says of itself.
    Pinned(Fingerprint),
    /// Any.
    Nothing,
}

/// The settings of TLS for that trust, and where to find what was refused by them.
///
/// # Errors
///
/// The CA file holds no certificate, or the system has none.
pub(super) fn settings(trust: &Trust) -> Result<(ClientConfig, Refused), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let refused = Refused::default();
    let judge: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => {
            let roots = rustls_native_certs::load_native_certs().certs;
            let none = |_| "this host trusts no authority (is ca-certificates installed?)";
            let roots = Arc::new(store(roots).map_err(none)?);
            let judge = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
            judge.map_err(|error| error.to_string())?
        }
        Trust::Authorities(pem) => {
            let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let named = roots.map_err(|_| "not a PEM file".to_owned())?;
            Arc::new(Named::new(named.clone(), store(named)?, provider)?)
        }
        Trust::Pinned(fingerprint) => Arc::new(Pinned::new(vec![*fingerprint], provider)),
        Trust::Nothing => Arc::new(Pinned::anybody(provider)),
    };
    let settings = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Telling::new(judge, refused.clone())))
        .with_no_client_auth();
    Ok((settings, refused))
}

/// Puts TLS around the connections of https addresses.
#[derive(Debug)]
pub(super) struct TlsConnector(pub Arc<ClientConfig>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name =
            ServerName::try_from(host).map_err(|_| ureq::Error::Tls("no valid host name"))?;
        let mut connection = ClientConnection::new(self.0.clone(), name).map_err(tls_error)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket).map_err(unconnected)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(TlsTransport {
            buffers,
            stream: StreamOwned::new(connection, socket),
        })))
    }
}

fn tls_error(error: rustls::Error) -> ureq::Error {
    unconnected(io::Error::other(error))
}

/// A handshake that failed: nothing of the request has been sent, which the kind
/// of the error says. The same defect on a connection that stands is of another kind.
fn unconnected(error: io::Error) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ureq::Error::Io(error),
        _ => ureq::Error::Io(io::Error::new(io::ErrorKind::NotConnected, error)),
    }
}

/// A connection with TLS around it.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
