//! What each command does: it reads what it needs, has it decided, and writes what came out.

pub mod audit;
mod given;
pub mod lost;
pub mod make;
pub mod place;
pub mod plan;
pub mod remove;
pub mod run;
pub mod state;
