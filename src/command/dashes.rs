//! Flags with one dash, as the Go daemon had them (C1): `-consul-key-root=x` and `-consul-key-root x` are taken as if they had
//! two. What follows a flag that takes a value is that value, whatever it begins with.

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, Command};

/// What asks for the version, as the first argument.
const VERSION: [&str; 4] = ["-v", "-V", "-version", "--version"];

/// The arguments with two dashes before every flag of more than one letter.
pub(super) fn with_two(arguments: impl Iterator<Item = OsString>, definition: &Command) -> Vec<OsString> {
    let mut arguments = arguments;
    let mut with_two: Vec<OsString> = arguments.next().into_iter().collect();
    let mut arguments = arguments.peekable();
    if arguments.next_if(|first| VERSION.iter().any(|flag| first == flag)).is_some() {
        with_two.push("version".into());
    }
    let mut value_follows = false;
    let mut flags_may_come = true;
    for argument in arguments {
        if std::mem::take(&mut value_follows) || !flags_may_come {
            with_two.push(argument);
            continue;
        }
        if argument == "--" {
            flags_may_come = false;
        }
        let argument = if has_one_dash(&argument) { prefixed(&argument) } else { argument };
        value_follows = argument.to_str().is_some_and(|flag| takes_next(definition, flag));
        with_two.push(argument);
    }
    with_two
}

/// A dash, a letter, and more: a lone letter is a short flag.
fn has_one_dash(argument: &OsStr) -> bool {
    matches!(argument.as_encoded_bytes(), [b'-', letter, _, ..] if letter.is_ascii_alphabetic())
}

fn prefixed(argument: &OsStr) -> OsString {
    let mut flag = OsString::from("-");
    flag.push(argument);
    flag
}

/// Whether the next argument is the value of this flag.
fn takes_next(definition: &Command, flag: &str) -> bool {
    let Some(name) = flag.strip_prefix("--").filter(|name| !name.contains('=')) else { return false };
    let takes = |command: &Command| {
        command.get_arguments().any(|argument| {
            let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
            argument.get_long() == Some(name) && takes_value && !argument.is_require_equals_set()
        })
    };
    definition.get_subcommands().any(takes)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::command::arguments::Arguments;

    fn normal(line: &str) -> String {
        let given = line.split(' ').map(OsString::from);
        let normal = with_two(given, &Arguments::command());
        normal.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn c1_one_dash_is_as_good_as_two() {
        let cases = [
            ("replicator agent -consul-key-root=x -dev", "replicator agent --consul-key-root=x --dev"),
            ("replicator agent -consul x -dev", "replicator agent --consul x --dev"),
            ("replicator agent --consul x --dev", "replicator agent --consul x --dev"),
            ("replicator agent -dev=false -h", "replicator agent --dev=false -h"),
            ("replicator agent -consul-token -secret -dev", "replicator agent --consul-token -secret --dev"),
            ("replicator agent -dev -consul -x", "replicator agent --dev --consul -x"),
            ("replicator -help", "replicator --help"),
            ("replicator -v", "replicator version"),
            ("replicator --version", "replicator version"),
            ("replicator man -- -odd", "replicator man -- -odd"),
            ("replicator agent -", "replicator agent -"),
        ];
        for (given, expected) in cases {
            assert_eq!(normal(given), expected);
        }
    }
}
