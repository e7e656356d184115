//! What Proxmox lets root@pam alone set, never a token (measured on 9.2), and the commands by which
//! root makes such a guest.

use std::collections::BTreeMap;

use super::wanted::Wanted;
use crate::{
    config::property::is_numbered,
    plan::{
        creation::{Params, Scalar},
        shell::quoted,
    },
    state::Kind,
};

/// The parameters that only root sets, each with why.
#[must_use]
pub fn reserved(params: &Params, kind: Kind) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    for (key, value) in params {
        let value = value.to_string();
        let why = match kind {
            Kind::Lxc => of_container(key, &value, is_privileged(params)),
            Kind::Qemu => of_machine(key, &value),
        };
        found.extend(why.map(|why| (key.clone(), why)));
    }
    found
}

/// A container that is asked to be privileged: Proxmox makes it unprivileged unless told.
#[must_use]
pub fn is_privileged(params: &Params) -> bool {
    let asked = params.get("unprivileged").map(ToString::to_string);
    asked.as_deref() == Some("0")
}

fn of_container(key: &str, value: &str, privileged: bool) -> Option<&'static str> {
    match key {
        "features" if privileged => Some("any feature of a privileged container"),
        "features" => {
            let mut others = value
                .split(',')
                .filter(|word| !word.starts_with("nesting="));
            others.next().map(|_| "features other than nesting")
        }
        "hookscript" => Some("a hook script"),
        _ if is_numbered(key, "mp") && value.starts_with('/') => Some("a path of the node"),
        _ if is_numbered(key, "dev") => Some("a device of the node"),
        _ => None,
    }
}

fn of_machine(key: &str, value: &str) -> Option<&'static str> {
    let mapped = || value.split(',').any(|word| word.starts_with("mapping="));
    match key {
        "args" => Some("arguments of QEMU"),
        "hookscript" => Some("a hook script"),
        _ if is_numbered(key, "hostpci") && !mapped() => Some("a device without a mapping"),
        _ if is_numbered(key, "usb") && !mapped() && !value.starts_with("spice") => {
            Some("a device without a mapping")
        }
        _ if is_numbered(key, "serial") && value != "socket" => Some("a port of the node"),
        _ if is_numbered(key, "parallel") => Some("a port of the node"),
        _ => {
            let of_node = value.starts_with('/') || value.contains("import-from=/");
            (of_node && is_drive(key)).then_some("a path of the node")
        }
    }
}

fn is_drive(key: &str) -> bool {
    let buses = ["scsi", "virtio", "sata", "ide"];
    buses.iter().any(|bus| is_numbered(key, bus))
}

/// What root types on the node, in the shell that root has there (bash).
#[must_use]
pub fn commands(wanted: &Wanted, params: &Params) -> Vec<String> {
    let (tool, vmid) = (wanted.kind.command(), wanted.vmid);
    let mut words = vec![tool.to_owned(), "create".to_owned(), vmid.to_string()];
    let template = params.get("ostemplate");
    words.extend(template.map(|template| quoted(&template.to_string())));
    for (key, value) in params.iter().filter(|(key, _)| *key != "ostemplate") {
        words.push(format!("--{key}"));
        words.push(match &key[..] {
            "ssh-public-keys" => file(&value.to_string()),
            "sshkeys" => file(&decoded(&value.to_string())),
            _ => quoted(&value.to_string()),
        });
    }
    let mut commands = vec![words.join(" ")];
    for (disk, size) in &wanted.resize {
        let (disk, size) = (quoted(disk), quoted(size));
        commands.push(format!("{tool} disk resize {vmid} {disk} {size}"));
    }
    if wanted.start {
        commands.push(format!("{tool} start {vmid}"));
    }
    commands
}

/// pct and qm take keys from a file.
fn file(text: &str) -> String {
    format!("<(echo {})", quoted(text))
}

/// `%20` and the like as what they stand for; what is no such code stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let code = rest.get(at + 1..at + 3);
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[at + 3..];
            }
            None => {
                bytes.push(b'%');
                rest = &rest[at + 1..];
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The parameters without those that only root sets.
#[must_use]
pub fn others(params: &Params, reserved: &BTreeMap<String, &'static str>) -> Params {
    let others = params
        .iter()
        .filter(|(key, _)| !reserved.contains_key(*key));
    others
        .map(|(key, value): (&String, &Scalar)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        #[rustfmt::skip]
        let cases = [
            ("plain",             "local:vztmpl/a_1-1.tar.zst", "local:vztmpl/a_1-1.tar.zst"),
            ("empty",             "",                            "''"),
            ("a quote",           "a'b",                         r"'a'\''b'"),
            ("a command",         "$(id)",                       "'$(id)'"),
            ("a line more",       "a\nb",                        "'a\nb'"),
        ];
        for (name, word, want) in cases {
            assert_eq!(quoted(word), want, "{name}");
        }
        assert_eq!(
            decoded("ssh-ed25519%20AA%2B%3D%20a%40b%0Assh"),
            "ssh-ed25519 AA+= a@b\nssh"
        );
        assert_eq!(decoded("100% %zz %é"), "100% %zz %é");
    }
}
