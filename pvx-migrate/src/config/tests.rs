use super::{machine::is_since_10_1, property::bytes, *};

fn vm(text: &str) -> Config {
    Config::parse(Kind::Qemu, text).unwrap()
}

fn ct(text: &str) -> Config {
    Config::parse(Kind::Lxc, text).unwrap()
}

#[test]
fn drives_of_a_vm() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        ("a disk",                 r#"{"scsi0":"s:vm-1-disk-0,iothread=1,size=32G"}"#,                 "scsi0 s:vm-1-disk-0 34359738368"),
        ("named file=",            r#"{"virtio15":"file=s:vm-1-disk-0,size=1M"}"#,                     "virtio15 s:vm-1-disk-0 1048576"),
        ("without a size",         r#"{"unused3":"s:vm-1-disk-2"}"#,                                   "unused3 s:vm-1-disk-2 0 copied"),
        ("EFI variables",          r#"{"efidisk0":"s:vm-1-disk-1,efitype=4m,size=4M"}"#,               "efidisk0 s:vm-1-disk-1 4194304"),
        ("TPM",                    r#"{"tpmstate0":"s:vm-1-disk-1,size=4M,version=v2.0"}"#,            "tpmstate0 s:vm-1-disk-1 4194304 copied"),
        ("cloud-init",             r#"{"ide2":"s:vm-1-cloudinit,media=cdrom,size=4M"}"#,               "ide2 s:vm-1-cloudinit 4194304 copied"),
        ("an image",               r#"{"ide2":"local:iso/a.iso,media=cdrom,size=700M"}"#,              "image ide2 local:iso/a.iso"),
        ("the node's drive",       r#"{"ide2":"cdrom,media=cdrom"}"#,                                  "image ide2 cdrom"),
        ("an empty drive",         r#"{"ide2":"none,media=cdrom"}"#,                                   ""),
        ("a disk of the node",     r#"{"scsi1":"/dev/disk/by-id/ata-X,size=1T"}"#,                     "path scsi1 /dev/disk/by-id/ata-X"),
        ("one that all have",      r#"{"scsi1":"/dev/mapper/x,shared=1"}"#,                            ""),
        ("the controller",         r#"{"scsihw":"virtio-scsi-single","ide":"x","scsi":"s:y"}"#,        ""),
        ("replicate=0",            r#"{"sata5":"s:vm-1-disk-0,replicate=0,size=1024"}"#,               "sata5 s:vm-1-disk-0 1024 unreplicated"),
    ];
    for (name, text, want) in cases {
        let config = vm(text);
        let volumes = config.volumes.iter().map(|volume| {
            let copied = if volume.copied { " copied" } else { "" };
            let unreplicated = if volume.unreplicated {
                " unreplicated"
            } else {
                ""
            };
            format!(
                "{} {} {}{copied}{unreplicated}",
                volume.key,
                volume.volid(),
                volume.size
            )
        });
        let images = config
            .images
            .iter()
            .map(|(key, image)| format!("image {key} {image}"));
        let paths = config
            .paths
            .iter()
            .map(|(key, path)| format!("path {key} {path}"));
        let got: Vec<String> = volumes.chain(images).chain(paths).collect();
        assert_eq!(got.join("; "), *want, "{name}");
    }
}

#[test]
fn volumes_and_their_owners() {
    #[rustfmt::skip]
    let cases = [
        ("vm-101-disk-0",                                     Some(101), false),
        ("101/vm-101-disk-0.qcow2",                           Some(101), false),
        ("subvol-101-disk-0",                                 Some(101), false),
        ("base-100-disk-0",                                   Some(100), false),
        ("base-100-disk-0/vm-101-disk-0",                     Some(101), true),
        ("100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2", Some(101), true),
        ("basevol-100-disk-0/subvol-101-disk-0",              Some(101), true),
        ("some-name",                                         None,      false),
        ("",                                                  None,      false),
    ];
    for (name, owner, linked) in cases {
        let volume = Volume {
            key: "scsi0".to_owned(),
            storage: "s".to_owned(),
            name: name.to_owned(),
            size: 0,
            copied: false,
            unreplicated: false,
            snapshots: Vec::new(),
        };
        assert_eq!(
            (volume.owner(), volume.is_linked_clone()),
            (owner, linked),
            "{name}"
        );
    }
}

#[test]
fn network_and_start_up() {
    let config = vm(
        r#"{"net0":"virtio=BC:24:11:00:27:7F,bridge=vmbr0,tag=30","ipconfig0":"ip=192.168.30.66/24,gw=192.168.30.1,ip6=fd00::1/64","startup":"order=2,up=10,down=60","digest":"d"}"#,
    );
    assert_eq!(
        (&config.bridges[..], &config.macs[..]),
        (
            &["vmbr0".to_owned()][..],
            &["bc:24:11:00:27:7f".to_owned()][..]
        )
    );
    let addresses: Vec<String> = config.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["192.168.30.66", "fd00::1"]);
    assert_eq!(
        (config.order, config.down, config.digest.as_deref()),
        (Some(2), Some(60), Some("d"))
    );
    let config = ct(
        r#"{"net0":"name=eth0,bridge=vmbr0,hwaddr=bc:24:11:00:02:01,ip=dhcp,type=veth","net1":"name=eth1,bridge=vmbr1,ip=10.0.0.1/8","startup":"3"}"#,
    );
    assert_eq!(
        (
            config.bridges.len(),
            config.macs.len(),
            config.addresses.len(),
            config.order
        ),
        (2, 1, 1, Some(3))
    );
}

#[test]
fn what_ties_a_vm() {
    let config = vm(
        r#"{"hostpci0":"0000:01:00.0,pcie=1","hostpci1":"mapping=gpu,pcie=1","usb0":"host=1-2","usb1":"spice","usb2":"mapping=key",
            "serial0":"socket","serial1":"/dev/ttyS0","parallel0":"/dev/parport0","ivshmem":"size=32","virtiofs0":"dirid=media,cache=auto"}"#,
    );
    assert_eq!(
        config.local_devices,
        ["hostpci0", "usb0", "serial1", "parallel0", "ivshmem"]
    );
    let mapped: Vec<String> = config
        .mapped
        .iter()
        .map(|(key, name)| format!("{key}={name}"))
        .collect();
    assert_eq!(mapped, ["hostpci1=gpu", "usb2=key", "virtiofs0=media"]);
}

#[test]
fn processors() {
    #[rustfmt::skip]
    let cases = [
        (r#"{"cpu":"host","cores":4,"sockets":"2"}"#,      Cpu::Host,     8),
        (r#"{"cpu":"cputype=host,flags=+aes"}"#,           Cpu::Host,     1),
        (r#"{"cpu":"x86-64-v2-AES"}"#,                     Cpu::Level(2), 1),
        (r#"{"cpu":"x86-64-v4,flags=-x"}"#,                Cpu::Level(4), 1),
        (r#"{"cpu":"kvm64"}"#,                             Cpu::Any,      1),
        (r#"{"cpu":"EPYC-Rome,flags=+aes"}"#,              Cpu::Named("EPYC-Rome".into()), 1),
        (r#"{"cpu":"custom-lab"}"#,                        Cpu::Named("custom-lab".into()), 1),
        ("{}",                                             Cpu::Any,      1),
    ];
    for (text, cpu, vcpus) in cases {
        assert_eq!((vm(text).cpu, vm(text).vcpus), (cpu, vcpus), "{text}");
    }
}

#[test]
fn machines_since_10_1() {
    #[rustfmt::skip]
    let cases = [
        ("", true), ("q35", true), ("pc-q35-10.1", true), ("pc-i440fx-10.2+pve1", true), ("pc-q35-11.0", true),
        ("pc-q35-10.0", false), ("pc-q35-9.2+pve1,viommu=intel", false), ("type=pc-q35-9.2", false),
    ];
    for (machine, want) in cases {
        assert_eq!(is_since_10_1(machine), want, "{machine}");
    }
}

#[test]
fn sizes_of_pve() {
    #[rustfmt::skip]
    let cases = [("8G", 8 << 30), ("700M", 700 << 20), ("4K", 4096), ("1T", 1 << 40), ("1.5G", 3 << 29), ("528", 528), ("", 0), ("G", 0), ("99999999999T", u64::MAX)];
    for (text, want) in cases {
        assert_eq!(bytes(text), want, "{text}");
    }
}

#[test]
fn a_config_that_is_none() {
    for text in ["", "[]", "null", "{", "5"] {
        assert!(Config::parse(Kind::Lxc, text).is_err(), "{text}");
    }
}

/// Keys and names, in one line.
fn listed(pairs: &[(String, String)]) -> String {
    let words = pairs.iter().map(|(key, name)| format!("{key} {name}"));
    words.collect::<Vec<_>>().join("; ")
}

#[test]
fn raw_lines_of_lxc() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str, &str, &str)] = &[
        // name, lines, devices, files, interfaces, optional
        ("a hook",                  r#"["lxc.hook.pre-start","/usr/local/bin/up.sh"]"#,         "", "lxc.hook.pre-start /usr/local/bin/up.sh", "", ""),
        ("a hook with arguments",   r#"["lxc.hook.mount","/opt/m.sh a b"]"#,                    "", "lxc.hook.mount /opt/m.sh", "", ""),
        ("a hook of its own files", r#"["lxc.hook.start","/sbin/x"],["lxc.hook.version","1"]"#, "", "", "", ""),
        ("an include",              r#"["lxc.include","/etc/lxc/extra.conf"]"#,                 "", "lxc.include /etc/lxc/extra.conf", "", ""),
        ("an include of LXC's own", r#"["lxc.include","/usr/share/lxc/config/nesting.conf"]"#,  "", "", "", ""),
        ("in the cluster's files",  r#"["lxc.include","/etc/pve/lxc-extra.conf"]"#,             "", "", "", ""),
        ("but of the node",         r#"["lxc.include","/etc/pve/local/extra.conf"]"#,           "", "lxc.include /etc/pve/local/extra.conf", "", ""),
        ("beside the cluster's",    r#"["lxc.include","/etc/pve-local/extra.conf"]"#,           "", "lxc.include /etc/pve-local/extra.conf", "", ""),
        ("an interface",            r#"["lxc.net.1.type","phys"],["lxc.net.1.link","enp3s0"]"#, "", "", "lxc.net.1.type phys enp3s0", ""),
        ("link first, macvlan",     r#"["lxc.net.1.link","eno1"],["lxc.net.1.type","macvlan"]"#, "", "", "lxc.net.1.type macvlan eno1", ""),
        ("none",                    r#"["lxc.net.0.type","empty"],["lxc.net.1.type","phys"]"#,  "", "", "", ""),
        ("a mount",                 r#"["lxc.mount.entry","/dev/dri dev/dri none bind 0 0"]"#,  "lxc.mount.entry /dev/dri", "", "", ""),
        ("optional",                r#"["lxc.mount.entry","/dev/dri dev/dri none bind,optional,create=dir"]"#, "", "", "", "lxc.mount.entry /dev/dri"),
        ("optional, everywhere",    r#"["lxc.mount.entry","/dev/net/tun dev/net/tun none bind,optional"]"#, "", "", "", ""),
        ("not of the node",         r#"["lxc.mount.entry","tmpfs dev/shm tmpfs size=1G"],["lxc.cgroup2.devices.allow","a"]"#, "", "", "", ""),
    ];
    for (name, lines, devices, files, interfaces, optional) in cases {
        let config = ct(&format!(r#"{{"lxc":[{lines}]}}"#));
        let got = [
            &config.devices,
            &config.files,
            &config.interfaces,
            &config.optional,
        ];
        let got = got.map(|pairs| listed(pairs));
        assert_eq!(got, [*devices, *files, *interfaces, *optional], "{name}");
    }
    let veth = ct(r#"{"lxc":[["lxc.net.1.type","veth"],["lxc.net.1.link","vmbr7"]]}"#);
    assert_eq!(veth.bridges, ["vmbr7"]);
}

#[test]
fn what_a_vm_names_of_its_host() {
    let config = vm(
        r#"{"hookscript":"local:snippets/a.pl","args":"-device x","hugepages":"1024","numa":1,"numa0":"cpus=0-3,hostnodes=0-1,memory=1024,policy=bind",
            "affinity":"0-2,8","rng0":"source=/dev/hwrng,max_bytes=1024"}"#,
    );
    assert_eq!(listed(&config.files), "hookscript local:snippets/a.pl");
    assert_eq!(listed(&config.devices), "rng0 /dev/hwrng");
    assert_eq!(
        (config.args.as_deref(), config.hugepages.as_deref()),
        (Some("-device x"), Some("1024"))
    );
    assert_eq!(
        (config.numa_node, &config.affinity[..]),
        (Some(1), &[0, 1, 2, 8][..])
    );
    let config = vm(
        r#"{"numa":0,"numa0":"cpus=0,hostnodes=1","affinity":"x,3-1,0-99999999","rng0":"/dev/urandom","args":""}"#,
    );
    assert_eq!(
        config,
        Config {
            vcpus: 1,
            ..Config::default()
        }
    );
}
