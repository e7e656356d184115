//! A certificate as a node has one: for its address, and its own authority.

use std::{path::PathBuf, process::Command, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

pub struct Certificate {
    pub pem: PathBuf,
    /// SHA-256, as `pvenode cert info` prints it.
    pub fingerprint: String,
    pub settings: Arc<ServerConfig>,
    _folder: tempfile::TempDir,
}

impl Certificate {
    pub fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (pem, key) = (
            folder.path().join("node.pem"),
            folder.path().join("node.key"),
        );
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=node2 \
                     -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
        let mut openssl = Command::new("openssl");
        openssl
            .args(words.split_whitespace())
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&pem);
        assert!(openssl.output().expect("openssl").status.success());
        let mut openssl = Command::new("openssl");
        openssl
            .args(["x509", "-noout", "-sha256", "-fingerprint", "-in"])
            .arg(&pem);
        let printed = openssl.output().expect("openssl").stdout;
        let printed = String::from_utf8_lossy(&printed);
        let fingerprint = printed
            .trim()
            .split('=')
            .next_back()
            .unwrap_or_default()
            .to_owned();
        let chain = vec![CertificateDer::from_pem_file(&pem).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&key).unwrap();
        let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self {
            pem,
            fingerprint,
            settings: Arc::new(settings),
            _folder: folder,
        }
    }
}
