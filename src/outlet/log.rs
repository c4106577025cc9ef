//! What the agent tells, as log lines: one for every decision that changes something, with its reasons; quiet while
//! nothing happens (C13). `ERROR` is for what a human must act on, `WARN` for what recovered or looks wrong, `INFO` for what
//! was done, `DEBUG` for every evaluation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal};

use jiff::{SignedDuration, Timestamp};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::agent::{AlertAction, AlertNotice, Course, Event, Leadership, Observer};
use crate::config::{Level, LogFormat};
use crate::decide::{Decision, Verdict};
use crate::domain::Resource;
use crate::operation::Outcome;
use crate::ports::{ErrorKind, PortError};

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

/// How long the same trouble is not mentioned again.
const REMIND_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What is said again and again, and is to be logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    /// Something is in the way of a resource.
    Trouble,
    /// A call about a resource fails.
    Call,
    /// What would be done if the policy were enabled.
    DryRun,
}

/// A word that was logged.
#[derive(Debug)]
struct Said {
    word: String,
    /// When it was last logged.
    at: Timestamp,
    /// How often it was told since, and not logged.
    more: u32,
}

/// How often the word before this one was told after its line, for the end of the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Since(u32);

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" (the last word came once more)"),
            more => write!(f, " (the last word came {more} times more)"),
        }
    }
}

/// Logs what an agent tells.
#[derive(Debug, Default)]
pub struct LogObserver {
    /// The last word about each resource.
    said: RefCell<BTreeMap<(Resource, Topic), Said>>,
}

impl LogObserver {
    /// Whether a word is worth a line: it is another than the last one, or the last one was logged long ago. What is not is
    /// counted, and the next line says how often.
    fn news(&self, resource: &Resource, topic: Topic, word: &str, at: Timestamp) -> Option<Since> {
        let mut said = self.said.borrow_mut();
        let last = said.get_mut(&(resource.clone(), topic));
        let reminds = topic != Topic::DryRun;
        let is_known =
            |last: &Said| last.word == word && !(reminds && at.duration_since(last.at).abs() >= REMIND_AFTER);
        let more = match last {
            Some(last) if is_known(last) => {
                last.more = last.more.saturating_add(1);
                return None;
            }
            Some(last) => last.more,
            None => 0,
        };
        said.insert((resource.clone(), topic), Said { word: word.to_owned(), at, more: 0 });
        Some(Since(more))
    }

    /// The topic is over: the next word is news, whatever it is.
    fn forget(&self, resource: &Resource, topic: Topic) {
        self.said.borrow_mut().remove(&(resource.clone(), topic));
    }

    fn decided(&self, decision: &Decision, event: &Event, at: Timestamp) {
        let resource = &decision.resource;
        match &decision.verdict {
            Verdict::WouldAct(step) => {
                // Said when it changes, not at every evaluation.
                // Its numbers move all the time.
                if self.news(resource, Topic::DryRun, &format!("{} -> {}", step.from, step.to), at).is_some() {
                    info!(%resource, from = step.from, to = step.to, "{event}");
                }
            }
            // Still wanted, and held by the cooldown of the run that is only imagined.
            Verdict::Hold(..) => debug!(%resource, "{event}"),
            Verdict::Undecided | Verdict::Stay | Verdict::Act(_) => {
                self.forget(resource, Topic::DryRun);
                debug!(%resource, "{event}");
            }
        }
    }

    fn called(&self, resource: &Resource, call: &str, error: Option<&PortError>, event: &Event, at: Timestamp) {
        match error {
            None => {
                self.forget(resource, Topic::Call);
                debug!(%resource, call, "{event}");
            }
            Some(error) => {
                if let Some(since) = self.news(resource, Topic::Call, &error.to_string(), at) {
                    trouble(error, || format!("{event}{since}"));
                } else {
                    debug!(%resource, call, "{event}");
                }
            }
        }
    }
}

/// A failed call: something for a human where permission is missing, something that passes elsewhere.
fn trouble(error: &PortError, sentence: impl Fn() -> String) {
    let (service, call) = (error.service, &error.call);
    if error.kind == ErrorKind::Denied {
        error!(%service, call, "{}; the book's chapter \"Permissions\" lists what is needed", sentence());
    } else {
        warn!(%service, call, "{}", sentence());
    }
}

fn alert(alert: &AlertNotice) {
    let AlertNotice { action, uid, cluster_identifier: cluster, resource, reason, state_path, .. } = alert;
    let cluster = if cluster.is_empty() { "-" } else { cluster };
    match action {
        AlertAction::Trigger => error!(
            uid, cluster, %resource, reason, state_path,
            "alert {uid} of cluster {cluster}: {resource} entered failsafe ({reason}) and is not scaled any more; find the \
             cause, then lift it: replicator failsafe -disable -state-path={state_path}"
        ),
        AlertAction::Resolve => info!(
            uid, cluster, %resource, reason, state_path,
            "alert {uid} of cluster {cluster} is resolved: failsafe of {resource} was lifted"
        ),
    }
}

impl Observer for LogObserver {
    fn observe(&self, at: Timestamp, event: &Event) {
        match event {
            Event::Leadership(Leadership::Lost(_)) => warn!("{event}"),
            Event::Leadership(Leadership::Follows | Leadership::Won | Leadership::Vacant | Leadership::Resigned) => {
                info!("{event}");
            }
            Event::Lock { trouble: Some(error) }
            | Event::Aside { trouble: Some(error) }
            | Event::Feed { trouble: Some(error), .. }
            | Event::Unreadable { error: Some(error), .. } => trouble(error, || event.to_string()),
            Event::Lock { trouble: None }
            | Event::Aside { trouble: None }
            | Event::Feed { trouble: None, .. }
            | Event::Unreadable { error: None, .. } => info!("{event}"),
            Event::Policy { resource, problem: Some(_) } => warn!(%resource, "{event}"),
            Event::Policy { resource, problem: None } => info!(%resource, "{event}"),
            Event::Decided(decision) => self.decided(decision, event, at),
            Event::Undecided { resource, .. } => debug!(%resource, "{event}"),
            Event::Began { resource, direction, from, to, why, .. } => {
                self.forget(resource, Topic::Trouble);
                info!(%resource, %direction, from, to, why, "{event}");
            }
            Event::Entered { resource, phase, failure: None } => debug!(%resource, phase, "{event}"),
            Event::Entered { resource, phase, failure: Some(_) } => warn!(%resource, phase, "{event}"),
            Event::Called { resource, call, error } => self.called(resource, call, error.as_ref(), event, at),
            Event::Finished { resource, direction, outcome, .. } => {
                self.forget(resource, Topic::Trouble);
                match outcome {
                    Outcome::Failed(_) => warn!(%resource, %direction, "{event}"),
                    Outcome::Succeeded | Outcome::Abandoned(_) => info!(%resource, %direction, "{event}"),
                }
            }
            Event::Failsafe { subject, entered: true, by, reason } => {
                warn!(subject, by, reason, "{event}");
            }
            Event::Failsafe { subject, entered: false, by, reason } => info!(subject, by, reason, "{event}"),
            Event::Lasting { resource, course: Course::IsOver { .. }, .. } => {
                info!(resource = resource.as_ref().map(display), "{event}");
            }
            Event::Lasting { resource, .. } => warn!(resource = resource.as_ref().map(display), "{event}"),
            Event::Alert(notice) => alert(notice),
            Event::Trouble { resource, problem } => match self.news(resource, Topic::Trouble, problem, at) {
                Some(Since(0)) => warn!(%resource, "{event}"),
                Some(since) => warn!(%resource, repeated = since.0, "{event}{since}"),
                None => debug!(%resource, "{event}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c13_the_same_word_is_a_line_once_and_counted() {
        let log = LogObserver::default();
        let pool = Resource::Pool("workers".into());
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let news = |topic, word, minutes| log.news(&pool, topic, word, at(minutes)).is_some();
        assert!(news(Topic::Trouble, "denied", 0) && !news(Topic::Trouble, "denied", 1));
        assert!(news(Topic::Call, "denied", 1), "another topic");
        assert!(news(Topic::Trouble, "away", 2) && news(Topic::Trouble, "denied", 3));
        assert!(!news(Topic::Trouble, "denied", 12) && news(Topic::Trouble, "denied", 13), "a reminder");
        assert!(news(Topic::DryRun, "2 -> 3", 0) && !news(Topic::DryRun, "2 -> 3", 600));
        assert!(!news(Topic::Trouble, "denied", 14) && !news(Topic::Trouble, "denied", 15));
        let since = log.news(&pool, Topic::Trouble, "away", at(16)).unwrap();
        assert_eq!(since.to_string(), " (the last word came 2 times more)");
        log.forget(&pool, Topic::DryRun);
        assert!(news(Topic::DryRun, "2 -> 3", 601));
    }
}
