//! What the agent tells, as log lines: one for every decision that changes something, with its reasons; quiet while
//! nothing happens. `ERROR` is for what a human must act on, `WARN` for what recovered or looks wrong, `INFO` for what
//! was done, `DEBUG` for every evaluation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal};

use jiff::Timestamp;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::agent::{AlertAction, Event, Leadership, LossCause, Observer};
use crate::config::{Level, LogFormat};
use crate::decide::Verdict;
use crate::domain::Resource;
use crate::operation::Outcome;

/// Changes how much is logged.
pub struct LogControl {
    filter: reload::Handle<Targets, Registry>,
}

impl LogControl {
    /// Logs this much from now on.
    pub fn set_level(&self, level: Level) {
        // Fails only when the subscriber is gone, and then there is nobody to tell.
        self.filter.reload(targets(level)).ok();
    }
}

/// Begins to log to stderr.
///
/// # Errors
///
/// When something else logs in this process already.
pub fn start(level: Level, format: LogFormat) -> Result<LogControl, tracing_subscriber::util::TryInitError> {
    let (filter, handle) = reload::Layer::new(targets(level));
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = match format {
        LogFormat::Json => to_stderr.json().flatten_event(true).boxed(),
        LogFormat::Human => to_stderr.with_ansi(is_colourful()).fmt_fields(format::debug_fn(sentence)).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    Ok(LogControl { filter: handle })
}

/// A line for people is a sentence: it holds all that the fields do.
fn sentence(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() == "message" { write!(writer, "{value:?}") } else { Ok(()) }
}

fn targets(level: Level) -> Targets {
    let ours = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // Libraries below us say little that an operator could use, and their debug output may show headers.
    Targets::new().with_default(LevelFilter::ERROR).with_target("replicator", ours)
}

#[expect(clippy::disallowed_methods, reason = "a terminal's habits are no configuration of ours")]
fn is_colourful() -> bool {
    io::stderr().is_terminal() && !std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}

/// Logs what an agent tells.
#[derive(Debug, Default)]
pub struct LogObserver {
    /// The last word about each resource that repeats at every evaluation, so that it is logged once.
    said: RefCell<BTreeMap<Resource, String>>,
}

impl LogObserver {
    /// Whether this was not the last word about the resource.
    fn is_news(&self, resource: &Resource, word: &str) -> bool {
        let mut said = self.said.borrow_mut();
        if said.get(resource).is_some_and(|last| last == word) {
            return false;
        }
        said.insert(resource.clone(), word.to_owned());
        true
    }
}

impl Observer for LogObserver {
    fn observe(&self, _: Timestamp, event: &Event) {
        match event {
            Event::Leadership(Leadership::Lost(
                LossCause::NotRenewed | LossCause::SessionGone | LossCause::LockGone,
            ))
            | Event::Lock { trouble: Some(_) }
            | Event::Feed { trouble: Some(_), .. }
            | Event::Unreadable { error: Some(_), .. } => warn!("{event}"),
            Event::Leadership(Leadership::Follows | Leadership::Won | Leadership::Resigned)
            | Event::Lock { trouble: None }
            | Event::Feed { trouble: None, .. }
            | Event::Unreadable { error: None, .. } => info!("{event}"),
            Event::Policy { resource, problem: Some(_) } => warn!(%resource, "{event}"),
            Event::Policy { resource, problem: None } => info!(%resource, "{event}"),
            Event::Decided(decision) => {
                let resource = &decision.resource;
                // What a disabled policy would do is said when it changes, not at every evaluation.
                match &decision.verdict {
                    Verdict::WouldAct(step) => {
                        if self.is_news(resource, &format!("would scale to {}", step.to)) {
                            info!(%resource, from = step.from, to = step.to, "{event}");
                        }
                    }
                    Verdict::Undecided | Verdict::Stay | Verdict::Hold(..) | Verdict::Act(_) => {
                        self.said.borrow_mut().remove(resource);
                        debug!(%resource, "{event}");
                    }
                }
            }
            Event::Began { resource, direction, from, to, why } => {
                info!(%resource, %direction, from, to, why, "{event}");
            }
            Event::Entered { resource, phase, failure: None } => debug!(%resource, phase, "{event}"),
            Event::Entered { resource, phase, failure: Some(_) } => warn!(%resource, phase, "{event}"),
            Event::Called { resource, error: None, .. } => debug!(%resource, "{event}"),
            Event::Called { resource, error: Some(_), .. } => warn!(%resource, "{event}"),
            Event::Finished { resource, direction, outcome } => match outcome {
                Outcome::Failed(_) => warn!(%resource, %direction, "{event}"),
                Outcome::Succeeded | Outcome::Abandoned(_) => info!(%resource, %direction, "{event}"),
            },
            Event::Alert(alert) => {
                let (uid, reason) = (&alert.uid, alert.reason);
                let (cluster, resource, state_path) = (&alert.cluster_identifier, &alert.resource, &alert.state_path);
                match alert.action {
                    AlertAction::Trigger => error!(
                        uid, cluster, %resource, reason, state_path,
                        "{resource} entered failsafe and is not scaled any more; find the cause, then lift it: \
                         replicator failsafe -disable -state-path={state_path}"
                    ),
                    AlertAction::Resolve => {
                        info!(uid, cluster, %resource, reason, state_path, "failsafe of {resource} was lifted");
                    }
                }
            }
            Event::Trouble { resource, problem } => {
                if self.is_news(resource, problem) {
                    warn!(%resource, "{event}");
                }
            }
        }
    }
}
