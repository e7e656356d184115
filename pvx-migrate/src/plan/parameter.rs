//! The parameters that `plan make` writes, and the form of each: whatever else stands in a plan was
//! put there by somebody, and is not sent.
//!
//! One table says what is allowed. So `force`, `restore`, hook scripts, bind mounts, devices, `args`,
//! `skiplock` and all that a later Proxmox may learn are refused without being named.

use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive};

use super::creation::{Params, Scalar};
use crate::state::Kind::{self, Lxc, Qemu};

/// The IDs that PVE gives to guests (`pve-vmid` of its API).
pub const VMIDS: RangeInclusive<u32> = 100..=999_999_999;

/// The longest description: PVE's 8192 characters (JSONSchema of `description`), less room for the
/// mark that a run puts below it.
const LONGEST_TEXT: usize = 8000;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A whole number in these bounds.
    Number(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Letters, digits and `._-+`.
    Name,
    /// A guest's name.
    Guest,
    /// `STORAGE:vztmpl/FILE`
    Template,
    /// `STORAGE:GIB`
    Volume,
    /// `STORAGE:GIB,mp=/PATH` and options
    Mount,
    /// `STORAGE:0,import-from=STORAGE:import/FILE` or `STORAGE:GIB`, and options
    Disk,
    /// `STORAGE:cloudinit`
    CloudInit,
    /// A container's network interface.
    Veth,
    /// A VM's network interface.
    Nic,
    /// Addresses and gateways for cloud-init.
    IpConfig,
    /// Addresses of name servers.
    Servers,
    /// Domains.
    Domains,
    /// `order=` and drives.
    Boot,
    /// `order=1,up=30,down=60`
    Startup,
    /// Tags between semicolons.
    Tags,
    /// A time zone's name.
    Zone,
    /// Public keys, one a line.
    Keys,
    /// The same, each byte that is no letter or digit as `%XX`.
    EncodedKeys,
    /// Text of several lines.
    Text,
}
use Form::*;

/// One row: guests of which kind, the parameter (a `*` at the end stands for a number), its form.
type Row = (&'static [Kind], &'static str, Form);

const BOTH: &[Kind] = &[Lxc, Qemu];
const CT: &[Kind] = &[Lxc];
const VM: &[Kind] = &[Qemu];

/// What may be sent with a creation.
#[rustfmt::skip]
const ALLOWED: &[Row] = &[
    (BOTH, "cores",           Number(1, 8192)),
    (BOTH, "memory",          Number(16, 1 << 32)),
    (BOTH, "cpulimit",        Number(0, 8192)),
    (BOTH, "cpuunits",        Number(1, 500_000)),
    (BOTH, "onboot",          Number(0, 1)),
    (BOTH, "protection",      Number(0, 1)),
    (BOTH, "nameserver",      Servers),
    (BOTH, "searchdomain",    Domains),
    (BOTH, "pool",            Name),
    (BOTH, "tags",            Tags),
    (BOTH, "startup",         Startup),
    (BOTH, "description",     Text),
    (CT,   "ostemplate",      Template),
    (CT,   "hostname",        Guest),
    (CT,   "swap",            Number(0, 1 << 32)),
    (CT,   "rootfs",          Volume),
    (CT,   "mp*",             Mount),
    (CT,   "net*",            Veth),
    (CT,   "unprivileged",    Number(0, 1)),
    (CT,   "features",        Word(&["nesting=0", "nesting=1"])),
    (CT,   "timezone",        Zone),
    (CT,   "ssh-public-keys", Keys),
    (VM,   "name",            Guest),
    (VM,   "ostype",          Name),
    (VM,   "sockets",         Number(1, 8)),
    (VM,   "balloon",         Number(0, 1 << 32)),
    (VM,   "cpu",             Name),
    (VM,   "agent",           Word(&["0", "1", "enabled=0", "enabled=1"])),
    (VM,   "scsihw",          Name),
    (VM,   "scsi*",           Disk),
    (VM,   "ide2",            CloudInit),
    (VM,   "boot",            Boot),
    (VM,   "serial0",         Word(&["socket"])),
    (VM,   "vga",             Word(&["serial0", "std", "virtio", "none"])),
    (VM,   "net*",            Nic),
    (VM,   "ipconfig*",       IpConfig),
    (VM,   "ciuser",          Name),
    (VM,   "ciupgrade",       Number(0, 1)),
    (VM,   "sshkeys",         EncodedKeys),
];

/// The parameter that holds a guest's name.
#[must_use]
pub fn name_key(kind: Kind) -> &'static str {
    match kind {
        Lxc => "hostname",
        Qemu => "name",
    }
}

/// What among the parameters of a creation `plan make` cannot have written, if anything: the first
/// one that is not in the table, or whose value has not the form that stands there.
#[must_use]
pub fn foreign(params: &Params, kind: Kind) -> Option<String> {
    let mut each = params.iter();
    let (key, _) = each.find(|(key, value)| is_foreign(key, value, kind))?;
    // Secrets are none of the parameters, but a stranger's file may hold any text.
    Some(match form(key, kind) {
        None => format!("plan make sets no {key:?}"),
        Some(_) => format!("{key} has a form that plan make does not write"),
    })
}

/// Whether that is so of one of them.
#[must_use]
pub fn is_foreign(key: &str, value: &Scalar, kind: Kind) -> bool {
    let form = form(key, kind);
    !form.is_some_and(|form| form.fits(&value.to_string()) && form.is_number_in(value))
}

/// What among the sizes `plan make` cannot have written: only disks of the parameters of a VM grow,
/// to a whole number of GiB.
#[must_use]
pub fn foreign_resize(
    resize: &BTreeMap<String, String>,
    params: &Params,
    kind: Kind,
) -> Option<String> {
    resize.iter().find_map(|(disk, size)| {
        let is_disk = kind == Qemu && matches!(form(disk, kind), Some(Disk));
        if !is_disk || !params.contains_key(disk) {
            return Some(format!("resize names {disk:?}, which is no disk of params"));
        }
        let gib = size
            .strip_suffix('G')
            .filter(|size| number(size, 1, 1 << 20));
        gib.is_none()
            .then(|| format!("resize.{disk} is not whole GiB, such as 32G"))
    })
}

/// A guest's name as PVE takes it (`dns-name`): labels of letters, digits and hyphens.
#[must_use]
pub fn is_guest_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn form(key: &str, kind: Kind) -> Option<Form> {
    let is = |pattern: &str| match pattern.strip_suffix('*') {
        Some(stem) => key
            .strip_prefix(stem)
            // PVE has mp0 to mp255, and fewer of the others; 007 is nobody's.
            .is_some_and(|rest| number(rest, 0, 255) && (rest == "0" || !rest.starts_with('0'))),
        None => key == pattern,
    };
    let mut rows = ALLOWED.iter();
    let (_, _, form) = rows.find(|(kinds, pattern, _)| kinds.contains(&kind) && is(pattern))?;
    Some(*form)
}

impl Form {
    /// A number may be written as either; all else is text, or a number as a name.
    fn is_number_in(self, value: &Scalar) -> bool {
        matches!(value, Scalar::Text(_)) || matches!(self, Number(..) | Word(_) | Guest | Name)
    }

    fn fits(self, text: &str) -> bool {
        let list = |separator: char, fits: fn(&str) -> bool| text.split(separator).all(fits);
        match self {
            Number(least, most) => number(text, least, most),
            Word(words) => words.contains(&text),
            Name => is_word(text),
            Guest => is_guest_name(text),
            Template => volume(text).is_some_and(|file| is_file(file, "vztmpl/")),
            Volume => volume(text).is_some_and(|size| number(size, 1, 1 << 20)),
            Mount => is_disk(text, MOUNT) && text.contains(",mp=/"),
            Disk => is_disk(text, DISK),
            CloudInit => volume(text) == Some("cloudinit"),
            Veth => options(text, VETH),
            Nic => options(text, NIC),
            IpConfig => options(text, IPCONFIG),
            Servers => list(' ', |word| word.parse::<IpAddr>().is_ok()),
            Domains => list(' ', is_guest_name),
            Boot => text
                .strip_prefix("order=")
                .is_some_and(|drives| drives.split(';').all(is_word)),
            Startup => options(text, STARTUP),
            Tags => list(';', is_word),
            Zone => list('/', is_word),
            Keys => is_text(text) && text.lines().all(|line| !line.is_empty()),
            EncodedKeys => is_encoded(text),
            Text => is_text(text),
        }
    }
}

/// An option of a value: its name, and what may stand behind the `=`.
type Options = &'static [(&'static str, fn(&str) -> bool)];

#[rustfmt::skip]
const VETH: Options = &[
    ("name", is_word), ("bridge", is_word), ("tag", is_tag), ("type", |text| text == "veth"),
    ("ip", is_ip), ("gw", is_address), ("ip6", is_ip), ("gw6", is_address),
    ("hwaddr", is_mac), ("firewall", is_bit), ("mtu", is_mtu),
];
#[rustfmt::skip]
const NIC: Options = &[
    ("virtio", is_mac), ("e1000", is_mac), ("model", is_word), ("bridge", is_word), ("tag", is_tag),
    ("firewall", is_bit), ("mtu", is_mtu), ("macaddr", is_mac),
];
#[rustfmt::skip]
const IPCONFIG: Options = &[("ip", is_ip), ("gw", is_address), ("ip6", is_ip), ("gw6", is_address)];
const STARTUP: Options = &[("order", is_count), ("up", is_count), ("down", is_count)];
const MOUNT: Options = &[("mp", is_path), ("backup", is_bit)];
#[rustfmt::skip]
const DISK: Options = &[
    ("import-from", is_import), ("discard", |text| matches!(text, "on" | "ignore")),
    ("iothread", is_bit), ("ssd", is_bit), ("backup", is_bit), ("cache", is_word),
    ("format", |text| matches!(text, "raw" | "qcow2")),
];

/// `name=value` between commas, each once and of the table; a VM's card may be a bare model.
fn options(text: &str, allowed: Options) -> bool {
    let mut seen = Vec::new();
    text.split(',').all(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let is_new = !seen.contains(&name);
        seen.push(name);
        let bare = matches!(name, "virtio" | "e1000") && option == name;
        let mut rows = allowed.iter();
        is_new && rows.any(|(known, fits)| *known == name && (bare || fits(value)))
    })
}

/// `STORAGE:GIB` and options; the size is 0 where an image is imported.
fn is_disk(text: &str, allowed: Options) -> bool {
    let (volid, rest) = text.split_once(',').unwrap_or((text, ""));
    let Some(size) = volume(volid).filter(|size| number(size, 0, 1 << 20)) else {
        return false;
    };
    let imports = rest
        .split(',')
        .any(|option| option.starts_with("import-from="));
    (rest.is_empty() || options(rest, allowed)) && imports == (size == "0")
}

/// What stands behind the storage in a volume's ID.
fn volume(text: &str) -> Option<&str> {
    let (storage, rest) = text.split_once(':')?;
    is_word(storage).then_some(rest)
}

fn is_import(text: &str) -> bool {
    volume(text).is_some_and(|file| is_file(file, "import/"))
}

/// A file in one of a storage's folders, and no way out of it.
fn is_file(text: &str, folder: &str) -> bool {
    text.strip_prefix(folder)
        .is_some_and(|name| is_word(name) && !name.starts_with('.'))
}

fn is_path(text: &str) -> bool {
    let mut parts = text.split('/');
    parts.next() == Some("") && parts.all(|part| is_word(part) && part != "..")
}

/// Letters, digits and what names hold beside them: nothing that divides a value of PVE's.
fn is_word(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(inner)
}

/// A whole number in decimal digits.
fn number(text: &str, least: u64, most: u64) -> bool {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal
        && text
            .parse()
            .is_ok_and(|number| (least..=most).contains(&number))
}

fn is_bit(text: &str) -> bool {
    matches!(text, "0" | "1")
}

fn is_count(text: &str) -> bool {
    number(text, 0, 86_400)
}

fn is_tag(text: &str) -> bool {
    number(text, 1, 4094)
}

fn is_mtu(text: &str) -> bool {
    number(text, 1, 65_535)
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// An address with its mask, or where it comes from.
fn is_ip(text: &str) -> bool {
    if matches!(text, "dhcp" | "auto" | "manual") {
        return true;
    }
    let parts = text.split_once('/');
    parts.is_some_and(|(address, mask)| is_address(address) && number(mask, 0, 128))
}

fn is_mac(text: &str) -> bool {
    let part = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(part)
}

/// Lines of text without what a terminal would obey.
fn is_text(text: &str) -> bool {
    let is_fine = |letter: char| letter == '\n' || !letter.is_control();
    text.len() <= LONGEST_TEXT && text.chars().all(is_fine)
}

fn is_encoded(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_fine = match byte {
            b'%' => {
                let mut two = [rest.next(), rest.next()].into_iter();
                two.all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit()))
            }
            byte => byte.is_ascii_alphanumeric() || b"-._~!*'()".contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    !text.is_empty() && text.len() <= 3 * LONGEST_TEXT
}

#[cfg(test)]
mod tests;
