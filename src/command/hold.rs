//! `replicator hold` and `replicator release`: an operator's word about what is not to be scaled for a while (S17).

use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};

use super::arguments::{HeldArguments, HoldArguments, ReleaseArguments};
use super::states::{ATTEMPTS, now, operator, read_state, type_name};
use super::variable;
use crate::adapters::consul::ConsulClient;
use crate::config;
use crate::decide::{Direction, Until};
use crate::state::{Hold, ResourceState, everything_path};

/// What the state that is about everything is called.
const EVERYTHING: &str = "everything";

/// A span such as `2h`, `1h 30m` or `1d`, longer than nothing.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is no span; write it like 30m, 2h or 1d");
    // A day has 24 hours here: nobody holds anything until a clock is changed.
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<i64>().ok()).map(|days| days.checked_mul(24));
    let span = match days {
        Some(hours) => SignedDuration::from_hours(hours.filter(|hours| hours.abs() < 1_000_000).ok_or_else(wrong)?),
        None => text.parse().map_err(|_| wrong())?,
    };
    if span <= SignedDuration::ZERO { Err(wrong()) } else { Ok(span) }
}

pub(super) fn run(arguments: &HoldArguments) -> anyhow::Result<ExitCode> {
    let since = now();
    let until = arguments.span.map(|span| since.checked_add(span)).transpose();
    let hold = Hold {
        scaling_in: !arguments.scaling_out,
        scaling_out: !arguments.scaling_in,
        since,
        until: until.context("-for reaches beyond the end of time")?,
        reason: arguments.reason.clone(),
        by: operator(),
    };
    write(&arguments.held, Some(hold))
}

pub(super) fn release(arguments: &ReleaseArguments) -> anyhow::Result<ExitCode> {
    write(&arguments.held, None)
}

fn write(held: &HeldArguments, hold: Option<Hold>) -> anyhow::Result<ExitCode> {
    let (settings, root) = config::load_consul(held.consul.clone(), &held.config, variable)?;
    let consul = ConsulClient::new(settings)?;
    let path = if held.everything { everything_path(&root) } else { held.resource.path(&root)? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(set(&consul, &path, held.everything, hold))
}

async fn set(consul: &ConsulClient, path: &str, everything: bool, hold: Option<Hold>) -> anyhow::Result<ExitCode> {
    for _ in 0..ATTEMPTS {
        let entry = consul.read(path).await?;
        let (mut state, index) = match entry {
            Some(entry) => {
                let state = read_state(&entry.value);
                let state = state.with_context(|| format!("what is at {path} is no state; nothing was written"))?;
                (state, entry.modify_index)
            }
            None if everything => {
                let (resource_name, state_path) = (EVERYTHING.to_owned(), path.to_owned());
                (ResourceState { resource_name, state_path, ..ResourceState::default() }, 0)
            }
            None => bail!("No state object was found at the specified path {path}, no action will be taken"),
        };
        let of = if everything {
            EVERYTHING.to_owned()
        } else {
            format!("{} {}", type_name(state.resource_type), state.resource_name)
        };
        let now = now();
        let stands = state.hold.as_ref().filter(|hold| !hold.is_over(now));
        if hold.is_none() && stands.is_none() {
            println!("{of} is not on hold: nothing to release");
            return Ok(ExitCode::SUCCESS);
        }
        if everything && hold.is_none() {
            // Nothing else stands there.
            consul.remove_unlocked(path).await?;
            println!("{of} is released");
            return Ok(ExitCode::SUCCESS);
        }
        state.hold.clone_from(&hold);
        state.last_updated = Some(now);
        if consul.write_unlocked(path, &state.to_json(), index).await? {
            match &hold {
                Some(hold) => println!("{of} is on hold, {}", words(hold, now)),
                None => println!("{of} is released"),
            }
            return Ok(ExitCode::SUCCESS);
        }
        // An agent wrote meanwhile: its word is kept, and ours comes on top.
    }
    bail!("the state at {path} changes all the time: {ATTEMPTS} attempts lost the race; try again")
}

/// What a hold holds, for people: `scaling in, until …`.
pub(super) fn words(hold: &Hold, now: Timestamp) -> String {
    let [into, out] = [Direction::In, Direction::Out].map(|direction| hold.of(direction, now));
    let what = match (into, out) {
        (Some(_), Some(_)) => "scaling in and out",
        (Some(_), None) => "scaling in",
        _ => "scaling out",
    };
    format!("{what}, {}", hold.until.map_or(Until::Released, Until::Time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s17_spans_are_read_as_people_write_them() {
        for (text, seconds) in
            [("30m", 1800), ("2h", 7200), ("1h 30m", 5400), ("90s", 90), ("1d", 86_400), ("7d", 604_800)]
        {
            assert_eq!(span(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "2", "-2h", "0s", "0d", "soon", "2 fortnights", "999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn s17_a_hold_is_over_at_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let hold = Hold {
            scaling_in: true,
            scaling_out: false,
            since: at(0),
            until: Some(at(100)),
            reason: Some("new disks".to_owned()),
            by: None,
        };
        assert_eq!(hold.of(Direction::In, at(99)), Some(Until::Time(at(100))));
        assert_eq!((hold.of(Direction::In, at(100)), hold.of(Direction::Out, at(0))), (None, None));
        assert_eq!(words(&hold, at(0)), "scaling in, until 1970-01-01 00:01:40Z");
        let state = ResourceState { hold: Some(hold.clone()), ..ResourceState::default() };
        assert_eq!(ResourceState::from_json(&state.to_json()).unwrap().hold, Some(hold));
        assert!(Until::Released > Until::Time(at(100)) && Some(Until::Time(at(0))) > None);
    }
}
