//! The daemon's binary. Its commands come with the adapters for real servers; what is here says so.

use std::process::ExitCode;

use clap::Parser;

/// An autoscaler for HashiCorp Nomad.
///
/// This version holds the scaling core and the simulator that runs it. The daemon's commands (agent, failsafe, init) are
/// not there yet; to see the core at work, run replicator-sim.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {}

fn main() -> ExitCode {
    Arguments::parse();
    ExitCode::SUCCESS
}
