//! The line of a monitoring plugin, in pbsprune's name.

use std::io::{self, Write};

use vmid::{nagios, verdict::Finding};

/// As [`nagios::write`].
///
/// # Errors
///
/// Those of `output`.
pub fn write(
    subjects: &[(String, &[Finding])],
    well: &str,
    output: &mut impl Write,
) -> io::Result<u8> {
    nagios::write("pbsprune", subjects, well, output)
}

/// As [`nagios::failed`].
#[must_use]
pub fn failed(what: &str) -> String {
    nagios::failed("pbsprune", what)
}
