//! `ipalloc` on a real NetBox, brought up once for all sections and taken down at the
//! end, however that comes about.
//!
//! No harness of libtest's: each section has a database of its own, a few run beside each
//! other on as many servers, and it is told beforehand if there is no NetBox to be had.
//!
//! usage: cargo test -p e2e --test netbox [-- [--list] SECTION...]

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../tools.rs"]
mod tools;

mod agree;
mod client;
mod families;
mod hidden;
mod kills;
mod labels;
mod large;
mod lost;
mod machines;
mod outcome;
mod owners;
mod places;
mod provision;
mod proxy;
mod races;
mod refused;
mod rules;
mod server;
mod setup;
mod strange;
mod tokens;
mod trust;
mod wire;

use std::{
    collections::VecDeque,
    env,
    process::ExitCode,
    sync::Mutex,
    thread::{self, Builder},
    time::Instant,
};

use server::{Lab, NoLab};

/// A section; it finds the database as the dump has it.
type Section = (&'static str, fn(&Lab));

/// Two cores are busy with this many; the time that one waits is another's.
const SERVERS: usize = 3;

#[rustfmt::skip]
const SECTIONS: &[&[Section]] = &[
    large::SECTIONS, hidden::SECTIONS, kills::SECTIONS, races::SECTIONS, agree::SECTIONS, lost::SECTIONS, outcome::SECTIONS, strange::SECTIONS,
    rules::SECTIONS, owners::SECTIONS, families::SECTIONS, labels::SECTIONS, machines::SECTIONS, places::SECTIONS, setup::SECTIONS, refused::SECTIONS, tokens::SECTIONS, trust::SECTIONS, provision::SECTIONS,
];

/// Those that are run on each server, each of which is in another time zone.
const EVERYWHERE: &[&[Section]] = &[owners::EVERYWHERE];

/// Those that need [`Lab::loose`].
const LOOSE: &[&[Section]] = &[races::LOOSE, labels::LOOSE, refused::LOOSE, strange::LOOSE];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let asked =
        |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str()));
    let chosen = |all: &[&[Section]]| -> VecDeque<Section> {
        let all = all.iter().copied().flatten().copied();
        all.filter(|(name, _)| asked(name)).collect()
    };
    let (sections, loose, everywhere) = (chosen(SECTIONS), chosen(LOOSE), chosen(EVERYWHERE));
    let count = sections.len() + loose.len() + SERVERS * everywhere.len();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in sections.iter().chain(&loose).chain(&everywhere) {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    println!("\nrunning {count} sections on a real NetBox");
    let (mut failed, mut ignored) = (Vec::new(), 0);
    match (count > 0).then(|| Lab::up(SERVERS.min(count))) {
        None => {}
        Some(Ok(labs)) => {
            println!(
                "NetBox is up after {:.1} s",
                started.elapsed().as_secs_f32()
            );
            failed = run(&labs, sections, loose, &everywhere);
        }
        Some(Err(NoLab::Absent(why))) if env::var_os("CI").is_none_or(|ci| ci != "true") => {
            println!("NOT RUN, because NetBox is not there: {why}");
            ignored = count;
        }
        Some(Err(NoLab::Absent(why) | NoLab::Broken(why))) => {
            println!("test bring NetBox up ... FAILED\n{why}");
            failed.push("bring NetBox up");
        }
    }
    failed.iter().for_each(|name| println!("failed: {name}"));
    let passed = if failed == ["bring NetBox up"] {
        0
    } else {
        count - ignored - failed.len()
    };
    let total = |all: &[&[Section]]| all.iter().map(|all| all.len()).sum::<usize>();
    let all = total(SECTIONS) + total(LOOSE) + SERVERS * total(EVERYWHERE);
    println!(
        "\ntest result: {}. {passed} passed; {} failed; {ignored} ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        failed.len(),
        all - count,
        started.elapsed().as_secs_f32()
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Runs all of them, as many beside each other as there are servers; the failed ones come back.
fn run(
    labs: &[Lab],
    sections: VecDeque<Section>,
    loose: VecDeque<Section>,
    everywhere: &VecDeque<Section>,
) -> Vec<&'static str> {
    tools::tools(); // built before anything is waited for
    let (sections, loose) = (Mutex::new(sections), Mutex::new(loose));
    let failed = Mutex::new(Vec::new());
    let next = |lab: &Lab| {
        let first = lab
            .has_loose()
            .then(|| loose.lock().unwrap().pop_front())
            .flatten();
        first.or_else(|| sections.lock().unwrap().pop_front())
    };
    let work = |lab: &Lab| {
        let mut own = everywhere.clone();
        while let Some((name, section)) = own.pop_front().or_else(|| next(lab)) {
            let began = Instant::now();
            let run = || {
                lab.fresh("seeded");
                section(lab);
            };
            // A thread of its own, so that a panic tells the section's name.
            let ok = thread::scope(|scope| {
                let thread = Builder::new().name(name.to_owned());
                thread.spawn_scoped(scope, run).unwrap().join().is_ok()
            });
            let how = if ok { "ok" } else { "FAILED" };
            println!(
                "test {name} ... {how} ({:.1} s, {})",
                began.elapsed().as_secs_f32(),
                lab.zone()
            );
            if !ok {
                failed.lock().unwrap().push(name);
            }
        }
    };
    thread::scope(|scope| labs.iter().for_each(|lab| drop(scope.spawn(|| work(lab)))));
    failed.into_inner().unwrap()
}
