//! Whom to trust where the system's authorities do not decide: certificates by their fingerprints,
//! or those that the authorities of a file have signed. Never anybody.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, Error, OtherError,
    client::danger::ServerCertVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
};

mod fingerprint;
mod spki;
pub(crate) mod verifier;

pub use fingerprint::Fingerprint;
use verifier::{Mismatch, Named, Pinned, store};

/// Settings of TLS for a server that shows a certificate with one of these fingerprints.
///
/// # Errors
///
/// The library can't be set up.
pub fn pinned(fingerprints: Vec<Fingerprint>) -> Result<Arc<ClientConfig>, String> {
    settings(|provider| Ok(Arc::new(Pinned::new(fingerprints, provider))))
}

/// Settings of TLS for a server whose certificate an authority in this PEM text has signed; an
/// authority that is a server's certificate itself is good, too, if it is in the text.
///
/// # Errors
///
/// The text is no PEM, or holds no certificate of an authority.
pub fn authorities(pem: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let named = roots.map_err(|_| "not a PEM file".to_owned())?;
    settings(|provider| {
        Ok(Arc::new(Named::new(
            named.clone(),
            store(named)?,
            provider,
        )?))
    })
}

fn settings(
    verifier: impl FnOnce(Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String>,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(provider.clone())?;
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions();
    let config = builder
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Why a certificate was not good by [`pinned`] or [`authorities`]; none if that is not what failed.
#[must_use]
pub fn refusal(error: &Error) -> Option<String> {
    use CertificateError as Bad;
    let Error::InvalidCertificate(bad) = error else {
        return None;
    };
    let what = match bad {
        Bad::UnknownIssuer => "no authority that was named has signed its certificate",
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "its certificate is not good yet; is this host's clock right?"
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        Bad::BadSignature => "its certificate is of another authority, or it lacks the key to it",
        Bad::Other(OtherError(cause)) if cause.is::<Mismatch>() => return Some(cause.to_string()),
        _ => "its certificate is of a kind that cannot be used",
    };
    Some(what.to_owned())
}
