//! The daemon's binary. What it does is in the library, under [`replicator::command`].

use std::process::ExitCode;

fn main() -> ExitCode {
    replicator::command::run(std::env::args_os())
}
