//! Why two hosts came to no TLS connection, in words for people; rustls' own are for programmers.

use rustls::{AlertDescription, Error, InvalidMessage};

/// Why a server and this host came to no TLS connection, where that is no matter of whom
/// its certificate is from.
#[must_use]
pub fn reason(error: &Error) -> &'static str {
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => "it speaks no TLS; is it an http port?",
        Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion,
        )
        | Error::PeerIncompatible(_) => {
            "it speaks no TLS 1.2 or 1.3 with a cipher and key that can be used here (P-256, P-384, Ed25519, RSA; not P-521)"
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants a certificate of its client, which cannot be given"
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "it does not go by the name that it was asked for"
        }
        Error::AlertReceived(_) => "it refused the TLS connection, and said no reason that helps",
        Error::InvalidCertificate(_) => "its certificate is broken, or it lacks the key to it",
        _ => "the TLS connection failed: what came is against the rules of TLS",
    }
}
