//! `ipalloc` on a real NetBox, brought up once for all sections and taken down at the
//! end, however that comes about.
//!
//! No harness of libtest's: the sections run one after the other, each on a database
//! of its own, and it is told beforehand if there is no NetBox to be had.
//!
//! usage: cargo test -p e2e --test netbox [-- [--list] SECTION...]

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../tools.rs"]
mod tools;

mod agree;
mod client;
mod kills;
mod large;
mod lost;
mod owners;
mod provision;
mod proxy;
mod races;
mod rules;
mod server;
mod setup;
mod strange;
mod tokens;
mod trust;
mod wire;

use std::{
    env, io,
    io::Write as _,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    time::Instant,
};

use server::{Lab, NoLab};

/// A section; it finds the database as the dump has it.
type Section = (&'static str, fn(&Lab));

#[rustfmt::skip]
const SECTIONS: &[&[Section]] = &[
    rules::SECTIONS, owners::SECTIONS, setup::SECTIONS, tokens::SECTIONS, lost::SECTIONS, strange::SECTIONS,
    trust::SECTIONS, large::SECTIONS, races::SECTIONS, kills::SECTIONS, agree::SECTIONS, provision::SECTIONS,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let asked =
        |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str()));
    let all: Vec<Section> = SECTIONS.concat();
    let sections: Vec<Section> = all
        .iter()
        .copied()
        .filter(|(name, _)| asked(name))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        sections
            .iter()
            .for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    println!("\nrunning {} sections on a real NetBox", sections.len());
    let (mut passed, mut failed, mut ignored) = (0, Vec::new(), 0);
    match if sections.is_empty() {
        None
    } else {
        Some(Lab::up())
    } {
        None => {}
        Some(Ok(lab)) => {
            println!(
                "NetBox is up after {:.1} s",
                started.elapsed().as_secs_f32()
            );
            for (name, section) in &sections {
                print!("test {name} ... ");
                io::stdout().flush().unwrap();
                let began = Instant::now();
                let run = || {
                    lab.fresh("seeded");
                    section(&lab);
                };
                let ok = panic::catch_unwind(AssertUnwindSafe(run)).is_ok();
                let how = if ok { "ok" } else { "FAILED" };
                println!("{how} ({:.1} s)", began.elapsed().as_secs_f32());
                if ok { passed += 1 } else { failed.push(*name) }
            }
        }
        Some(Err(NoLab::Absent(why))) if env::var_os("CI").is_none_or(|ci| ci != "true") => {
            println!("NOT RUN, because NetBox is not there: {why}");
            ignored = sections.len();
        }
        Some(Err(NoLab::Absent(why) | NoLab::Broken(why))) => {
            println!("test bring NetBox up ... FAILED\n{why}");
            failed.push("bring NetBox up");
        }
    }
    failed.iter().for_each(|name| println!("failed: {name}"));
    println!(
        "\ntest result: {}. {passed} passed; {} failed; {ignored} ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        failed.len(),
        all.len() - sections.len(),
        started.elapsed().as_secs_f32()
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}
