//! The fingerprint by which one certificate is told from all others.

use std::fmt;

use rustls::pki_types::CertificateDer;

/// The SHA-256 of a certificate, as Proxmox shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// 64 hexadecimal digits, in any case, with or without colons.
    ///
    /// # Errors
    ///
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
        let value = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|v| u8::try_from(v).ok())
        };
        let pair = |pair: &[u8]| Some(value(pair[0])? << 4 | value(*pair.get(1)?)?);
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| "a SHA-256 fingerprint has 64 hexadecimal digits".to_owned())
    }

    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.iter().map(|byte| format!("{byte:02X}"));
        f.write_str(&pairs.collect::<Vec<_>>().join(":"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_as_people_copy_them() {
        let hex = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(Fingerprint::parse(&hex), Fingerprint::parse(&colons));
        assert_eq!(Fingerprint::parse(&hex).unwrap().to_string(), colons);
        for bad in [
            "",
            "ab",
            &hex[..63],
            &format!("{hex}ab"),
            &"zz".repeat(32),
            "ä",
        ] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad}");
        }
    }
}
