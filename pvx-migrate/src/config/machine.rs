//! What a VM asks of the machine it runs on: processor, memory, NUMA nodes.

use serde_json::{Map, Value};

use super::{
    Config, Cpu,
    property::{Options, is_numbered, is_on, plain},
};

/// Models that every x86-64 node has (QEMU's own and KVM's least; qm.conf(5), `cputype`).
const BASE_MODELS: [&str; 4] = ["kvm64", "kvm32", "qemu64", "qemu32"];

impl Config {
    /// Keys of a VM that only together say something, or that say nothing of devices.
    pub(super) fn machine(&mut self, fields: &Map<String, Value>) {
        let text = |name: &str| fields.get(name).map(plain).unwrap_or_default();
        let number = |name: &str| text(name).parse::<u64>().unwrap_or(1);
        self.vcpus = number("cores") * number("sockets");
        self.cpu = Cpu::of(&text("cpu"));
        for (name, why) in [
            ("amd-sev", "its encrypted memory is bound to the processor"),
            (
                "intel-tdx",
                "its encrypted memory is bound to the processor",
            ),
        ] {
            if !text(name).is_empty() {
                self.only_stopped.push((name.to_owned(), why));
            }
        }
        let vga = text("vga");
        if Options(&vga).get("clipboard") == Some("vnc") && !is_since_10_1(&text("machine")) {
            let why = "moves live with machine 10.1 or newer only";
            self.only_stopped.push(("clipboard=vnc".to_owned(), why));
        }
        let folders = fields.keys().filter(|key| is_numbered(key, "virtiofs"));
        let folders: Vec<String> = folders.cloned().collect();
        let why = "a folder of the node is open in it";
        self.only_stopped
            .extend(folders.into_iter().map(|key| (key, why)));
        let set = |name: &str| Some(text(name)).filter(|text| !text.is_empty());
        self.args = set("args");
        self.hugepages = set("hugepages");
        self.affinity = numbers(&text("affinity"));
        if is_on(Some(&text("numa"))) {
            let bound = fields.iter().filter(|(key, _)| is_numbered(key, "numa"));
            let bound = bound.flat_map(|(_, value)| {
                let value = plain(value);
                numbers(Options(&value).get("hostnodes").unwrap_or_default())
            });
            self.numa_node = bound.max();
        }
        let rng = text("rng0");
        let source = Options(&rng).get("source").or(Options(&rng).first());
        if source == Some("/dev/hwrng") {
            self.device("rng0", "/dev/hwrng");
        }
    }
}

impl Cpu {
    /// From the value of `cpu`.
    fn of(text: &str) -> Self {
        let options = Options(text);
        match options.get("cputype").or_else(|| options.first()) {
            Some("host" | "max") => Self::Host,
            Some(kind) if kind.starts_with("x86-64-v") => {
                let level = kind["x86-64-v".len()..].split('-').next();
                Self::Level(level.and_then(|level| level.parse().ok()).unwrap_or(2))
            }
            Some(kind) if !BASE_MODELS.contains(&kind) => Self::Named(kind.to_owned()),
            _ => Self::Any,
        }
    }
}

/// `0-3,8` (cpuset(7), list format) or `0-1;4`, as `hostnodes` has it. What is no number is
/// left out, and so is a range of more than a thousand.
fn numbers(text: &str) -> Vec<u64> {
    let parts = text.split([',', ';']).filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last && last - first < 1000).then_some(first..=last)
    });
    parts.flatten().collect()
}

/// `pc-q35-10.1+pve0` and later; no version is the newest.
pub(super) fn is_since_10_1(machine: &str) -> bool {
    let machine = Options(machine);
    let kind = machine
        .get("type")
        .or_else(|| machine.first())
        .unwrap_or_default();
    let version = kind.rsplit('-').next().unwrap_or_default();
    let version = version.split('+').next().unwrap_or_default();
    match version.split_once('.') {
        Some((major, minor)) => {
            (
                major.parse().unwrap_or(0_u64),
                minor.parse().unwrap_or(0_u64),
            ) >= (10, 1)
        }
        None => true,
    }
}
