//! The host keys of a VM, read through its guest agent: `GET .../agent/file-read` of the public halves.
//!
//! They come over the connection to Proxmox VE, not over the guest's network, so that whoever answers at
//! its address can be told from it. Nothing is asked of the agent but these files.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use serde::Deserialize;

use crate::{
    journal::guest_line::HostKey,
    pve::{Failure, Pve},
};

/// The types of keys that sshd makes, as the names of their files have them, and how such a key begins.
const TYPES: [(&str, &str); 3] = [
    ("ecdsa", "ecdsa-sha2-nistp"),
    ("ed25519", "ssh-ed25519"),
    ("rsa", "ssh-rsa"),
];
/// More than a public key has, in bytes: one of RSA with 16384 bits has 2.8 kB.
const MOST: usize = 8192;

/// What a look through the agent shows.
#[derive(Debug, PartialEq)]
pub enum Told {
    /// These keys; perhaps more are to come.
    Keys(Vec<HostKey>),
    /// None yet: why.
    NotYet(String),
    /// None, however long it is waited for: why.
    Never(String),
}

/// An answer.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    content: String,
}

/// Looks once.
#[must_use]
pub fn look(pve: &Pve, node: &str, vmid: u32) -> Told {
    let mut keys = Vec::new();
    let mut strange = None;
    for (kind, algorithm) in TYPES {
        let path = format!(
            "/nodes/{node}/qemu/{vmid}/agent/file-read?file=/etc/ssh/ssh_host_{kind}_key.pub"
        );
        match pve.get::<File>(&path) {
            Ok(file) => match fingerprint(&file.content, algorithm) {
                Some(sha256) => keys.push(HostKey {
                    kind: kind.to_owned(),
                    sha256,
                }),
                // It may be in the middle of being written.
                None => strange = Some(format!("ssh_host_{kind}_key.pub is no such key")),
            },
            Err(failure) if is_absent(&failure) => {}
            Err(failure) if is_for_good(&failure) => return Told::Never(failure.to_string()),
            Err(failure) => return Told::NotYet(failure.to_string()),
        }
    }
    if keys.is_empty() {
        let none = || "it has no host keys in /etc/ssh".to_owned();
        return Told::NotYet(strange.unwrap_or_else(none));
    }
    Told::Keys(keys)
}

/// Whether the agent says that there is no such file.
fn is_absent(failure: &Failure) -> bool {
    failure.status() == Some(500) && failure.to_string().contains("No such file or directory")
}

/// Whether it will be the same later on: the token may not, or the VM has no agent in its configuration.
fn is_for_good(failure: &Failure) -> bool {
    match failure.status() {
        Some(400 | 401 | 403 | 501) => true,
        Some(500) => failure
            .to_string()
            .contains("No QEMU guest agent configured"),
        _ => false,
    }
}

/// The fingerprint of a public key, as `ssh-keygen -l` shows it: `SHA256:` and the digest of what its
/// base64 holds, in base64 without padding. None if it is no key of the algorithm.
fn fingerprint(text: &str, algorithm: &str) -> Option<String> {
    if text.len() > MOST {
        return None;
    }
    let mut words = text.split_ascii_whitespace();
    let name = words.next().filter(|name| name.starts_with(algorithm))?;
    let blob = BASE64_STANDARD.decode(words.next()?).ok()?;
    // It is whole if its parts end where it ends; the first one is the same name.
    let (first, mut rest) = part(&blob)?;
    if first != name.as_bytes() || rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        rest = part(rest)?.1;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, &blob);
    Some(format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest)))
}

/// The first part of a key, and what is behind it: four bytes have its length (RFC 4251, section 5).
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen`, which shows these fingerprints of them.
    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGIGQ10lxP/KNS8KH6/2138zaVFchCkBq0loMMHyQ4L root@g";
    const ED25519_PRINT: &str = "SHA256:S69QrzGADbXK8GcnHW1hfVcLKIuQFLqpJXFy1e3BKEY";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDadj02xppFU385VMEKlEo5p+Pi/k12QP1UahsNDVLiZf713G0tXjJq5ZDxRybCVPW2+yZwd6R0dn5uyvHYH5u8= root@g";
    const ECDSA_PRINT: &str = "SHA256:m4n0DFDZz5UQdn5DyGhGCYcdaPuuxLXPi+62VrOzaT8";

    #[test]
    fn fingerprints_as_ssh_keygen_shows_them() {
        let cut = &ED25519[..40];
        let named = ED25519.replace("ssh-ed25519 ", "ssh-ed25519-x ");
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<&str>)] = &[
            ("Ed25519",                  ED25519,                   "ssh-ed25519",      Some(ED25519_PRINT)),
            ("with a line end",          &format!("{ED25519}\n"),   "ssh-ed25519",      Some(ED25519_PRINT)),
            ("without a comment",        ED25519.rsplit_once(' ').unwrap().0, "ssh-ed25519", Some(ED25519_PRINT)),
            ("ECDSA",                    ECDSA,                     "ecdsa-sha2-nistp", Some(ECDSA_PRINT)),
            ("another type's file",      ECDSA,                     "ssh-ed25519",      None),
            ("cut off while written",    cut,                       "ssh-ed25519",      None),
            ("another name in the blob", &named,                    "ssh-ed25519",      None),
            ("empty",                    "",                        "ssh-ed25519",      None),
            ("a private key",            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "ssh-ed25519", None),
            ("a large file",             &format!("{ED25519}{}", "x".repeat(MOST)), "ssh-ed25519", None),
        ];
        for (name, text, algorithm, want) in cases {
            assert_eq!(fingerprint(text, algorithm).as_deref(), *want, "{name}");
        }
    }
}
