//! `hacheck` on real keepalived pairs: each section breaks a lab of its own
//! (`tests/lab/vrrp`) in one way and looks at it from the places that an operator has.
//!
//! No harness of libtest's: some labs run beside each other, and it is told by name what
//! does not run where there are no network namespaces. Under CI=true that is a failure.
//!
//! usage: cargo test -p e2e --test hacheck [-- [--list] SECTION...]

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../tools.rs"]
#[allow(dead_code)] // the search path of cases
mod tools;

mod capture;
mod configuration;
mod content;
mod drill;
mod failover;
mod healthy;
mod holders;
mod lab;
mod movers;
mod placement;
mod promises;
mod quiet;
mod servers;
mod services;
mod several;
mod sites;
mod sound;
mod standby;
mod verdict;

use std::{
    collections::VecDeque,
    env,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::Mutex,
    thread,
    time::Instant,
};

use lab::{Lab, NoLab};

/// A name, the lab's options, and what is done there.
type Section = (&'static str, Options, fn(&Lab));
type Options = &'static [(&'static str, &'static str)];

/// VRRPv3, ten adverts a second: a failover takes 0.4 s and a raw window 1.5 s.
const FAST: Options = &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1")];
/// keepalived's defaults: VRRPv2, an advert a second.
const SLOW: Options = &[];

/// Labs that run at a time: they mostly wait.
const WORKERS: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let asked =
        |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str()));
    // The longest first.
    let all = [
        failover::SECTIONS,
        quiet::SECTIONS,
        holders::SECTIONS,
        configuration::SECTIONS,
        services::SECTIONS,
        sites::SECTIONS,
        content::SECTIONS,
        healthy::SECTIONS,
        placement::SECTIONS,
        standby::SECTIONS,
        promises::SECTIONS,
        sound::SECTIONS,
        several::SECTIONS,
        movers::SECTIONS,
        servers::SECTIONS,
        drill::SECTIONS,
    ]
    .concat();
    let sections: VecDeque<Section> = all
        .iter()
        .copied()
        .filter(|(name, ..)| asked(name))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        sections
            .iter()
            .for_each(|(name, ..)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let count = sections.len();
    println!("\nrunning {count} sections on real keepalived pairs");
    let (failed, ignored) = match Lab::possible() {
        _ if count == 0 => (Vec::new(), 0),
        Ok(()) => {
            tools::tools(); // built once, before the clock of any section runs
            (run(sections), 0)
        }
        Err(NoLab::Absent(why)) if env::var_os("CI").is_none_or(|ci| ci != "true") => {
            for (name, ..) in sections {
                println!("test {name} ... ignored, {why}");
            }
            (Vec::new(), count)
        }
        Err(NoLab::Absent(why) | NoLab::Broken(why)) => {
            println!("test bring a lab up ... FAILED\n{why}");
            (vec!["bring a lab up"], count)
        }
    };
    failed.iter().for_each(|name| println!("failed: {name}"));
    println!(
        "\ntest result: {}. {} passed; {} failed; {ignored} ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        (count - ignored).saturating_sub(failed.len()),
        failed.len(),
        all.len() - count,
        started.elapsed().as_secs_f32()
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Runs the sections, some at a time; those that failed.
fn run(sections: VecDeque<Section>) -> Vec<&'static str> {
    let waiting = Mutex::new(sections);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (waiting, failed) = (&waiting, &failed);
            scope.spawn(move || {
                loop {
                    let next = waiting.lock().unwrap().pop_front();
                    let Some((name, options, section)) = next else {
                        return;
                    };
                    let began = Instant::now();
                    // A thread of that name, so that a panic says where it came from.
                    let body = move || {
                        let lab = Lab::up(worker, options);
                        panic::catch_unwind(AssertUnwindSafe(|| section(&lab))).is_ok()
                    };
                    let thread = thread::Builder::new().name(name.to_owned());
                    let ok = thread.spawn(body).unwrap().join().unwrap_or(false);
                    let how = if ok { "ok" } else { "FAILED" };
                    println!(
                        "test {name} ... {how} ({:.1} s)",
                        began.elapsed().as_secs_f32()
                    );
                    if !ok {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}
