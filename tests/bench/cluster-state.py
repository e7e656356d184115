#!/usr/bin/env python3
"""Print a state document, as 'pvx-migrate state' does of a large cluster.

usage: cluster-state.py GUESTS NODES

Every guest is read in full. Half are containers, one in seven doesn't run, one in ten has
a start-up order, one in twenty is managed by HA; half the nodes have LVM-thin, half ZFS.
"""

import json
import sys
import time

GIB = 1 << 30
guests, nodes = int(sys.argv[1]), int(sys.argv[2])
names = [f"node{n:02}" for n in range(nodes)]
share = guests / nodes
free = int(share * 64) * GIB


def guest(number):
    vmid, node = 1000 + number, number % nodes
    kind = "lxc" if number // nodes % 2 else "qemu"
    pool = "zdata" if node % 2 else "ssd"
    config = {
        "cores": 2, "memory": 1024 + number % 7 * 512, "onboot": 1, "ostype": "debian",
        "tags": "production;web", "digest": f"{vmid:040x}",
        "net0": f"name=eth0,bridge=vmbr0,hwaddr=BC:24:11:{node:02X}:{number >> 8 & 255:02X}:{number & 255:02X},ip=dhcp,type=veth",
        "description": "a guest of the bench, with a description of the length that people write",
    }
    volume = f"{pool}:vm-{vmid}-disk-0,size={8 + number % 5 * 8}G"
    config["rootfs" if kind == "lxc" else "scsi0"] = volume
    if kind == "lxc":
        config.update(hostname=f"guest-{vmid}", features="nesting=1", unprivileged=1, swap=512)
    else:
        config.update(scsihw="virtio-scsi-single", boot="order=scsi0", agent="enabled=1", cpu="x86-64-v2-AES")
    if number % 10 == 0:
        config["startup"] = f"order={number % 3 + 1}"
    entry = {
        "vmid": vmid, "type": kind, "name": f"guest-{vmid}", "node": names[node],
        "status": "stopped" if number % 7 == 3 else "running",
        "maxmem": config["memory"] << 20, "disk": 2 * GIB, "config": config, "snapshots": {} if kind == "lxc" else [],
    }
    if entry["status"] == "stopped":
        entry["current"] = {"status": "stopped", "mem": 0}
    if kind == "qemu":
        entry["precondition"] = {
            "running": 1, "allowed_nodes": names[:4], "not_allowed_nodes": {}, "local_resources": [], "mapped-resources": [],
            "local_disks": [{"volid": volume.split(",")[0], "size": 32 * GIB, "cdrom": 0, "is_unused": 0}],
        }
    return entry


def space(rest):
    return {name: {"free": free, "total": 2 * free} for n, name in enumerate(names) if n % 2 == rest}


everyone = [guest(number) for number in range(guests)]
sids = [("ct" if g["type"] == "lxc" else "vm") + f":{g['vmid']}" for g in everyone[::20]]
json.dump({
    "version": 2, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    "cluster": {"name": "bench", "pve": "9.1.3", "quorate": True, "qdevice_votes": 0},
    "nodes": [{"node": name, "online": True, "votes": 1, "maxmem": int(share * 4) * GIB, "maxcpu": 64, "cpu_level": 3,
               "cpu_model": "EPYC", "pve": "9.1.3", "bridges": ["vmbr0"]} for name in names],
    "storages": [
        {"storage": "ssd", "type": "lvmthin", "content": ["images", "rootdir"], "shared": False, "nodes": space(0)},
        {"storage": "zdata", "type": "zfspool", "content": ["images", "rootdir"], "shared": False, "nodes": space(1)},
    ],
    "guests": everyone, "hidden": [],
    "ha": {"resources": [{"sid": sid, "state": "started", "crm_state": "started"} for sid in sids],
           "rules": [{"type": "resource-affinity", "rule": f"r{n}", "resources": sids[n:n + 3], "negative": True}
                     for n in range(0, len(sids), 3)]},
    "replication": [], "tasks": [], "options": {},
    "permissions": {"/": {"Sys.Audit": True}, "/vms": {"VM.Audit": True, "VM.Migrate": True, "VM.PowerMgmt": True}},
    "missing": [], "self_macs": ["02:00:00:00:00:01"],
}, sys.stdout, separators=(",", ":"))
print()
