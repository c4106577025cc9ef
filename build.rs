//! Tells the binary what it was built from: revision, date and target, for `replicator version`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a build script knows its environment and the date"
)]

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let revision = git(&["rev-parse", "--short=12", "HEAD"]);
    // A new commit changes the log of HEAD.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rustc-env=REPLICATOR_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=REPLICATOR_BUILT={}", built());
    println!("cargo::rustc-env=REPLICATOR_TARGET={}", env::var("TARGET").as_deref().unwrap_or("unknown"));
}

/// When this is built, in seconds since 1970, or the time that a reproducible build is told to show. A date is made of it
/// where it is shown: a crate for that would be built twice, for here and for there.
fn built() -> u64 {
    let told = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    told.unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
