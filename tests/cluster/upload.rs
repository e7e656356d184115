//! `POST .../upload`: the task is the node's that was asked, wherever the file goes, and a file of the
//! same name is overwritten without a word.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{
    api::{Answer, Call, failed},
    task::Job,
    world::{File, World},
};

/// What may be uploaded, by content.
const ENDS: &[(&str, &[&str])] = &[
    ("vztmpl", &[".tar.gz", ".tar.xz", ".tar.zst"]),
    ("iso", &[".iso", ".img"]),
    ("import", &[".qcow2", ".raw", ".vmdk", ".ova"]),
];

#[derive(Clone, Debug)]
pub struct Upload {
    volid: String,
    /// None: on every node that has the storage.
    node: Option<String>,
    bytes: u64,
    checksum: Option<(String, String)>,
    sum: String,
    target: String,
    /// The folder of the upload before it is moved.
    temporary: String,
}

impl World {
    pub fn upload(&mut self, call: &Call, file: Option<&[u8]>) -> Answer {
        let (node, storage) = (call.text("node"), call.text("storage"));
        let (content, name) = (call.text("content"), call.text("filename"));
        self.usable(&storage, &node)?;
        let ends = ENDS
            .iter()
            .find(|(kind, _)| *kind == content)
            .map_or(&[][..], |(_, ends)| ends);
        if !ends.iter().any(|end| name.ends_with(end)) {
            return failed(400, "filename: wrong file extension");
        }
        if !self.holds(&storage, &content) {
            return failed(
                500,
                format!("storage '{storage}' not configured for content-type '{content}'"),
            );
        }
        let Some(file) = file else {
            return failed(400, "filename: property is missing and it is not optional");
        };
        let algorithm = call.text("checksum-algorithm");
        let checksum = (!algorithm.is_empty()).then(|| (algorithm.clone(), call.text("checksum")));
        let shared = self.storages.get(&storage).is_some_and(|s| s.shared);
        // Only what is plain in a file's name stays, and of a path its last part (normalize_content_filename).
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "_.-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let upload = Upload {
            volid: format!(
                "{storage}:{content}/{}",
                name.rsplit(['/', '\\'])
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .map(plain)
                    .collect::<String>()
            ),
            node: (!shared).then(|| node.clone()),
            bytes: file.len() as u64,
            sum: checksum
                .as_ref()
                .map_or(String::new(), |(algorithm, _)| sum(algorithm, file)),
            checksum,
            target: node,
            temporary: format!("/var/tmp/pveupload-{:032x}", self.tasks.len()),
        };
        let asked = self.local();
        self.spawn(&asked, "imgcopy", 0, call.token, Job::Upload(upload))
    }

    pub fn uploaded(&mut self, task: usize, upload: &Upload) {
        self.says(
            task,
            &format!("starting file import from: {}", upload.temporary),
        );
        if let Some((_, wanted)) = &upload.checksum {
            let got = &upload.sum;
            if !got.eq_ignore_ascii_case(wanted) {
                self.says(task, "calculating checksum...");
                return self.end(
                    task,
                    &format!("checksum mismatch: got '{got}' != expect '{wanted}'"),
                );
            }
            self.says(task, "calculating checksum...OK, checksum verified");
        }
        if !self.enter(task, "copy") {
            return;
        }
        let path = self.path(&upload.volid);
        let (target, bytes) = (&upload.target, upload.bytes);
        self.says(task, &format!("target node: {target}"));
        self.says(task, &format!("target file: {path}"));
        self.says(task, &format!("file size is: {bytes}"));
        let from = &upload.temporary;
        let line = if *target == self.tasks[task].node {
            format!("command: cp -- {from} {path}")
        } else {
            let address = self.address(target);
            format!(
                "command: /usr/bin/scp -o BatchMode=yes -o HostKeyAlias={target} -o UserKnownHostsFile=/etc/pve/nodes/{target}/ssh_known_hosts \
                 -o GlobalKnownHostsFile=none -p -- {from} [{address}]:{path}"
            )
        };
        self.says(task, &line);
        let before = self
            .files
            .get(&upload.volid)
            .cloned()
            .unwrap_or_else(File::ordinary);
        let mut nodes = before
            .nodes
            .clone()
            .filter(|_| self.files.contains_key(&upload.volid))
            .unwrap_or_default();
        nodes.extend(upload.node.clone());
        let file = File {
            nodes: upload.node.is_some().then_some(nodes),
            bytes,
            ctime: self.clock(),
            ..File::ordinary()
        };
        self.files.insert(upload.volid.clone(), file);
        self.says(task, "finished file import successfully");
        self.end(task, "OK");
    }
}

/// By the coreutils' own tool.
fn sum(algorithm: &str, file: &[u8]) -> String {
    let command = Command::new(format!("{algorithm}sum"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = command.expect("the coreutils are there");
    let _ = child.stdin.take().map(|mut input| input.write_all(file));
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').next().unwrap_or_default().to_owned()
}
