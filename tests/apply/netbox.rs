//! With a real NetBox as the IPAM: the address is on the interface of the guest's virtual machine there.

use serde_json::json;

use crate::{
    bed::{Answer, Bed},
    namespaces::not_run,
    whole::PAPERLESS,
};

/// The token of tests/data/netbox's administrator.
const ADMIN: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn the_address_is_the_machines() {
    let Some(bed) = Bed::new("the_address_is_the_machines") else {
        return;
    };
    let up = bed
        .command("netbox")
        .args(["up", "/mnt/netbox"])
        .env_remove("TMPDIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&up.stderr);
    if up.status.code() == Some(4) {
        not_run("apply", "the_address_is_the_machines", said.trim());
        return;
    }
    assert!(up.status.success(), "{said}");
    let url = String::from_utf8_lossy(&up.stdout).trim().to_owned();
    bed.site(json!({"netbox": {"cluster": "lab"}}));
    let netbox = |path: &str, body: Option<&str>| {
        let data = body.map_or_else(String::new, |body| {
            format!("-H 'Content-Type: application/json' -d '{body}'")
        });
        let text = bed.bash(&format!(
            "curl -sSf -H 'Authorization: Token {ADMIN}' {data} '{url}/api/{path}'"
        ));
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let kind = netbox(
        "virtualization/cluster-types/",
        Some(r#"{"name": "pve", "slug": "pve"}"#),
    );
    netbox(
        "virtualization/clusters/",
        Some(&json!({"name": "lab", "type": kind["id"]}).to_string()),
    );

    let call = |words: &[&str]| {
        let mut command = bed.command("provision");
        command
            .env("NETBOX_TOKEN", ADMIN)
            .args(["--ipam", &url, "--identity", "/mnt/lab/id"])
            .args(words);
        Answer::of(&command.output().unwrap())
    };
    let record = call(&PAPERLESS).good().clone();
    assert_eq!(
        (&record["ready"], &record["assigned"]["virtual_machine"]),
        (&json!(true), &json!("paperless")),
        "{record}"
    );
    let address = record["address"].as_str().unwrap();
    assert_eq!(
        bed.ssh(address.trim_end_matches("/24"), "hostname"),
        "paperless"
    );
    let machine = netbox("virtualization/virtual-machines/?name=paperless", None);
    assert_eq!(
        machine["results"][0]["primary_ip4"]["address"], record["address"],
        "{machine}"
    );
    let again = call(&PAPERLESS).good().clone();
    assert_eq!(
        (&again["changed"], &again["address"], &again["ready"]),
        (&json!(false), &record["address"], &json!(true))
    );
}
