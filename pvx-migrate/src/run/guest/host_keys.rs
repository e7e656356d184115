//! What the log of a creation tells: the host keys it has made, and its warnings. Pure.
//!
//! A container's keys are made as it is unpacked (`PVE::LXC::Setup::rewrite_ssh_host_keys`): a line
//! names the file, the next one has the fingerprint as `ssh-keygen -l` shows it.

use crate::journal::guest_line::HostKey;

/// More than a guest has.
const MOST: usize = 16;

/// The fingerprints of the keys, in the order of their types.
#[must_use]
pub fn of(log: &[String]) -> Vec<HostKey> {
    let mut keys = Vec::new();
    let mut kind = None;
    for line in log {
        if let Some(rest) = line.strip_prefix("Creating SSH host key 'ssh_host_") {
            let name = rest.split_once("_key'").map(|(name, _)| name);
            kind = name.filter(|name| is_word(name)).map(str::to_owned);
        } else if let Some(rest) = line.strip_prefix("done: ")
            && let Some(kind) = kind.take()
            && let Some(sha256) = rest.split(' ').next().filter(|text| is_fingerprint(text))
            && keys.len() < MOST
        {
            let sha256 = sha256.to_owned();
            keys.push(HostKey { kind, sha256 });
        }
    }
    keys.sort_by(|a, b| a.kind.cmp(&b.kind));
    keys
}

/// The warnings of a task (`WARN: ...`), each once.
#[must_use]
pub fn warnings(log: &[String]) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for line in log.iter().filter_map(|line| line.strip_prefix("WARN: ")) {
        if warnings.len() < MOST && !warnings.iter().any(|known| known == line) {
            warnings.push(line.to_owned());
        }
    }
    warnings
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `SHA256:` and the 43 characters that base64 has for 32 bytes.
fn is_fingerprint(text: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let digest = text.strip_prefix("SHA256:");
    digest.is_some_and(|digest| digest.len() == 43 && digest.bytes().all(base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Proxmox VE 9.2 wrote it.
    const LOG: [&str; 8] = [
        "extracting archive '/srv/rmk/template/cache/tiny-12_1-1_amd64.tar.zst'",
        "Creating SSH host key 'ssh_host_rsa_key' - this may take some time ...",
        "done: SHA256:qMPtAS3o0WPDNiVzlCNIPWl3zyzdB8a6xVWwJMuee4A root@paperless",
        "Creating SSH host key 'ssh_host_ed25519_key' - this may take some time ...",
        "done: SHA256:VsaJwR5HcO0qy0oYTM4Pxy+QFgnYBOLDW8DNodakjIk root@paperless",
        "WARN: The container's Debian version '19' is newer than the tested version '14' ...",
        "WARN: The container's Debian version '19' is newer than the tested version '14' ...",
        "TASK WARNINGS: 2",
    ];

    #[test]
    fn keys_of_a_log() {
        let text = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            let keys = of(&lines);
            let keys = keys
                .iter()
                .map(|key| format!("{}={}", key.kind, &key.sha256[7..11]));
            keys.collect::<Vec<_>>().join(" ")
        };
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &str)] = &[
            ("a log",                      &LOG,                         "ed25519=VsaJ rsa=qMPt"),
            ("none",                       &LOG[..1],                    ""),
            ("the fingerprint is missing", &LOG[1..2],                   ""),
            ("done with something else",   &LOG[2..3],                   ""),
            ("a file of a path",           &["Creating SSH host key 'ssh_host_../x_key' - ...", LOG[2]], ""),
            ("no fingerprint",             &[LOG[1], "done: SHA256:short root@x"], ""),
        ];
        for (name, lines, want) in cases {
            assert_eq!(text(lines), *want, "{name}");
        }
        let log: Vec<String> = LOG.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(warnings(&log).len(), 1, "each once");
    }
}
