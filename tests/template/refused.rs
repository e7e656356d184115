//! What is refused before anything is built.

use std::{fs, os::unix::fs::symlink, process::Command};

use serde_json::json;

use crate::{Ran, build_template, builds, site};

#[test]
fn calls_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let named = site(
        folder.path(),
        &json!({"base": {}, "a b": {}, "$(touch owned)": {}, "-x": {}}),
    );
    #[rustfmt::skip]
    let calls: &[(&str, &[&str], &str)] = &[
        ("no such template",   &["pyton"], "has no template pyton; it has "),
        ("the second of two",  &["base", "pyton"], "has no template pyton; it has "),
        ("a blank in it",      &["a b"], "'a b' can't be a template's"),
        ("a command in it",    &["$(touch owned)"], "can't be a template's"),
        ("a path",             &["../base"], "looks like a file"),
        ("no folder",          &["base", "--output=none"], "--output: none is no folder"),
        ("a password",         &["base", "--mirror=http://me:secret@mirror.example/debian"], "has no user or password in it"),
        ("no web address",     &["base", "--mirror=file:///srv/debian"], "--mirror is http://HOST/PATH"),
        ("a path as suite",    &["base", "--suite=../sid"], "--suite is a name such as bookworm"),
        ("no storage",         &["base", "--upload=node2"], "--upload is NODE:STORAGE, not 'node2'"),
        ("a path as storage",  &["base", "--upload=node2:../../x"], "--upload is NODE:STORAGE"),
        ("no API",             &["base", "--upload=node2:local"], "--upload goes by the API: set PROXMOX_VE_ENDPOINT"),
        ("nothing to be done", &["--file=x.tar.zst"], "--file without --upload"),
    ];
    if !builds("calls that are wrong") {
        return;
    }
    for (name, words, part) in calls {
        let words = [&[&*named], *words].concat();
        let ran = Ran::of(&build_template(folder.path(), &words).output().unwrap());
        assert_eq!(
            (ran.code, ran.records.len()),
            (Some(2), 0),
            "{name}: {ran:?}"
        );
        assert!(ran.said.contains(part), "{name}: {}", ran.said);
        assert!(!ran.said.contains("secret"), "{name}: {}", ran.said);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the site");
    let ran = build_template(folder.path(), &["base"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(2), "without a site: {ran:?}");
}

/// A mirror that isn't there, or isn't Debian's, and a folder that is somebody else's.
#[test]
fn sources_and_folders_that_are_not_trusted() {
    if !builds("sources and folders") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path(), &json!({"base": {}}));
    let refused = |words: &[&str], step: &str, part: &str| {
        let words = [&["base", &*site], words].concat();
        let ran = Ran::of(&build_template(folder.path(), &words).output().unwrap());
        let error = &ran.records[0]["error"];
        assert_eq!(
            (ran.code, &error["step"]),
            (Some(3), &json!(step)),
            "{ran:?}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part) && ran.said.contains(part), "{ran:?}");
    };
    refused(
        &["--mirror=http://127.0.0.1:1/debian"],
        "sources",
        "can't be had",
    );

    // One that says it is, with a signature of nobody's.
    let www = folder.path().join("www/dists/bookworm");
    fs::create_dir_all(&www).unwrap();
    fs::write(www.join("InRelease"), "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nOrigin: Debian\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n").unwrap();
    let serve = "import functools as f, http.server as h, sys\ns = h.ThreadingHTTPServer(('127.0.0.1', 0), f.partial(h.SimpleHTTPRequestHandler, directory=sys.argv[1]))\nprint(s.server_port, flush=True)\ns.serve_forever()";
    let mut server = Command::new("python3")
        .args(["-c", serve])
        .arg(folder.path().join("www"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut out = std::io::BufReader::new(server.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut port).unwrap();
    let mirror = format!("--mirror=http://127.0.0.1:{}", port.trim());
    refused(
        &[&mirror, "--suite=bookworm"],
        "sources",
        "isn't signed by a key of",
    );
    server.kill().unwrap();
    server.wait().unwrap();

    // Another run's folder, and a trap.
    let work = folder.path().join(".build-template-base");
    fs::create_dir(&work).unwrap();
    let mut holder = Command::new("flock")
        .arg(&work)
        .args(["-c", "echo held; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = String::new();
    let mut out = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut held).unwrap();
    refused(&[], "work", "another run is at it");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    fs::remove_dir(&work).unwrap();
    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "").unwrap();
    symlink(&precious, &work).unwrap();
    refused(&[], "work", "a folder of one's own can't be made");
    assert!(precious.join("file").exists());
}
