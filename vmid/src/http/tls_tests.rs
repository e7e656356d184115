//! Certificates that the libraries are in two minds about, presented by a real TLS peer.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use super::{Client, Fingerprint, Options, Secret};

/// `openssl req -new ... | openssl x509 -req -signkey ...` of OpenSSL 3.0: X.509 version 1.
const OLD: &str = "\
-----BEGIN CERTIFICATE-----
MIIBJDCBywIUdgOkFixnG3DnhqhZIheq114NPtAwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyNjIwMjUxMFoYDzIxMjYxMTAyMjAyNTEw
WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASdhOtfUJQaBCggX3MxJGuy8mrXY+ytmocmiqAkbcGkde9AvQGfIEErJx88Sciv
0hPZwcAOPaUg72ErgE0fOgB4MAoGCCqGSM49BAMCA0gAMEUCIFB1nqHGdWYEluaI
+KgaAtIsZ6Jb24dFyDWg2+LUl92ZAiEA9nYS75HNDQShDoIFbh0whLXcvvvWkSxG
6ctiM7FyOSY=
-----END CERTIFICATE-----
";

/// The key to it, for this test alone.
pub(super) const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJKUbxkNBqsdVB1T+
/wsGC6N9+SThCQ5iGPlJj4gIDCyhRANCAASdhOtfUJQaBCggX3MxJGuy8mrXY+yt
mocmiqAkbcGkde9AvQGfIEErJx88Sciv0hPZwcAOPaUg72ErgE0fOgB4
-----END PRIVATE KEY-----
";

#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

pub(super) fn leaf() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(OLD.as_bytes()).unwrap()
}

/// A peer that presents [`OLD`], with its key or another, and answers every request with `{}`.
pub(super) fn peer(version: &'static SupportedProtocolVersion, key: &PrivateKeyDer<'_>) -> String {
    let key = ring::sign::any_supported_type(key).unwrap();
    let presents = Presents(Arc::new(CertifiedKey::new(vec![leaf()], key)));
    let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(presents));
    let settings = Arc::new(settings);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(settings.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        }
    });
    address
}

fn asked(base: &str, options: Options) -> Result<u16, String> {
    let secret = Secret::find(Some("HUNTER2"), None).unwrap().unwrap();
    let client = Client::new("test", base, secret, &options).unwrap();
    let answer = client.send("GET", "/", &[], None);
    answer
        .map(|answer| answer.status)
        .map_err(|lost| lost.cause)
}

pub(super) fn options() -> Options {
    Options {
        ca_cert: None,
        fingerprint: None,
        insecure: false,
        timeout: Duration::from_secs(20),
        verbose: false,
    }
}

#[test]
fn version_1() {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let other = rustls::pki_types::PrivatePkcs8KeyDer::from(
        ::ring::signature::EcdsaKeyPair::generate_pkcs8(
            &::ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &::ring::rand::SystemRandom::new(),
        )
        .unwrap()
        .as_ref()
        .to_vec(),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.pem");
    fs::write(&file, OLD).unwrap();
    let shown = Fingerprint::of(&leaf());
    let pinned = || Options {
        fingerprint: Some(shown),
        ..options()
    };
    let any = || Options {
        insecure: true,
        ..options()
    };
    for version in [&TLS12, &TLS13] {
        let (good, forged) = (
            peer(version, &key),
            peer(version, &other.clone_key().into()),
        );
        assert_eq!(asked(&good, pinned()), Ok(200));
        assert_eq!(asked(&good, any()), Ok(200));
        let told = asked(&forged, pinned()).unwrap_err();
        assert!(told.contains("signature is wrong"), "{told}");
        let named = Options {
            ca_cert: Some(file.clone()),
            ..options()
        };
        let told = asked(&good, named).unwrap_err();
        assert!(
            told.contains("X.509 version 1") && told.ends_with(&format!("--fingerprint {shown}")),
            "{told}"
        );
    }
}

/// `openssl s_server` until this is dropped.
struct Openssl(Child);

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certificate with a key of that curve, which openssl makes and presents; where it listens.
fn by_openssl(curve: &str, folder: &std::path::Path) -> (String, Openssl) {
    let (key, pem) = (folder.join("key.pem"), folder.join("cert.pem"));
    let of_curve = format!("ec_paramgen_curve:{curve}");
    let words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        &of_curve,
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
    ];
    let mut make = Command::new("openssl");
    let made = make.args(words).arg(&key).arg("-out").arg(&pem).output();
    assert!(made.unwrap().status.success());
    let mut serve = Command::new("openssl");
    serve.args(["s_server", "-www", "-accept", "127.0.0.1:0", "-key"]);
    serve.arg(&key).arg("-cert").arg(&pem);
    let piped = serve.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let child = Openssl(child);
    let mut lines = lines.map(Result::unwrap);
    let at = lines.find_map(|line| Some(line.strip_prefix("ACCEPT ")?.trim().to_owned()));
    (format!("https://{}", at.unwrap()), child)
}

#[test]
fn keys_of_openssl() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(env::var("CI").as_deref() != Ok("true"), "no openssl");
        crate::exit::say("test", "NOT RUN: no openssl");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let any = || Options {
        insecure: true,
        ..options()
    };
    let (good, _good) = by_openssl("prime256v1", folder.path());
    assert_eq!(asked(&good, any()), Ok(200));
    // As it is made, it is an authority at once, and of another file than this one.
    let other = folder.path().join("other.pem");
    fs::write(&other, crate::trust::verifier::tests::PLAIN).unwrap();
    let named = Options {
        ca_cert: Some(other),
        ..options()
    };
    let pem = fs::read(folder.path().join("cert.pem")).unwrap();
    let shown = Fingerprint::of(&CertificateDer::from_pem_slice(&pem).unwrap());
    let told = asked(&good, named).unwrap_err();
    assert!(
        told.contains("self-signed") && told.ends_with(&format!("--fingerprint {shown}")),
        "{told}"
    );
    let (strange, _strange) = by_openssl("secp521r1", folder.path());
    let told = asked(&strange, any()).unwrap_err();
    assert!(told.contains("not P-521"), "{told}");
}
