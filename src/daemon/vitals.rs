//! Whether the agent does what it should: told to systemd, where it asks, and said once in the log when something hangs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{info, warn};

use crate::adapters::clock::TokioClock;
use crate::agent::Leadership;
use crate::outlet::board::Board;
use crate::ports::Clock;

/// How often it is looked, where systemd does not ask for more.
const EVERY: Duration = Duration::from_secs(5);

/// Watches over the agent for as long as it runs. While something hangs the watchdog hears nothing, and systemd starts the
/// process again, so that another agent leads.
pub async fn watch_over(board: &Board, interval: Duration) -> Infallible {
    let clock = TokioClock::start();
    // An agent that cannot reach its servers is one that waits for them, and no failed start.
    tell(&[NotifyState::Ready]);
    let every = sd_notify::watchdog_enabled().map_or(EVERY, |limit| (limit / 3).min(EVERY));
    let (mut overdue, mut said) = (BTreeMap::new(), String::new());
    loop {
        let late = board.overdue(interval, clock.wall());
        for (name, words) in late.iter().filter(|(name, _)| !overdue.contains_key(*name)) {
            warn!(resource = name, "{words}: its evaluation hangs");
        }
        for name in overdue.keys().filter(|name| !late.contains_key(*name)) {
            info!(resource = name, "{name} is looked at again, or nobody's business any more");
        }
        let status = status(board, late.len());
        if status != said {
            tell(&[NotifyState::Status(&status)]);
            said = status;
        }
        if late.is_empty() {
            tell(&[NotifyState::Watchdog]);
        }
        overdue = late;
        clock.sleep(every).await;
    }
}

/// Tells systemd that the agent stops.
pub fn say_farewell() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    // Where nobody asked there is nobody to tell.
    sd_notify::notify(state).ok();
}

/// One line for `systemctl status`.
fn status(board: &Board, hanging: usize) -> String {
    board.look(|pinned| {
        let role = match pinned.leadership {
            Some((_, Leadership::Won)) => format!("leads; {} pools and groups", pinned.resources.len()),
            Some((_, Leadership::Follows)) => "stands by".to_owned(),
            _ => "campaigns".to_owned(),
        };
        let failsafe =
            pinned.resources.values().filter(|it| it.state.as_ref().is_some_and(|it| it.failsafe_mode)).count();
        let mut words = vec![role];
        if failsafe > 0 {
            words.push(format!("{failsafe} in failsafe"));
        }
        if hanging > 0 {
            words.push(format!("{hanging} hang"));
        }
        words.extend(pinned.lock.iter().chain(&pinned.aside).cloned());
        words.join("; ")
    })
}
