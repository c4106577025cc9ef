//! The daemon's configuration and command line, as a person meets them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod command_line;
mod config;
mod errors;

use std::path::{Path, PathBuf};

/// A configuration file, or a folder of them, as the Go daemon's users have.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daemon/files").join(name)
}
