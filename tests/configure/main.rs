//! `scripts/configure` against real guests: Debian with its own sshd, apt and locales, in namespaces.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bed;
mod failures;
mod hostile;
mod keys;
mod ready;

#[path = "../namespaces.rs"]
mod namespaces;
#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;

#[path = "../script.rs"]
#[allow(dead_code)]
mod script;
