//! The public key of a certificate that the libraries don't read: one of X.509 version 1, as
//! `openssl x509 -req` makes it. Enough to check that the peer has the key to it.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// `[0]`, in which the version stands from version 2 on.
const VERSION: u8 = 0xa0;

/// The certificate's `subjectPublicKeyInfo` (RFC 5280, 4.1), as it stands there; none if what
/// comes is no certificate.
pub(crate) fn of<'a>(certificate: &'a CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'a>> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (signed, _) = element(outer.content, SEQUENCE)?;
    let mut at = signed.content;
    if at.first() == Some(&VERSION) {
        at = element(at, VERSION)?.1;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        at = element(at, tag)?.1;
    }
    let (key, _) = element(at, SEQUENCE)?;
    Some(SubjectPublicKeyInfoDer::from(key.whole))
}

/// One element of DER: all of it, and what is inside.
struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

/// The element with that tag that the text begins with, and what is behind it.
fn element(text: &[u8], tag: u8) -> Option<(Element<'_>, &[u8])> {
    let (&first, rest) = text.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // As many bytes of length as anything of use has.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
            (bytes.iter().fold(0, add), rest)
        }
        _ => return None,
    };
    let content = rest.get(..length)?;
    let (whole, behind) = text.split_at(text.len() - rest.len() + length);
    (first == tag).then_some((Element { whole, content }, behind))
}
