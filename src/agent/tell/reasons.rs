//! The latest word about each resource: what was decided and why, or what kept it from being decided. Data for whoever asks
//! why something happens, or does not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::event::{Event, Leadership};
use super::outlet::Observer;
use crate::decide::Decision;
use crate::domain::Resource;

/// Why a resource is as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// This was decided, with all that it rests on and all that stops it.
    Decided(Arc<Decision>),
    /// This is wrong with its policy: it is not scaled.
    Policy(String),
    /// There was nothing to decide on, for this reason.
    Undecided(String),
    /// This kept the evaluation from its end.
    Trouble(String),
}

/// Hears and remembers the latest word about each resource. What is said of resources that vanish is forgotten with the
/// leadership.
#[derive(Debug, Default)]
pub struct Reasons {
    latest: RefCell<BTreeMap<Resource, (Timestamp, Reason)>>,
}

impl Reasons {
    /// The latest word about a resource, and when it was said.
    #[must_use]
    pub fn of(&self, resource: &Resource) -> Option<(Timestamp, Reason)> {
        self.latest.borrow().get(resource).cloned()
    }

    /// All resources of which there is a word.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        self.latest.borrow().keys().cloned().collect()
    }

    fn note(&self, at: Timestamp, resource: &Resource, reason: Reason) {
        self.latest.borrow_mut().insert(resource.clone(), (at, reason));
    }
}

impl Observer for Reasons {
    fn observe(&self, at: Timestamp, event: &Event) {
        match event {
            Event::Decided(decision) => self.note(at, &decision.resource, Reason::Decided(decision.clone())),
            Event::Undecided { resource, why } => self.note(at, resource, Reason::Undecided(why.clone())),
            Event::Policy { resource, problem: Some(problem) } => {
                self.note(at, resource, Reason::Policy(problem.clone()));
            }
            Event::Trouble { resource, problem } => self.note(at, resource, Reason::Trouble(problem.clone())),
            Event::Leadership(Leadership::Lost(_) | Leadership::Resigned) => self.latest.borrow_mut().clear(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tell::LossCause;
    use crate::decide::{Step, Stop, Verdict};

    #[test]
    fn s16_whoever_asks_is_told_the_latest_word() {
        let reasons = Reasons::default();
        let pool = Resource::Pool("p".into());
        assert_eq!(reasons.of(&pool), None);
        let verdict = Verdict::Hold(Step { from: 3, to: 2 }, vec![Stop::CapacityNeeded]);
        let decision =
            Decision { resource: pool.clone(), verdict, findings: vec![], scalein_requests: 0, scaleout_requests: 0 };
        let decision = Arc::new(decision);
        let at = Timestamp::UNIX_EPOCH;
        reasons.observe(at, &Event::Decided(decision.clone()));
        assert_eq!(reasons.of(&pool), Some((at, Reason::Decided(decision))));
        let why = "nothing runs".to_owned();
        reasons.observe(at, &Event::Undecided { resource: pool.clone(), why: why.clone() });
        assert_eq!(reasons.of(&pool), Some((at, Reason::Undecided(why))));
        reasons.observe(at, &Event::Trouble { resource: pool.clone(), problem: "away".into() });
        assert_eq!(reasons.of(&pool), Some((at, Reason::Trouble("away".into()))));
        assert_eq!(reasons.resources(), [pool]);
        reasons.observe(at, &Event::Leadership(Leadership::Lost(LossCause::LockGone)));
        assert!(reasons.resources().is_empty(), "who does not lead knows nothing");
    }
}
