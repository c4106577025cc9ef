//! The commands that a person types.
//!
//! - `arguments`: what can be typed; help, man pages and completions come from there.
//! - `dashes`: flags with one dash, as the Go daemon had them.
//! - `ask`: asking an agent's API; `states`: writing to states as operators do.
//! - `agent`, `status`, `explain`, `watch`, `plan`, `events`, `validate`, `failsafe`, `hold`, `notify`, `init`, `version`, `papers`: one file a command.

mod agent;
mod arguments;
mod ask;
mod dashes;
mod events;
mod explain;
mod failsafe;
mod hold;
mod init;
mod notify;
mod papers;
mod plan;
mod states;
mod status;
mod validate;
mod version;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::domain::AgentName;
use arguments::{Arguments, Command};

/// Runs the command that the arguments name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let definition = Arguments::command();
    let arguments = dashes::with_two(arguments, &definition);
    let matches = definition.get_matches_from(arguments);
    let parsed = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match parsed.command {
        Command::Agent(arguments) => agent::run(*arguments),
        Command::Failsafe(arguments) => failsafe::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Plan(arguments) => plan::run(*arguments),
        Command::Events(arguments) => events::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Notify(arguments) => notify::run(*arguments),
        Command::Hold(arguments) => hold::run(&arguments),
        Command::Release(arguments) => hold::release(&arguments),
        Command::Pause(arguments) => hold::pause(&arguments),
        Command::Resume(arguments) => hold::resume(&arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Version => version::run(),
        Command::Completions(arguments) => papers::completions(arguments),
        Command::Man(arguments) => papers::man(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What an agent in this process is called.
fn agent_name() -> AgentName {
    let host = gethostname::gethostname();
    AgentName::from(format!("{}-{}", host.to_string_lossy(), std::process::id()))
}

/// Looks an environment variable up: the one place where the environment is read.
#[expect(clippy::disallowed_methods, reason = "the command line is the place where the environment is read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
