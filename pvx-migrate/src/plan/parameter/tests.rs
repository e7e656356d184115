//! What provision prints is sent, and nothing that somebody wrote into a plan.

use super::*;

/// What provision prints, as scripts/provision -n has it.
fn usual(kind: Kind) -> Params {
    let text = match kind {
        Lxc => {
            r#"{"ostemplate":"local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst","hostname":"paperless",
            "cores":1,"memory":1024,"swap":512,"rootfs":"zdata:8","unprivileged":1,"features":"nesting=1",
            "net0":"name=eth0,bridge=vmbr0,tag=30,ip=192.168.30.50/24,gw=192.168.30.1,type=veth",
            "timezone":"America/Los_Angeles","nameserver":"192.168.10.110","searchdomain":"home.example",
            "onboot":1,"ssh-public-keys":"ssh-ed25519 AAAA a@b\nssh-rsa AAAA c","pool":"made"}"#
        }
        Qemu => {
            r#"{"name":"win.ci","ostype":"l26","cores":2,"memory":2048,"cpu":"x86-64-v2-AES","agent":"enabled=1",
            "scsihw":"virtio-scsi-single","ide2":"zdata:cloudinit","boot":"order=scsi0","serial0":"socket",
            "scsi0":"zdata:0,import-from=local:import/debian-13.qcow2,discard=on,iothread=1","vga":"serial0",
            "net0":"virtio,bridge=vmbr0,tag=30","ipconfig0":"ip=192.168.30.50/24,gw=192.168.30.1",
            "nameserver":"192.168.10.110","searchdomain":"home.example","ciuser":"debian","onboot":1,
            "sshkeys":"ssh-ed25519%20AAAA%20a%40b"}"#
        }
    };
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_provision_prints_is_ours() {
    for kind in [Lxc, Qemu] {
        assert_eq!(foreign(&usual(kind), kind), None);
        let other = if kind == Lxc { Qemu } else { Lxc };
        assert!(foreign(&usual(kind), other).is_some());
    }
}

#[test]
fn what_somebody_wrote_into_it_is_not() {
    const NO: Option<&str> = Some("plan make sets no");
    const FORM: Option<&str> = Some("has a form that plan make does not write");
    #[rustfmt::skip]
    let cases: &[(&str, Kind, &str, &str, Option<&str>)] = &[
        ("force",                   Lxc,  "force",        "1",                                   NO),
        ("restore",                 Lxc,  "restore",      "1",                                   NO),
        ("its own storage",         Lxc,  "storage",      "zdata",                               NO),
        ("another ID",              Lxc,  "vmid",         "101",                                 NO),
        ("hook script",             Lxc,  "hookscript",   "local:snippets/x.sh",                 NO),
        ("a device",                Lxc,  "dev0",         "/dev/kvm",                            NO),
        ("an unused volume",        Lxc,  "unused0",      "zdata:subvol-101-disk-0",             NO),
        ("a raw LXC key",           Lxc,  "lxc.idmap",    "u 0 0 1",                             NO),
        ("a password",              Lxc,  "password",     "geheim",                              NO),
        ("a lock",                  Lxc,  "lock",         "create",                              NO),
        ("starts by itself",        Lxc,  "start",        "1",                                   NO),
        ("HA",                      Lxc,  "ha-managed",   "1",                                   NO),
        ("bind mount",              Lxc,  "mp0",          "/srv,mp=/srv",                        FORM),
        ("device mount",            Lxc,  "mp0",          "/dev/sdb1,mp=/srv",                   FORM),
        ("another's volume",        Lxc,  "mp0",          "zdata:subvol-101-disk-0,mp=/srv",     FORM),
        ("a new volume",            Lxc,  "mp0",          "zdata:8,mp=/srv",                     None),
        ("kept out of backups",     Lxc,  "mp255",        "zdata:8,mp=/srv,backup=0",            None),
        ("no such number",          Lxc,  "mp256",        "zdata:8,mp=/srv",                     NO),
        ("a spelling of its own",   Lxc,  "mp00",         "zdata:8,mp=/srv",                     NO),
        ("mounted nowhere",         Lxc,  "mp0",          "zdata:8",                             FORM),
        ("mounted above",           Lxc,  "mp0",          "zdata:8,mp=/srv/../etc",              FORM),
        ("a root that is there",    Lxc,  "rootfs",       "zdata:subvol-101-disk-0",             FORM),
        ("a folder as its root",    Lxc,  "rootfs",       "/",                                   FORM),
        ("options of the root",     Lxc,  "rootfs",       "zdata:8,mountoptions=dev",            FORM),
        ("a root without size",     Lxc,  "rootfs",       "zdata:0",                             FORM),
        ("keys and mounts",         Lxc,  "features",     "nesting=1,mount=nfs",                 FORM),
        ("keyctl",                  Lxc,  "features",     "nesting=1,keyctl=1",                  FORM),
        ("a backup as template",    Lxc,  "ostemplate",   "pbs:backup/ct/101/2026",              FORM),
        ("a path as template",      Lxc,  "ostemplate",   "/etc/shadow",                         FORM),
        ("a way out of it",         Lxc,  "ostemplate",   "local:vztmpl/../x",                   FORM),
        ("newline in a name",       Lxc,  "hostname",     "a\nb",                                FORM),
        ("another line",            Lxc,  "nameserver",   "192.168.1.1\n",                       FORM),
        ("a script of the net",     Lxc,  "net0",         "name=eth0,bridge=vmbr0,script=/x",    FORM),
        ("an option twice",         Lxc,  "net0",         "name=eth0,bridge=a,bridge=b",         FORM),
        ("a huge tag",              Lxc,  "net0",         "name=eth0,bridge=vmbr0,tag=4095",     FORM),
        ("a very long description", Lxc,  "description",  &"x".repeat(LONGEST_TEXT + 1),         FORM),
        ("a description's lines",   Lxc,  "description",  "one\ntwo",                            None),
        ("with an escape",          Lxc,  "description",  "\u{1b}[31m",                          FORM),
        ("arguments of QEMU",       Qemu, "args",         "-device x",                           NO),
        ("no lock",                 Qemu, "skiplock",     "1",                                   NO),
        ("a PCI device",            Qemu, "hostpci0",     "01:00.0",                             NO),
        ("a USB device",            Qemu, "usb0",         "host=1:2",                            NO),
        ("a real serial port",      Qemu, "serial0",      "/dev/ttyS0",                          FORM),
        ("another cloud-init file", Qemu, "cicustom",     "user=local:snippets/x",               NO),
        ("a password of cloud-init", Qemu, "cipassword",  "geheim",                              NO),
        ("an archive",              Qemu, "archive",      "-",                                   NO),
        ("a path as image",         Qemu, "scsi0",        "zdata:0,import-from=/etc/shadow",     FORM),
        ("another VM's disk",       Qemu, "scsi0",        "zdata:0,import-from=zdata:vm-101-disk-0", FORM),
        ("that disk itself",        Qemu, "scsi0",        "zdata:vm-101-disk-0",                 FORM),
        ("a host's device",         Qemu, "scsi1",        "/dev/sda",                            FORM),
        ("a file of QEMU's",        Qemu, "scsi1",        "zdata:8,file=/etc/shadow",            FORM),
        ("a second disk",           Qemu, "scsi1",        "zdata:8,iothread=1",                  None),
        ("nothing imported",        Qemu, "scsi1",        "zdata:0",                             FORM),
        ("an image and a size",     Qemu, "scsi1",        "zdata:8,import-from=local:import/a",  FORM),
        ("an image of another",     Qemu, "ide2",         "local:iso/a.iso,media=cdrom",         FORM),
        ("a key that isn't coded",  Qemu, "sshkeys",      "ssh-ed25519 AAAA",                    FORM),
        ("half a code",             Qemu, "sshkeys",      "ssh-ed25519%2",                       FORM),
    ];
    for (name, kind, key, value, want) in cases {
        let mut params = usual(*kind);
        params.insert((*key).to_owned(), Scalar::Text((*value).to_owned()));
        let found = foreign(&params, *kind);
        let is_as_wanted = match want {
            None => found.is_none(),
            Some(part) => found
                .as_ref()
                .is_some_and(|text| text.contains(part) && text.contains(key)),
        };
        assert!(is_as_wanted, "{name}: {found:?}");
        assert!(!found.unwrap_or_default().contains("geheim"), "{name}");
    }
}

#[test]
fn numbers_are_numbers() {
    let mut params = usual(Lxc);
    params.insert("nameserver".to_owned(), Scalar::Number(1));
    assert!(foreign(&params, Lxc).is_some());
    params = usual(Lxc);
    params.insert("cores".to_owned(), Scalar::Text("2".to_owned()));
    assert_eq!(foreign(&params, Lxc), None);
}

#[test]
fn sizes() {
    #[rustfmt::skip]
    let cases: &[(&str, Kind, &str, &str, bool)] = &[
        ("the disk",        Qemu, "scsi0", "32G",  true),
        ("another",         Qemu, "scsi1", "32G",  false),
        ("cloud-init's",    Qemu, "ide2",  "32G",  false),
        ("a container's",   Lxc,  "rootfs", "32G", false),
        ("more of it",      Qemu, "scsi0", "+32G", false),
        ("nothing",         Qemu, "scsi0", "G",    false),
        ("bytes",           Qemu, "scsi0", "32",   false),
    ];
    for (name, kind, disk, size, want) in cases {
        let resize = BTreeMap::from([((*disk).to_owned(), (*size).to_owned())]);
        let found = foreign_resize(&resize, &usual(*kind), *kind);
        assert_eq!(found.is_none(), *want, "{name}: {found:?}");
    }
}
