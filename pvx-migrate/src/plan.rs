//! What to do with each guest, decided before anything is done.

pub mod record;
