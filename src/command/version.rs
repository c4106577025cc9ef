//! `replicator version`.

use std::process::ExitCode;

/// The version alone.
pub(super) const SHORT: &str = concat!("v", env!("CARGO_PKG_VERSION"));
/// What it was built from.
pub(super) use crate::REVISION;

#[expect(clippy::unnecessary_wraps, reason = "every command answers the same way")]
pub(super) fn run() -> anyhow::Result<ExitCode> {
    println!("Replicator {SHORT}");
    println!("revision   {REVISION}");
    println!("built      {}", env!("REPLICATOR_BUILT"));
    println!("target     {}", env!("REPLICATOR_TARGET"));
    Ok(ExitCode::SUCCESS)
}
