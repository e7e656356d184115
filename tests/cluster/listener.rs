//! Who is told when a guest is made, starts, stops or is destroyed: a command of the test's, so that
//! a real sshd can stand at the guest's address.
//!
//! `COMMAND create|start|stop|destroy NODE VMID NAME NET0`, waited for. What `create` prints as lines
//! `ed25519 SHA256:...` are the guest's host keys, as the task's log then has them.

use std::process::Command;

use crate::world::World;

/// A host key: its type, and its fingerprint as ssh-keygen prints it.
pub type HostKey = (String, String);

impl World {
    /// The lines that the command printed; none if there is no command.
    pub fn tell(&self, event: &str, vmid: u32) -> Vec<String> {
        let (Some(command), Some(guest)) = (&self.listener, self.guests.get(&vmid)) else {
            return Vec::new();
        };
        // Of a VM cloud-init sets the address.
        let mut net = guest.text("net0");
        if !guest.ct {
            net = format!("{net},{}", guest.text("ipconfig0"));
        }
        let words = [event, &guest.node, &vmid.to_string(), &guest.name, &net];
        let output = Command::new(command).args(words).output();
        let output = output.unwrap_or_else(|error| panic!("{command}: {error}"));
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!(
                "pve-cluster: {command} {event} {vmid}: {}: {said}",
                output.status
            );
        }
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(str::to_owned).collect()
    }

    /// The host keys of a new container: those of whoever stands for it, or some.
    pub fn host_keys(&self, vmid: u32, attempt: usize) -> Vec<HostKey> {
        let told = self.tell("create", vmid);
        let pairs = told.iter().filter_map(|line| line.split_once(' '));
        let told: Vec<HostKey> = pairs
            .map(|(kind, print)| (kind.to_owned(), print.to_owned()))
            .collect();
        if !told.is_empty() {
            return told;
        }
        // Their order varies.
        let mut kinds = ["ed25519", "rsa", "ecdsa"];
        kinds.rotate_left((vmid as usize + attempt) % 3);
        let print = |kind: &str| format!("SHA256:{}", made_up(&format!("{kind} {vmid} {attempt}")));
        kinds.map(|kind| (kind.to_owned(), print(kind))).into()
    }
}

/// 43 characters of base64, as 32 bytes are.
fn made_up(seed: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut letter = || {
        hash ^= hash >> 27;
        hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (hash << 13);
        char::from(letters[(hash >> 40) as usize % 64])
    };
    let mut text: String = (0..42).map(|_| letter()).collect();
    text.push('A'); // the last stands for four bits only
    text
}
