//! Which certificate was refused, so that a message can say how to trust it.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::trust::Fingerprint;

/// Asks another, and keeps the fingerprint of what that one refuses, for the message.
#[derive(Debug)]
pub(super) struct Telling {
    judge: Arc<dyn ServerCertVerifier>,
    refused: Refused,
}

/// The fingerprint of the last certificate that was refused.
pub(super) type Refused = Arc<Mutex<Option<Fingerprint>>>;

impl Telling {
    pub fn new(judge: Arc<dyn ServerCertVerifier>, refused: Refused) -> Self {
        Self { judge, refused }
    }
}

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self
            .judge
            .verify_server_cert(leaf, intermediates, name, ocsp, now);
        if judged.is_err() {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused = Some(Fingerprint::of(leaf));
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
