//! What of a guest that was there is not as it was asked for. Pure; it is only told, nothing is changed.

use super::{order::Order, seen::Guest};

/// What Proxmox VE takes and does not give back as it was, or gives only to its creation.
const NOT_KEPT: [&str; 6] = [
    "ostemplate",
    "pool",
    "ssh-public-keys",
    "sshkeys",
    "description",
    "import-from",
];

/// Each difference in words: node, size of a disk, or a parameter that has another value.
#[must_use]
pub fn differs(order: &Order, guest: &Guest) -> Vec<String> {
    let mut differs = Vec::new();
    if guest.node != order.node {
        differs.push(format!("it is on {}, not on {}", guest.node, order.node));
    }
    for (name, asked) in &order.params {
        if NOT_KEPT.contains(&name.as_str()) {
            continue;
        }
        match guest.config.get(name) {
            None if is_default(name, asked) => {}
            None => differs.push(format!("{name} is not set, asked for was {asked}")),
            Some(has) if same(asked, has) => {}
            Some(has) => differs.push(format!("{name} is {has}, asked for was {asked}")),
        }
    }
    differs
}

/// What is the same whether it is written or not.
fn is_default(name: &str, asked: &str) -> bool {
    matches!(
        (name, asked),
        ("onboot" | "unprivileged" | "protection", "0")
    )
}

/// Whether a value has all that was asked for: Proxmox VE adds options (a MAC address, the size of a
/// volume), puts them in another order, and turns the volume that was asked for into one that has a name.
fn same(asked: &str, has: &str) -> bool {
    let options =
        |text: &str| -> Vec<String> { text.split([',', ';']).map(str::to_owned).collect() };
    let has = options(has);
    options(asked).iter().enumerate().all(|(at, option)| {
        let volume = at == 0 && option.contains(':') && !option.contains('=');
        let storage = |text: &str| text.split(':').next().map(str::to_owned);
        let bare = option.strip_prefix("virtio").is_some_and(str::is_empty);
        option.starts_with("import-from=")
            || has.contains(option)
            || volume
                && has
                    .first()
                    .is_some_and(|first| storage(first) == storage(option))
            || bare && has.iter().any(|has| has.starts_with("virtio="))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::create_table_tests::{guest, order},
        *,
    };
    use crate::journal::guest_line::Deed;

    #[test]
    fn what_is_told() {
        let has = json!({"hostname": "g", "memory": 512, "rootfs": "zdata:subvol-100-disk-0,size=8G", "tags": "b;pvx",
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.168.30.5/24,type=veth", "unprivileged": 1,
            "net1": "virtio=BC:24:11:00:00:02,bridge=vmbr0"});
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<&str>)] = &[
            ("a number",               "memory",          "512",                         None),
            ("another",                "memory",          "1024",                        Some("memory is 512, asked for was 1024")),
            ("a volume",               "rootfs",          "zdata:8",                     None),
            ("on another storage",     "rootfs",          "hdd:8",                       Some("rootfs is zdata:subvol-100-disk-0,size=8G, asked for was hdd:8")),
            ("an interface",           "net0",            "name=eth0,bridge=vmbr0,ip=192.168.30.5/24,type=veth", None),
            ("of another address",     "net0",            "name=eth0,bridge=vmbr0,ip=192.168.30.6/24", Some("net0 is name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.168.30.5/24,type=veth, asked for was name=eth0,bridge=vmbr0,ip=192.168.30.6/24")),
            ("a VM's",                 "net1",            "virtio,bridge=vmbr0",         None),
            ("tags in another order",  "tags",            "pvx;b",                       None),
            ("what is not kept",       "ssh-public-keys", "ssh-ed25519 AAAA",            None),
            ("not set",                "onboot",          "1",                           Some("onboot is not set, asked for was 1")),
            ("not set, nor asked for", "onboot",          "0",                           None),
        ];
        for (name, key, value, want) in cases {
            let mut order = order(Deed::Create);
            order.params = vec![((*key).to_owned(), (*value).to_owned())];
            let got = differs(&order, &guest("a", has.clone(), true));
            let want: Vec<String> = want.iter().map(|want| (*want).to_owned()).collect();
            assert_eq!(got, want, "{name}");
        }
        let moved = differs(&order(Deed::Create), &guest("b", has, true));
        assert_eq!(moved, ["it is on b, not on a"]);
    }
}
