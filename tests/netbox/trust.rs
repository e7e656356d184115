//! TLS: refused unless trusted, by an authority, a fingerprint, or by force.

use std::{fs, path::Path, process::Command, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{Section, client::Ours, proxy::Proxy, server::Lab};

pub const SECTIONS: &[Section] = &[("trust: certificates, fingerprints, --insecure", trust)];

/// Presents a certificate, whoever asks, with a key that need not be its own.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn settings(folder: &Path, certificate: &str, key: &str, old: bool) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(folder.join(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join(key)).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let presents = Arc::new(Presents(Arc::new(CertifiedKey::new(chain, key))));
    let versions = if old {
        vec![&rustls::version::TLS12]
    } else {
        vec![&rustls::version::TLS13]
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_protocol_versions(&versions)
        .unwrap()
        .with_no_client_auth();
    Arc::new(builder.with_cert_resolver(presents))
}

/// As Proxmox and people make them: self-signed, for an address or for some name.
fn make(folder: &Path, name: &str, subject: &str, extension: &[&str]) {
    let key = folder.join(format!("{name}.key"));
    let pem = folder.join(format!("{name}.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]);
    openssl
        .args([
            "-subj",
            "/CN=netbox",
            "-addext",
            &format!("subjectAltName={subject}"),
            "-keyout",
        ])
        .arg(&key)
        .arg("-out")
        .arg(&pem);
    let output = openssl.args(extension).output().expect("openssl");
    assert!(output.status.success(), "{output:?}");
}

fn fingerprint(pem: &Path) -> String {
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-sha256", "-fingerprint", "-in"])
        .arg(pem)
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .to_owned()
}

fn trust(lab: &Lab) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    make(folder, "own", "IP:127.0.0.1", &leaf);
    make(folder, "name", "DNS:netbox.lab.example", &leaf);
    // What openssl makes unless told otherwise: a certificate that is an authority, too.
    make(folder, "both", "IP:127.0.0.1", &[]);
    make(folder, "both-name", "DNS:netbox.lab.example", &[]);
    fs::write(folder.join("empty.pem"), "nothing\n").unwrap();
    let own = fingerprint(&folder.join("own.pem"));
    let (own_pem, name_pem, empty) = (
        folder.join("own.pem"),
        folder.join("name.pem"),
        folder.join("empty.pem"),
    );
    let (own_pem, name_pem, empty) = (own_pem.display(), name_pem.display(), empty.display());
    let bare = own.replace(':', "").to_lowercase();
    let other = fingerprint(&folder.join("name.pem"));
    const TOLD: &str =
        "warning: --insecure: anybody on the way can read the token and change the answers";
    let ok = "0: a 192.168.10.6/24 new";
    for old in [false, true] {
        let version = if old { "TLS 1.2" } else { "TLS 1.3" };
        let good = Proxy::with_tls(&lab.url, settings(folder, "own.pem", "own.key", old));
        let both = Proxy::with_tls(&lab.url, settings(folder, "both.pem", "both.key", old));
        let both_named = Proxy::with_tls(
            &lab.url,
            settings(folder, "both-name.pem", "both-name.key", old),
        );
        let named = Proxy::with_tls(&lab.url, settings(folder, "name.pem", "name.key", old));
        let forged = Proxy::with_tls(&lab.url, settings(folder, "own.pem", "name.key", old));
        #[rustfmt::skip]
        let cases = [
            ("unknown authority",    &good,   String::new(),                    "3: ", "has signed its certificate; name it with --ca-cert FILE"),
            ("its own authority",    &good,   format!("--ca-cert {own_pem}"),   ok,    ""),
            ("an authority itself",  &both,   format!("--ca-cert {}", folder.join("both.pem").display()), ok, ""),
            ("an authority itself, another name", &both_named, format!("--ca-cert {}", folder.join("both-name.pem").display()), "3: ", "its certificate is for "),
            ("an authority itself, unknown", &both, format!("--ca-cert {own_pem}"), "3: ", "certificate"),
            ("another authority",    &good,   format!("--ca-cert {name_pem}"),  "3: ", "of another authority that has the name of a trusted one"),
            ("a CA file of nothing", &good,   format!("--ca-cert {empty}"),     "2: ", "no certificate of an authority"),
            ("no CA file",           &good,   "--ca-cert /nowhere".to_owned(),  "2: ", "/nowhere"),
            ("pinned",               &good,   format!("--fingerprint {own}"),   ok,    ""),
            ("pinned, bare digits",  &good,   format!("--fingerprint {bare}"),  ok,    ""),
            ("pinned, another",      &good,   format!("--fingerprint {other}"), "3: ", &format!("the certificate's fingerprint is {own}, not {other}")),
            ("no fingerprint",       &good,   "--fingerprint abc".to_owned(),   "2: ", "64 hexadecimal digits"),
            ("insecure",             &good,   "--insecure".to_owned(),          ok,    TOLD),
            ("another name",         &named,  format!("--ca-cert {name_pem}"),  "3: ", "certificate"),
            ("another name, pinned", &named,  format!("--fingerprint {other}"), ok,    ""),
            ("pinned, without its key", &forged, format!("--fingerprint {own}"), "3: ", "ignature"),
            ("trusted, without its key", &forged, format!("--ca-cert {own_pem}"), "3: ", "ignature"),
        ];
        for (name, proxy, options, want, told) in cases {
            let ran =
                Ours::new(&proxy.url).run(&format!("allocate --vlan 10 --dry-run {options} a"));
            let quiet = told.is_empty() == ran.err.is_empty();
            assert!(
                ran.short() == want && ran.err.contains(told) && quiet,
                "{version}, {name}: want {want} {told}: {ran:?}"
            );
            let reached = proxy.seen().len();
            assert_eq!(
                want == ok,
                reached > 0 && want == ok,
                "{version}, {name}: {reached}"
            );
        }
        assert_eq!(
            forged.seen(),
            [""; 0],
            "the token went to somebody without the key"
        );
        // Writing and reading through it, on kept connections.
        let line = format!("allocate --vlan 30 --fingerprint {own} -v a b c");
        let ran = Ours::new(&good.url).run(&line);
        assert!(ran.code == 0 && ran.requests() <= 8, "{version}: {ran:?}");
        assert!(!ran.err.contains(crate::client::ADMIN));
        Ours::new(&good.url).run(&format!("release --fingerprint {own} a b c"));
        assert_eq!(lab.owned(), [""; 0]);
    }
    // TLS asked of a server that has none, and the other way round.
    let plain = lab.url.replace("http://", "https://");
    Ours::new(&plain)
        .run("show --insecure")
        .ends("3: ", &["it speaks no TLS; is it an http port?"]);
    let good = Proxy::with_tls(&lab.url, settings(folder, "own.pem", "own.key", false));
    assert_eq!(
        Ours::new(&good.url.replace("https://", "http://"))
            .run("show")
            .code,
        3
    );
}
