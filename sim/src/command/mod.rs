//! The command line: `arguments` is what can be typed, the rest a file a command.

mod arguments;
mod crash;
mod explain;
mod hunt;
mod output;
mod papers;
mod play;
mod progress;
mod replay;
mod serve;
mod validate;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use output::tell;

/// Exit code when an expectation was not met or an invariant broke.
const NOT_GOOD: u8 = 1;
/// Exit code when the input cannot be used.
const BAD_INPUT: u8 = 2;

/// The simulator as a program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (&arguments.command, &arguments.run) {
        (Some(Command::Serve(serve)), _) => serve::serve(serve),
        (Some(Command::Demo(demo)), _) => serve::demo(demo),
        (Some(Command::Replay(replay)), _) => replay::repeat(&replay.recording),
        (Some(Command::Hunt(arguments)), _) => hunt::hunt(arguments),
        (Some(Command::Validate(arguments)), _) => validate::validate(arguments),
        (Some(Command::Explain(arguments)), _) => explain::explain(arguments.rule.as_deref()),
        (Some(Command::Completions(arguments)), _) => papers::completions(arguments.shell),
        (Some(Command::Man(arguments)), _) => papers::man(&arguments.folder),
        (None, Some(run)) => play::execute(run),
        (None, None) => unreachable!("clap asks for a scenario where there is no command"),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NOT_GOOD),
        Err(error) => {
            // A reader that went away, as `head` does, is nobody's mistake.
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                return ExitCode::SUCCESS;
            }
            tell(format_args!("error: {error:#}"));
            ExitCode::from(BAD_INPUT)
        }
    }
}
