//! Which privileges a token has on a path: `vmid`'s, which asks the same of a state document.

pub use vmid::permission::*;
