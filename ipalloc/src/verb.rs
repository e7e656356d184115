//! What each subcommand does with what is around the decisions: it reads the
//! requests, opens the IPAM, asks, acts and writes the records.

pub(crate) mod act;
pub(crate) mod allocate;
pub(crate) mod assign;
pub(crate) mod check;
pub(crate) mod expire;
pub(crate) mod list;
pub(crate) mod notes;
pub(crate) mod release;
pub(crate) mod setup;
pub(crate) mod show;
pub(crate) mod source;
