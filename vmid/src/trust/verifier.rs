//! Which certificates are good where the system's authorities do not decide: those
//! with certain fingerprints, or those of a CA file.
//!
//! Whatever is accepted here, the handshake's signature is still checked, so that
//! only the holder of the certificate's key passes.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{
        CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
        UnixTime,
    },
    server::ParsedCertificate,
};

use super::{fingerprint::Fingerprint, spki};

/// The authorities among these certificates.
///
/// # Errors
///
/// There is none.
pub(crate) fn store(roots: Vec<CertificateDer<'static>>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    if store.is_empty() {
        return Err("no certificate of an authority is in it".to_owned());
    }
    Ok(store)
}

/// Compares the leaf's fingerprint, and nothing else.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// Those that are good; any, if there is no list.
    fingerprints: Option<Vec<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// One of these is good.
    pub fn new(fingerprints: Vec<Fingerprint>, provider: Arc<CryptoProvider>) -> Self {
        let fingerprints = Some(fingerprints);
        Self {
            fingerprints,
            provider,
        }
    }

    /// Any is good.
    #[cfg(feature = "http")]
    pub fn anybody(provider: Arc<CryptoProvider>) -> Self {
        let fingerprints = None;
        Self {
            fingerprints,
            provider,
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::of(leaf);
        match &self.fingerprints {
            Some(pinned) if !pinned.contains(&shown) => {
                let pinned: Vec<String> = pinned.iter().map(ToString::to_string).collect();
                let pinned = pinned.join(" or ");
                let what = format!("the certificate's fingerprint is {shown}, not {pinned}");
                Err(Error::InvalidCertificate(CertificateError::Other(
                    OtherError(Arc::new(Mismatch(what))),
                )))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match key_of_version_1(leaf) {
            Some(key) => by_bare_key(message, &key, signature, algorithms),
            None => verify_tls12_signature(message, leaf, signature, algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match key_of_version_1(leaf) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signature, algorithms),
            None => verify_tls13_signature(message, leaf, signature, algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The key of a certificate whose version is not read otherwise; with a fingerprint it is as good.
fn key_of_version_1<'a>(leaf: &'a CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'a>> {
    let read = webpki::EndEntityCert::try_from(leaf);
    let is_old = matches!(read, Err(webpki::Error::UnsupportedCertVersion));
    spki::of(leaf).filter(|_| is_old)
}

/// As [`verify_tls12_signature`], for a key without a certificate that can be read.
fn by_bare_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let key = webpki::RawPublicKeyEntity::try_from(key).map_err(|_| bad())?;
    let schemes = algorithms.mapping.iter();
    let mut fitting = schemes.filter(|(scheme, _)| *scheme == signature.scheme);
    let holds = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        let checked = key.verify_signature(*algorithm, message, signature.signature());
        checked.is_ok()
    };
    let all = fitting.any(|(_, algorithms)| algorithms.iter().any(holds));
    all.then(HandshakeSignatureValid::assertion).ok_or_else(bad)
}

/// The certificate is another than the pinned one.
#[derive(Debug)]
pub(crate) struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// Chains to the authorities of a file.
///
/// What `openssl req -x509` makes for a server says that it is an authority itself, and
/// webpki takes no authority for a server. It is accepted if that is all that is wrong
/// with it: it is in the file, byte for byte, its name fits, and its dates hold.
#[derive(Debug)]
pub(crate) struct Named {
    file: Vec<CertificateDer<'static>>,
    chains: Arc<WebPkiServerVerifier>,
}

impl Named {
    /// `roots` is what `file` holds.
    ///
    /// # Errors
    ///
    /// The file names no authority.
    pub fn new(
        file: Vec<CertificateDer<'static>>,
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let chains = chains.map_err(|error| error.to_string())?;
        Ok(Self { file, chains })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .chains
            .verify_server_cert(leaf, intermediates, name, ocsp, now);
        match verified {
            // webpki looks at the dates first, so they hold; it has not come to the name yet.
            Err(error) if is_authority(&error) && self.file.contains(leaf) => {
                verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// webpki refused the leaf because it is an authority. rustls has no variant for that.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
        return false;
    };
    matches!(
        cause.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use core::time::Duration;

    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    /// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
    /// -subj /CN=netbox -addext subjectAltName=IP:127.0.0.1,DNS:netbox.lab.example`
    pub const PLAIN: &str = "\
-----BEGIN CERTIFICATE-----
MIIBnTCCAUSgAwIBAgIUCvWTBEhyYaI/r7H0FATjA55jfr8wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbmV0Ym94MCAXDTI2MTEyMjA0MDExMFoYDzIxMjYxMDI5MDQw
MTEwWjARMQ8wDQYDVQQDDAZuZXRib3gwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAS7AyFskrxpitkOyU3Z6jdz/tBLdNQPiXhd5DIe0tnz2WB6f35SEJx36FCvK93x
Ow0595pwENBMYfqo0WZFd/yHo3gwdjAdBgNVHQ4EFgQUiHiQma65GgTPeH6nPECs
awdifJkwHwYDVR0jBBgwFoAUiHiQma65GgTPeH6nPECsawdifJkwDwYDVR0TAQH/
BAUwAwEB/zAjBgNVHREEHDAahwR/AAABghJuZXRib3gubGFiLmV4YW1wbGUwCgYI
KoZIzj0EAwIDRwAwRAIgLBXjBIolYDEJG+WSqd10WMOaJrgtteGA7GjR+DuhS5wC
IDfPYQjmdtnUJ5D0fQQiHZFR/Na9Xoq4ZtfMudgYN/t8
-----END CERTIFICATE-----
";

    /// The same, for another key.
    const OTHER: &str = "\
-----BEGIN CERTIFICATE-----
MIIBnjCCAUSgAwIBAgIUfQkq1AliNSTniOtxUdwcXeKvHAIwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbmV0Ym94MCAXDTI2MTEyMjA0MDI0MVoYDzIxMjYxMDI5MDQw
MjQxWjARMQ8wDQYDVQQDDAZuZXRib3gwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARViZTgtWyqkirbcZofYuuiyRBhip5TYWyyRzJq+97FLDCa9K6pcsZv6t1ZJ5ZV
jslmUnuJKJc3MlxwbIpVsbH7o3gwdjAdBgNVHQ4EFgQUq/PY6sNGQMNTis7zBkle
Wx6rXQwwHwYDVR0jBBgwFoAUq/PY6sNGQMNTis7zBkleWx6rXQwwDwYDVR0TAQH/
BAUwAwEB/zAjBgNVHREEHDAahwR/AAABghJuZXRib3gubGFiLmV4YW1wbGUwCgYI
KoZIzj0EAwIDSAAwRQIgNgzFQyEbPeE44wx+jGVDu/tpg1v4HfDjZULAj2rrzQAC
IQDtVknGjQSGok26lz3Igfw+cA1vj7K8WhGLKVgV48YTuQ==
-----END CERTIFICATE-----
";

    /// Seconds since 1970: PLAIN is good from 2026-11-22T04:01:10Z to 2126-10-29T04:01:10Z.
    const FIRST: u64 = 1_795_320_070;
    const LAST: u64 = 4_948_920_070;

    #[test]
    fn authorities_as_servers() {
        let leaf = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let named = |file: Vec<CertificateDer<'static>>| {
            let roots = store(file.clone()).unwrap();
            Named::new(file, roots, provider.clone()).unwrap()
        };
        let (both, one) = (
            named(vec![leaf(OTHER), leaf(PLAIN)]),
            named(vec![leaf(OTHER)]),
        );
        #[rustfmt::skip]
        let cases: &[(&str, &Named, &str, u64, &str)] = &[
            ("in the file",             &both, "127.0.0.1",          FIRST,     "good"),
            ("by its other name",       &both, "netbox.lab.example", LAST,      "good"),
            ("another name",            &both, "nb.lab.example",     FIRST,     "NotValidForName"),
            ("another address",         &both, "127.0.0.2",          FIRST,     "NotValidForName"),
            ("expired",                 &both, "127.0.0.1",          LAST + 1,  "Expired"),
            ("not good yet",            &both, "127.0.0.1",          FIRST - 1, "NotValidYet"),
            ("not in the file",         &one,  "127.0.0.1",          FIRST,     "CaUsedAsEndEntity"),
        ];
        for (name, verifier, server, now, want) in cases {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(*now));
            let server = ServerName::try_from(*server).unwrap();
            let got = verifier.verify_server_cert(&leaf(PLAIN), &[], &server, &[], now);
            let got = got.map_or_else(|error| format!("{error:?}"), |_| "good".to_owned());
            assert!(got.contains(want), "{name}: {got}");
        }
    }
}
