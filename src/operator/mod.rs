//! An operator's word about what may be scaled: failsafe, holds, releases, as the commands and the API pass it on. It is written to
//! the state compare-and-set, without the lock, so that it neither undoes what an agent writes meanwhile nor is undone by it; what
//! was done is noted in the history (S18).
//!
//! - `text`: what people write: reasons, spans.

mod text;

use jiff::Timestamp;

use crate::adapters::consul::ConsulClient;
use crate::decide::{Direction, Until};
use crate::ports::PortError;
use crate::state::{Failsafe, HistoryEntry, Hold, ResourceState, ResourceType, everything_path};

pub use text::{reason, span};

/// How often a write that lost a race is made again.
const ATTEMPTS: usize = 20;
/// What the state that is about everything is called.
const EVERYTHING: &str = "everything";

/// Why nothing was written, or nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
pub enum WordError {
    /// There is no state.
    #[error("No state object was found at the specified path {0}, no action will be taken")]
    NoState(String),
    /// What is there is something else.
    #[error("what is at {path} is no state; nothing was written: {why}")]
    NotAState {
        /// The key.
        path: String,
        /// Why.
        why: String,
    },
    /// Others write all the time.
    #[error("the state at {0} changes all the time: {ATTEMPTS} attempts lost the race; try again")]
    Race(String),
    /// Consul did not answer, or not permit it.
    #[error(transparent)]
    Consul(#[from] PortError),
}

/// Who says so, where that is known, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It stood there already.
    Already,
    /// It was written.
    Written,
}

/// Where operators' words are written.
pub struct Words<'a> {
    /// The store.
    pub consul: &'a ConsulClient,
    /// The root of the keys.
    pub root: &'a str,
}

impl Words<'_> {
    /// The state at a path, and the index that a write must name.
    ///
    /// # Errors
    ///
    /// When there is none, or none that can be read.
    pub async fn read(&self, path: &str) -> Result<(ResourceState, u64), WordError> {
        let entry = self.consul.read(path).await?.ok_or_else(|| WordError::NoState(path.to_owned()))?;
        let state = read_state(&entry.value).map_err(|why| WordError::NotAState { path: path.to_owned(), why })?;
        Ok((state, entry.modify_index))
    }

    /// Enters failsafe, or lifts it.
    ///
    /// # Errors
    ///
    /// When it was not written.
    pub async fn failsafe(
        &self,
        path: &str,
        wanted: Failsafe,
        signature: &Signature,
        now: Timestamp,
    ) -> Result<Done, WordError> {
        for _ in 0..ATTEMPTS {
            let (mut state, index) = self.read(path).await?;
            if state.failsafe_mode == (wanted == Failsafe::Enabled) {
                return Ok(Done::Already);
            }
            state.set_failsafe(wanted, now);
            state.sign_failsafe(wanted, signature.reason.as_deref(), signature.by.as_deref());
            if self.consul.write_unlocked(path, &state.to_json(), index).await? {
                let verb = if wanted == Failsafe::Enabled { "entered" } else { "lifted" };
                self.note("failsafe", path, &format!("failsafe {verb}"), signature, now).await;
                return Ok(Done::Written);
            }
            // An agent wrote meanwhile: its word is kept, and ours comes on top.
        }
        Err(WordError::Race(path.to_owned()))
    }

    /// Holds what is at a path, or releases it where there is no hold.
    ///
    /// # Errors
    ///
    /// When it was not written.
    pub async fn hold(
        &self,
        path: &str,
        hold: Option<&Hold>,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<Done, WordError> {
        let everything = path == everything_path(self.root);
        for _ in 0..ATTEMPTS {
            let (mut state, index) = match self.read(path).await {
                Err(WordError::NoState(_)) if everything => {
                    let (resource_name, state_path) = (EVERYTHING.to_owned(), path.to_owned());
                    (ResourceState { resource_name, state_path, ..ResourceState::default() }, 0)
                }
                other => other?,
            };
            let stands = state.hold.as_ref().is_some_and(|hold| !hold.is_over(now));
            if hold.is_none() && !stands {
                return Ok(Done::Already);
            }
            state.hold = hold.cloned();
            state.last_updated = Some(now);
            let written = if everything && hold.is_none() {
                // Nothing else stands there.
                self.consul.remove_unlocked(path).await?;
                true
            } else {
                self.consul.write_unlocked(path, &state.to_json(), index).await?
            };
            if written {
                let words = hold.map_or_else(|| "released".to_owned(), |hold| format!("on hold, {}", held(hold, now)));
                let reason = hold.and_then(|hold| hold.reason.clone());
                let signature = Signature { by: by.map(str::to_owned), reason };
                self.note("hold", path, &words, &signature, now).await;
                return Ok(Done::Written);
            }
        }
        Err(WordError::Race(path.to_owned()))
    }

    /// What was done is done, whether it can be noted or not.
    async fn note(&self, kind: &str, path: &str, words: &str, signature: &Signature, now: Timestamp) {
        let about = of_path(self.root, path);
        let reason = signature.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let entry = HistoryEntry {
            at: now,
            by: signature.by.clone().unwrap_or_else(|| "an operator".to_owned()),
            resource: Some(about.clone()).filter(|about| about != EVERYTHING),
            kind: kind.to_owned(),
            words: format!("{about}: {words}{reason}"),
        };
        let noted = entry.noted(self.root, &format!("{about}/{kind}"));
        self.consul.put_unlocked(&noted.key, &noted.value).await.ok();
    }
}

/// What the state at a path is about, as agents name it.
fn of_path(root: &str, path: &str) -> String {
    let below = path.strip_prefix(&crate::state::state_prefix(root)).unwrap_or(path);
    match (below.strip_prefix("nodes/"), below.strip_prefix("jobs/")) {
        (Some(pool), _) => format!("pool {pool}"),
        (_, Some(group)) => format!("group {group}"),
        _ => below.to_owned(),
    }
}

/// Reads a state. Every field of one may be absent; a JSON object that does not say what it is about is something else,
/// such as a pool's policy.
fn read_state(value: &[u8]) -> Result<ResourceState, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(value).map_err(|error| error.to_string())?;
    for key in ["resource_name", "resource_type"] {
        if !object.contains_key(key) {
            return Err(format!("it has no {key}"));
        }
    }
    ResourceState::from_json(value).map_err(|error| error.to_string())
}

/// What a state is about, as the Go daemon's command says it.
#[must_use]
pub fn named(state: &ResourceState) -> String {
    let kind = match state.resource_type {
        _ if state.resource_name == EVERYTHING && state.state_path.ends_with("/state/everything") => {
            return EVERYTHING.to_owned();
        }
        ResourceType::WorkerPool => "worker_pool",
        ResourceType::JobGroup => "job_group",
    };
    format!("{kind} {}", state.resource_name)
}

/// What a hold holds, for people: `scaling in, until …`.
#[must_use]
pub fn held(hold: &Hold, now: Timestamp) -> String {
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
        assert_eq!(held(&hold, at(0)), "scaling in, until 1970-01-01 00:01:40Z");
        let state = ResourceState { hold: Some(hold.clone()), ..ResourceState::default() };
        assert_eq!(ResourceState::from_json(&state.to_json()).unwrap().hold, Some(hold));
        assert!(Until::Released > Until::Time(at(100)) && Some(Until::Time(at(0))) > None);
    }

    #[test]
    fn what_a_state_is_about_is_said_as_agents_say_it() {
        for (path, about) in [
            ("r/state/nodes/workers", "pool workers"),
            ("r/state/jobs/team/web@prod/front", "group team/web@prod/front"),
            ("r/state/everything", "everything"),
            ("elsewhere", "elsewhere"),
        ] {
            assert_eq!(of_path("r", path), about);
        }
        assert!(
            read_state(b"{}").is_err() && read_state(br#"{"resource_name":"a","resource_type":"job_group"}"#).is_ok()
        );
    }
}
