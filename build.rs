//! Tells the binary what it was built from: revision, date and target, for `replicator version`.

#![allow(clippy::disallowed_methods, reason = "a build script knows its environment and the date")]

use std::env;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let revision = git(&["rev-parse", "--short=12", "HEAD"]);
    // A new commit changes the log of HEAD.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rustc-env=REPLICATOR_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=REPLICATOR_BUILT={}", built().strftime("%Y-%m-%d"));
    println!("cargo::rustc-env=REPLICATOR_TARGET={}", env::var("TARGET").as_deref().unwrap_or("unknown"));
}

/// The date of the build, or the one that a reproducible build is told to show.
fn built() -> Timestamp {
    let told = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    told.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(Timestamp::now)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
