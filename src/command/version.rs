//! `replicator version`.

use std::process::ExitCode;

use jiff::Timestamp;

/// The version alone.
pub(super) const SHORT: &str = concat!("v", env!("CARGO_PKG_VERSION"));
/// What it was built from.
pub(super) use crate::REVISION;

#[expect(clippy::unnecessary_wraps, reason = "every command answers the same way")]
pub(super) fn run() -> anyhow::Result<ExitCode> {
    println!("Replicator {SHORT}");
    println!("revision   {REVISION}");
    println!("built      {}", date(env!("REPLICATOR_BUILT")));
    println!("target     {}", env!("REPLICATOR_TARGET"));
    Ok(ExitCode::SUCCESS)
}

/// The date of a time in seconds since 1970, as the build script tells it.
fn date(seconds: &str) -> String {
    let built = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    built.map_or_else(|| "unknown".to_owned(), |built| built.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_a_date() {
        assert_eq!(date("1780000000"), "2026-05-28");
        assert_eq!(date("soon"), "unknown");
    }
}
