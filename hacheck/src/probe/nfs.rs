//! An NFS server: the NULL procedure over TCP and, where it is wanted, what its exports are.
//!
//! `rpcinfo` needs a portmapper for the first, which a v4-only server has not.

use super::{Content, Host, Outcome, Reply, rpc, wire};
use crate::fields::{Fields, shown};

mod mount;

pub use mount::{Export, Exports};

/// The program number of NFS (RFC 1813, 5531).
const NFS: u32 = 100_003;

/// An answer to NULL has 24 bytes, 32 with a version mismatch; a verifier may add 400 (RFC 5531, 8.2).
const LONGEST: usize = 1024;

/// The longest path of an export, in bytes (RFC 1813, appendix I: MNTPATHLEN).
const PATH: usize = 1024;

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Null {
    /// Version of NFS, 3 or 4.
    pub version: u32,
    /// The port.
    pub port: u16,
    /// The exports that every member must have alike, as `showmount -e` calls them.
    pub exports: Vec<String>,
    /// The port of the MOUNT protocol, if the portmapper isn't to be asked.
    pub mount_port: Option<u16>,
}

impl Null {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let version = fields.whole("version", 3, 4).unwrap_or(4);
        let port = fields.port(Some(2049));
        let exports = fields.texts("exports").unwrap_or_default();
        let is_path = |path: &String| {
            path.starts_with('/') && path.len() <= PATH && !path.contains(char::is_control)
        };
        if let Some(bad) = exports.iter().find(|path| !is_path(path)) {
            fields.wrong("exports", format!("has {}, no absolute path", shown(bad)));
        }
        let mount_port = fields.whole("mount_port", 1, 65_535);
        if mount_port.is_some() && exports.is_empty() {
            fields.wrong("mount_port", "is there, but no exports to ask for");
        }
        fields.end();
        Some(Self {
            version,
            port: port?,
            exports,
            mount_port,
        })
    }

    pub(super) fn label(&self) -> String {
        match self.port {
            2049 => format!("nfs v{}", self.version),
            port => format!("nfs v{} port {port}", self.version),
        }
    }

    /// The exports are asked for if `all` is.
    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock, all: bool) -> Reply {
        let outcome = match self.null(host, clock) {
            Ok(()) => Outcome::Good,
            Err(outcome) => outcome,
        };
        clock.answered();
        let wanted = all && outcome == Outcome::Good && !self.exports.is_empty();
        Reply {
            content: wanted.then(|| Content::Nfs(mount::ask(self, host.address, clock.deadline))),
            ..Reply::of(outcome)
        }
    }

    fn null(&self, host: Host, clock: &wire::Clock) -> Result<(), Outcome> {
        let mut stream = wire::connect(host, self.port, clock)?;
        let null = rpc::Call {
            program: NFS,
            version: self.version,
            procedure: 0,
            arguments: &[],
            as_nobody: false,
            longest: LONGEST,
        };
        null.send(&mut stream).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::parsed;
    use serde_json::json;

    #[test]
    fn what_is_wrong_with_a_probe() {
        #[rustfmt::skip]
        let cases = [
            ("nothing",         json!({}), ""),
            ("exports",         json!({"version": 3, "exports": ["/srv/app-data"], "mount_port": 20048}), ""),
            ("one export",      json!({"exports": "/srv"}), ""),
            ("a relative path", json!({"exports": ["srv"]}), "probe.exports has \"srv\", no absolute path"),
            ("a line end",      json!({"exports": ["/srv\n"]}), "probe.exports has \"/srv\\n\", no absolute path"),
            ("a port alone",    json!({"mount_port": 1}), "probe.mount_port is there, but no exports to ask for"),
            ("version 2",       json!({"version": 2}), "probe.version is 2, not a whole number from 3 to 4"),
        ];
        for (name, value, want) in cases {
            let got = parsed(&value, Null::parse).map_or_else(|what| what, |_| String::new());
            assert_eq!(got, want, "{name}");
        }
    }
}
