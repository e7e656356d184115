//! A target that a real NFS server exports: what it says over NFSv3 is the archive that the record names.
//!
//! The archive is written into the exported folder, as there is no NFS client in a kernel that one can count on; it is
//! read back by libnfs, which is one in a process.

use std::fs;

use serde_json::{Value, json};

use crate::lab::{Lab, have, not_run};

const SERVER: &str = r"
ip link set lo up; mount -t tmpfs none /run
rpcbind -f -w & ganesha.nfsd -F -f ganesha.conf -L ganesha.log -p ganesha.pid &
for _ in $(seq 100); do nfs-ls nfs://127.0.0.1$PWD/target >/dev/null 2>&1 && break; sleep 0.1; done
app-backup app >record
nfs-cp nfs://127.0.0.1$(jq -r .file record) back >/dev/null";

#[test]
fn read_over_nfs() {
    let test = "read_over_nfs";
    if !have(
        test,
        &["unshare", "ip", "rpcbind", "ganesha.nfsd", "nfs-cp", "jq"],
    ) {
        return;
    }
    let lab = Lab::new();
    let (at, recovery) = (lab.path("target"), lab.path("recovery"));
    fs::create_dir(&recovery).unwrap();
    fs::write(lab.path("ganesha.conf"), format!(
        "NFS_CORE_PARAM {{ Protocols = 3,4; MNT_Port = 20048; Enable_NLM = false; Enable_RQUOTA = false; }}\n\
         NFSV4 {{ RecoveryRoot = \"{}\"; Grace_Period = 1; Lease_Lifetime = 1; }}\n\
         EXPORT {{ Export_Id = 1; Path = {at}; Pseudo = /target; Access_Type = RW; Squash = None; SecType = sys; Protocols = 3,4; Transports = TCP; FSAL {{ Name = VFS; }} }}\n",
        recovery.display(), at = at.display()
    )).unwrap();
    lab.bash("head -c 3M /dev/urandom >data/x");
    lab.site(&json!({}), &json!({}));
    let may = lab
        .command("unshare")
        .args(["-n", "-m", "-p", "-f", "true"])
        .status();
    if !may.unwrap().success() {
        not_run(test, "no namespaces can be had");
        return;
    }
    let output = lab
        .command("unshare")
        .args([
            "-n",
            "-m",
            "-p",
            "-f",
            "--kill-child",
            "bash",
            "-euc",
            SERVER,
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let record: Value = serde_json::from_slice(&fs::read(lab.path("record")).unwrap()).unwrap();
    let sum = lab.bash("sha256sum <back");
    assert_eq!(sum.split(' ').next(), record["sha256"].as_str());
}
