//! A simulated Proxmox VE cluster on loopback: it behaves as facts have it, as unkind as
//! the real one, checks every request against the API's schema, and tells the truth about
//! itself to whoever asks its control paths.
//!
//! usage: pve-cluster [OPTIONS] SCENARIO.json COMMAND...   run COMMAND beside it
//!        pve-cluster [OPTIONS] SCENARIO.json              serve until standard input ends;
//!                                                         prints its address
//!        pve-cluster homelab SITE.json                    print a scenario: the site with 50 guests
//!
//! `--speed N` lets N simulated seconds pass in one (default 100), `--tls` speaks HTTPS with a
//! certificate made for this, `--truth FILE` writes the truth at the end, `--hook COMMAND` is told of
//! guests that are made, start, stop or are destroyed (`listener.rs`). COMMAND finds it by
//! `PROXMOX_VE_ENDPOINT`, `PROXMOX_VE_API_TOKEN`, `PVE_CA`, `PVE_FINGERPRINT`, `PVE_CONTROL`.
//! Below `PVE_CONTROL`: GET `/truth`; POST `/fault` with a fault as in `fault.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod agent;
mod api;
mod build;
mod calendar;
mod clone;
mod config;
mod content;
mod create;
mod destroy;
mod disk;
mod disks;
mod fault;
mod format;
mod gateway;
mod guest;
mod ha;
mod ha_resource;
mod homelab;
mod hook;
mod http;
mod listener;
mod migrate;
mod node;
mod pool;
mod precondition;
mod privilege;
mod pvestatd;
mod reads;
mod refusal;
mod replication;
mod resize;
mod rights;
mod rules;
mod scenario;
mod schema;
mod server;
mod task;
mod tasks;
mod time;
mod tls;
mod transfer;
mod upload;
mod volume;
mod world;

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitCode},
    time::SystemTime,
};

use server::Server;

/// The API, as its viewer has it.
const SCHEMA: &str = include_str!("../data/pve/schema.json");

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    let (mut speed, mut tls, mut truth, mut listener) = (100.0, false, None, None);
    while let Some(word) = words.peek().cloned() {
        match word.as_str() {
            "--speed" => {
                words.next();
                speed = words
                    .next()
                    .and_then(|n| n.parse().ok())
                    .expect("--speed N");
            }
            "--tls" => {
                words.next();
                tls = true;
            }
            "--hook" => {
                words.next();
                listener = words.next();
            }
            "--truth" => {
                words.next();
                truth = words.next();
            }
            _ => break,
        }
    }
    let Some(first) = words.next() else {
        eprintln!(
            "usage: pve-cluster [--speed N] [--tls] [--truth FILE] [--hook COMMAND] SCENARIO.json [COMMAND...]"
        );
        return ExitCode::from(2);
    };
    let json = |path: &str| {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    if first == "homelab" {
        let site = words.next().expect("homelab SITE.json");
        println!("{:#}", homelab::scenario(&json(&site)));
        return ExitCode::SUCCESS;
    }
    let epoch = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |now| now.as_secs() as i64);
    let mut world = scenario::parse(&json(&first), epoch);
    world.listener = listener;
    let server = Server::start(world, SCHEMA, speed, tls);
    let code = match words.next() {
        None => {
            println!("{} {}", server.url, server.token);
            io::stdout().flush().unwrap();
            let _ = io::stdin().read_to_end(&mut Vec::new());
            0
        }
        Some(command) => {
            let mut command = Command::new(command);
            command.args(words).envs([
                ("PROXMOX_VE_ENDPOINT", format!("{}/", server.url)),
                ("PROXMOX_VE_API_TOKEN", server.token.clone()),
                ("PVE_CONTROL", format!("{}/control", server.url)),
                ("PVX_SPEED", speed.to_string()),
            ]);
            if let Some(tls) = &server.certificate {
                command
                    .env("PVE_CA", &tls.pem)
                    .env("PVE_FINGERPRINT", &tls.fingerprint);
            }
            let status = command.status().expect("the command can be run");
            status
                .code()
                .or_else(|| status.signal().map(|s| 128 + s))
                .unwrap_or(1)
        }
    };
    if let Some(path) = truth {
        fs::write(path, format!("{:#}\n", server.truth())).unwrap();
    }
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
