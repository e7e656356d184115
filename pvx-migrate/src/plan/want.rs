//! What is asked of the planner for one guest.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// What is asked for one guest.
#[derive(Clone, Debug, Default)]
pub struct Want {
    /// The guest.
    pub vmid: u32,
    /// The only nodes it may go to, and who says so; none: any.
    pub only: Option<Only>,
    /// Storages to exchange for this guest, instead of the policy's.
    pub storage_map: Option<BTreeMap<String, String>>,
    /// Where its volumes were before the drain, by their keys; several storages where the
    /// journal leaves it open.
    pub origins: BTreeMap<String, Vec<String>>,
    /// It moves even if it doesn't run.
    pub move_stopped: bool,
    /// It comes home: `returned`, not `verified`, is what the journal gets.
    pub returns: bool,
    /// It stays, for this reason.
    pub leave: Option<String>,
    /// It should move, and this is against it.
    pub blocked: Option<Refusal>,
}

/// The only nodes a guest may go to.
#[derive(Clone, Debug)]
pub struct Only {
    /// The nodes.
    pub nodes: Vec<String>,
    /// What the others are told: `not among --to`.
    pub because: String,
}
