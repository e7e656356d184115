//! The homelab that the seeds describe, with fifty guests, from its own site.json.
//!
//! Nodes, storages and pairs are the site's; the named guests are the seeds' and stand where
//! they say; the rest are ordinary containers. Some are made to stay: a container with a bind
//! mount on the NAS, one with a snapshot on LVM-thin, a VM with a graphics card.

use serde_json::{Map, Value, json};

/// Name, VLAN, host, node (by its number in the site), GiB of disk, MiB of memory, whether it is a VM.
type Named = (&'static str, u32, u32, usize, u64, u64, bool);

#[rustfmt::skip]
const NAMED: &[Named] = &[
    ("pbs",            10, 250, 0, 32, 2048, false),
    ("python-dev",     30, 151, 0, 16, 2048, false),
    ("upsnap",         30, 153, 0,  4,  512, false),
    ("pihole-1",        1, 192, 0,  4,  512, false),
    ("vaultwarden",    30, 152, 0,  4,  512, false),
    ("media",           1, 210, 0, 16, 2048, true),
    ("web",             1, 213, 0, 16, 2048, true),
    ("semaphore",      30,  66, 1,  8, 1024, false),
    ("cf-tunnel",      30, 155, 1,  4,  512, false),
    ("netbox",         30, 156, 1, 16, 4096, false),
    ("postgresql",     30, 157, 1, 32, 4096, false),
    ("dns-1",          10, 111, 1,  4,  512, false),
    ("graylog",        30, 158, 2, 32, 4096, true),
    ("n8n",            30, 159, 2,  8, 1024, false),
    ("caddy-2",        30, 162, 2,  4,  512, false),
    ("nfs-2",          30, 166, 2,  8, 1024, false),
    ("dns-2",          10, 112, 2,  4,  512, false),
    ("docker-main",    30, 170, 3, 48, 8192, true),
    ("home-assistant", 40,  10, 3, 32, 4096, true),
    ("homarr",         30, 171, 3,  4,  512, false),
    ("caddy-1",        30, 160, 3,  4,  512, false),
    ("nfs-1",          30, 164, 3,  8, 1024, false),
    ("pihole-2",        1, 193, 3,  4,  512, false),
];

/// Seconds in which a node makes a guest of a template: that of Debian on an SSD.
const UNPACK_S: u32 = 8;

/// How many guests the homelab has.
const GUESTS: usize = 50;

/// The files that the site's templates name: each node has them.
fn files(site: &Value) -> Map<String, Value> {
    let templates = site["templates"].as_object().into_iter().flatten();
    let volumes = templates.flat_map(|(_, template)| [&template["lxc"], &template["vm"]]);
    let volumes = volumes.filter_map(Value::as_str);
    volumes
        .map(|volume| (volume.to_owned(), json!({"seconds": UNPACK_S})))
        .collect()
}

/// The scenario of a site.
pub fn scenario(site: &Value) -> Value {
    let list = |name: &str| site[name].as_array().cloned().unwrap_or_default();
    let nodes = list("nodes");
    let name = |at: usize| nodes[at % nodes.len()]["name"].as_str().unwrap_or_default();
    let kind = |storage: &str| {
        let storages = list("storages");
        let found = storages.iter().find(|s| s["storage"] == storage);
        found.map_or(String::new(), |s| {
            s["type"].as_str().unwrap_or_default().to_owned()
        })
    };
    let mut storages = Map::new();
    for entry in list("storages") {
        let storage = entry["storage"].as_str().unwrap_or_default();
        let on: Vec<&str> = nodes
            .iter()
            .filter(|node| {
                node["storages"]
                    .as_array()
                    .is_some_and(|list| list.contains(&entry["storage"]))
            })
            .filter_map(|node| node["name"].as_str())
            .collect();
        let mut fields = json!({"type": entry["type"], "content": "images,rootdir", "total": 500_u64 << 30, "used": 10_u64 << 30});
        if entry["guests"] == false {
            fields["content"] = "iso,vztmpl,backup,import".into();
        } else {
            fields["nodes"] = on.join(",").into();
        }
        storages.insert(storage.to_owned(), fields);
    }
    let guest = |(guest, vlan, host, node, disk, memory, vm): (
        &str,
        u32,
        u32,
        usize,
        u64,
        u64,
        bool,
    )| {
        let vmid = vlan * 1000 + host;
        let node = &nodes[node % nodes.len()];
        let storage = node["storages"][0].as_str().unwrap_or_default();
        let volume = if kind(storage) == "zfspool" && !vm {
            "subvol"
        } else {
            "vm"
        };
        let volume = format!("{storage}:{volume}-{vmid}-disk-0,size={disk}G");
        let tag = if vlan == 1 {
            String::new()
        } else {
            format!(",tag={vlan}")
        };
        let mac = format!(
            "BC:24:11:{:02X}:{:02X}:{:02X}",
            vmid >> 16,
            vmid >> 8 & 255,
            vmid & 255
        );
        let bridge = node["bridges"][0].as_str().unwrap_or("vmbr0");
        let mut config = if vm {
            json!({"memory": memory.to_string(), "cores": 2, "scsihw": "virtio-scsi-single", "scsi0": volume,
                "net0": format!("virtio={mac},bridge={bridge}{tag}"), "boot": "order=scsi0", "ostype": "l26"})
        } else {
            json!({"memory": memory, "cores": 1, "swap": 512, "rootfs": volume, "features": "nesting=1", "unprivileged": 1,
                "net0": format!("name=eth0,bridge={bridge},hwaddr={mac},ip=192.168.{vlan}.{host}/24{tag},type=veth")})
        };
        config["onboot"] = 1.into();
        if guest.starts_with("dns") || guest.starts_with("pihole") {
            config["startup"] = "order=1,up=5".into();
        }
        json!({"type": if vm {"qemu"} else {"lxc"}, "vmid": vmid, "name": guest, "node": node["name"], "status": "running", "config": config})
    };
    let mut guests: Vec<Value> = NAMED.iter().map(|named| guest(*named)).collect();
    for at in 0..GUESTS - NAMED.len() {
        let name = format!("app-{:02}", at + 1);
        let host = 180 + u32::try_from(at).unwrap_or(0);
        guests.push(guest((&name, 30, host, at, 4, 512, at % 9 == 8)));
    }
    for entry in &mut guests {
        match entry["name"].as_str() {
            Some("pbs") => entry["config"]["mp0"] = "/mnt/nas/pbs,mp=/mnt/datastore".into(),
            Some("python-dev") => entry["snapshots"] = json!(["before-upgrade"]),
            Some("media") => entry["config"]["hostpci0"] = "0000:01:00.0,pcie=1".into(),
            Some("app-05") => entry["status"] = "stopped".into(),
            _ => {}
        }
    }
    let node = |node: &Value| {
        let memory = node["memory_mib"].as_u64().unwrap_or(16_384) << 20;
        json!({"maxmem": memory, "maxcpu": node["cores"], "bridges": node["bridges"], "vlan_aware": node["bridges"]})
    };
    let by_name: Map<String, Value> = (0..nodes.len())
        .map(|at| (name(at).to_owned(), node(&nodes[at])))
        .collect();
    json!({"cluster": site["name"], "nodes": by_name, "storages": storages, "guests": guests, "files": files(site),
        "tokens": {"pvx@pve!drain": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"}, "options": {"migration": {"type": "secure"}}})
}
