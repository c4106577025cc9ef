//! `replicator failsafe`: an operator's word about failsafe, and a list of what stands.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::arguments::FailsafeArguments;
use super::states::{now, operator};
use crate::adapters::consul::{ConsulClient, unreadable};
use crate::operator::{Done, Signature, Words, held, named};
use crate::ports::Consul;
use crate::state::{Failsafe, ResourceState, state_prefix};

/// What the operator said to the question.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    /// Something else, with what to say about it and how to exit.
    No(&'static str, u8),
}

pub(super) fn run(arguments: &FailsafeArguments) -> anyhow::Result<ExitCode> {
    let (consul, root) = arguments.store.open()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if arguments.list {
            return list(&consul, &root).await;
        }
        let wanted = if arguments.enable { Failsafe::Enabled } else { Failsafe::Disabled };
        let signature = Signature { by: operator(), reason: arguments.reason.clone() };
        let path = arguments.resource.path(&root)?;
        set(&Words { consul: &consul, root: &root }, &path, wanted, &signature, arguments.force).await
    })
}

async fn set(
    words: &Words<'_>,
    path: &str,
    wanted: Failsafe,
    signature: &Signature,
    force: bool,
) -> anyhow::Result<ExitCode> {
    let (verb, past) = match wanted {
        Failsafe::Enabled => ("enable", "enabled"),
        Failsafe::Disabled => ("disable", "disabled"),
    };
    let already = || {
        println!("Failsafe mode is already in desired state {past:?}, no action required.");
        Ok(ExitCode::SUCCESS)
    };
    let (state, _) = words.read(path).await?;
    if state.failsafe_mode == (wanted == Failsafe::Enabled) {
        return already();
    }
    let of = named(&state);
    if !force
        && let Answer::No(answer, code) =
            ask(&question(verb, &of, path, wanted), verb, &mut io::stdin().lock(), &mut io::stdout())?
    {
        println!("{}", answer.replace("{verb}", verb));
        return Ok(ExitCode::from(code));
    }
    match words.failsafe(path, wanted, signature, now()).await? {
        // Somebody else was faster.
        Done::Already => already(),
        Done::Written => {
            println!("Successfully {past} failsafe mode for {of} at location {path}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn question(verb: &str, of: &str, path: &str, wanted: Failsafe) -> String {
    let effect = match wanted {
        Failsafe::Enabled => "No scaling operations will be permitted from any running copies of Replicator.",
        Failsafe::Disabled => "All running copies of Replicator will scale it again, and its failures are forgotten.",
    };
    format!("Are you sure you want to {verb} failsafe mode for {of} at location {path:?}?\n{effect}\nConfirm [y/N]: ")
}

/// Asks. Only exactly `y` is a yes (C11).
fn ask(question: &str, verb: &str, input: &mut impl BufRead, output: &mut impl Write) -> anyhow::Result<Answer> {
    write!(output, "{question}")?;
    output.flush()?;
    let mut line = String::new();
    let read = input.read_line(&mut line).context("cannot read the answer")?;
    if read == 0 {
        writeln!(output)?;
        bail!("there was no answer; will not {verb} failsafe mode. Use -force where nobody can be asked");
    }
    let answer = line.trim_end_matches(['\n', '\r']);
    Ok(match answer.chars().next().map(|first| first.to_ascii_lowercase()) {
        _ if answer == "y" => Answer::Yes,
        None | Some('n') => Answer::No("Cancelling, will not {verb} failsafe mode.", 0),
        Some('y') if answer.chars().count() > 1 => Answer::No("For confirmation, an exact 'y' is required.", 0),
        Some(_) => Answer::No("No confirmation detected. For confirmation, an exact 'y' is required.", 1),
    })
}

async fn list(consul: &ConsulClient, root: &str) -> anyhow::Result<ExitCode> {
    let prefix = state_prefix(root);
    let listed = consul.list(&prefix, None).await?;
    if listed.value.is_empty() {
        println!("There is no state below {prefix}: no agent has scaled anything with this key root yet.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["STATE", "FAILSAFE", "FAILURES", "LAST SCALED", "OPERATION", "REASON"]);
    for entry in listed.value {
        let path = entry.key.strip_prefix(&prefix).unwrap_or(&entry.key);
        match (unreadable(&entry), ResourceState::from_json(&entry.value)) {
            (Some(problem), _) => table.add_row([path.to_owned(), format!("unreadable: {problem}")]),
            (None, Ok(state)) => table.add_row(row(path, &state)),
            (None, Err(error)) => table.add_row([path.to_owned(), format!("unreadable: {error}")]),
        };
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    println!("{}", table.trim_fmt());
    Ok(ExitCode::SUCCESS)
}

fn row(path: &str, state: &ResourceState) -> [String; 6] {
    let failsafe = match (state.failsafe_mode, state.failsafe_admin) {
        (false, _) => "no",
        (true, true) => "yes, by an operator",
        (true, false) => "yes, by itself",
    };
    let scaled =
        state.last_scaling_event.map_or("never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    let operation = state.operation.as_ref().map_or("-".to_owned(), |operation| {
        format!("{} since {}", operation.work.direction(), operation.started.strftime("%H:%M:%SZ"))
    });
    [path.to_owned(), failsafe.to_owned(), state.failure_count.to_string(), scaled, operation, why(state)]
}

/// Why the resource is in failsafe or on hold, and who says so, where an operator said.
fn why(state: &ResourceState) -> String {
    let now = now();
    if let Some(hold) = state.hold.as_ref().filter(|hold| !hold.is_over(now) && !state.failsafe_mode) {
        let reason = hold.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
        return format!("on hold, {}{reason}{by}", held(hold, now));
    }
    let said = |word: Option<&str>| word.filter(|_| state.failsafe_mode).map(str::to_owned);
    match (said(state.failsafe_reason()), said(state.failsafe_by())) {
        (Some(reason), Some(by)) => format!("{reason} ({by})"),
        (Some(reason), None) => reason,
        (None, Some(by)) => format!("({by})"),
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_is_in_failsafe_is_said_while_it_is() {
        let mut state = ResourceState { failsafe_mode: true, ..ResourceState::default() };
        assert_eq!(why(&state), "-", "entered by itself");
        state.sign_failsafe(Failsafe::Enabled, Some("new disks"), Some("ann@ops-1"));
        assert_eq!(why(&state), "new disks (ann@ops-1)");
        state.sign_failsafe(Failsafe::Enabled, None, Some("bob@ops-1"));
        assert_eq!(why(&state), "(bob@ops-1)");
        let lifted = ResourceState { failsafe_mode: false, ..state };
        assert_eq!(why(&lifted), "-", "the Go daemon lifted it, and left our fields");
    }

    #[test]
    fn c11_only_an_exact_y_is_a_yes() {
        let cancelled = Answer::No("Cancelling, will not {verb} failsafe mode.", 0);
        let inexact = Answer::No("For confirmation, an exact 'y' is required.", 0);
        let none = Answer::No("No confirmation detected. For confirmation, an exact 'y' is required.", 1);
        let cases =
            [("y\n", &Answer::Yes), ("y", &Answer::Yes), ("\n", &cancelled), ("n\n", &cancelled), ("No\n", &cancelled)];
        let more = [("yes\n", &inexact), ("y \n", &inexact), ("Y\n", &none), ("x\n", &none), (" y\n", &none)];
        for (typed, expected) in cases.into_iter().chain(more) {
            let answer = ask("?", "enable", &mut typed.as_bytes(), &mut Vec::new()).unwrap();
            assert_eq!(&answer, expected, "{typed:?}");
        }
        assert!(ask("?", "enable", &mut &b""[..], &mut Vec::new()).is_err(), "no answer is no yes");
    }
}
