//! No core dumps of a process that holds a token.

use nix::sys::resource::{Resource, setrlimit};

/// Forbids core dumps for this process and its children; a token would be in the file.
///
/// Called first in `main` of the tools that hold one. A system that refuses is left as it is:
/// lowering one's own limit needs no privilege.
pub fn forbid_core_dumps() {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
