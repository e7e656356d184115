//! There and back: what provision has made deprovision removes, and the same name can be asked for again.

use serde_json::json;

use crate::{bed::Bed, whole::PAPERLESS};

#[test]
fn made_removed_and_made_again() {
    let Some(bed) = Bed::new("made_removed_and_made_again") else {
        return;
    };
    let ipam = bed.word("ipam");
    let removal = [
        "--apply",
        "--ipam",
        &ipam,
        "--stop",
        "--no-backup-needed",
        "paperless",
    ];
    let made = bed.provision(&PAPERLESS, &[]);
    assert_eq!(made.good()["changed"], true, "{made:#?}");
    let keys = bed.known_hosts();

    let gone = bed.run("deprovision", &removal, &[]);
    let record = gone.good();
    assert_eq!(
        (
            &record["destroyed"],
            &record["retired"],
            &record["remembers"]
        ),
        (&json!(true), &json!(true), &json!([])),
        "{record}"
    );
    assert_eq!(bed.guests(), [(30200, "old".into())]);
    assert_eq!(bed.bash("pgrep -c sshd || true"), "0");
    let again = bed.run("deprovision", &removal, &[]);
    assert_eq!(again.good()["changed"], false, "{again:#?}");

    // The same address and ID, another guest, whose host keys are its own.
    let anew = bed.provision(&PAPERLESS, &[]);
    let record = anew.good();
    assert_eq!(
        (&record["vmid"], &record["changed"]),
        (&json!(30002), &json!(true)),
        "{record}"
    );
    assert_ne!(bed.known_hosts(), keys);
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless");
    let gone = bed.run("deprovision", &removal, &[]);
    assert_eq!(gone.good()["destroyed"], true, "{gone:#?}");
    assert_eq!(bed.guests(), [(30200, "old".into())]);
}
