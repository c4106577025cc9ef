//! What lasts and should not go unsaid (S16): one word when it begins, a reminder now and then with how long it has lasted,
//! and one word when it is over. What lasts for a moment only is not mentioned.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::decide::{Decision, Direction, Stop, Verdict};
use crate::domain::{Monotonic, Resource};

/// How often somebody is reminded of what still lasts.
const REMIND_EVERY: Duration = Duration::from_mins(30);
/// How long something must be absent to be over, so that what flickers is one and the same.
const OVER_AFTER: Duration = Duration::from_secs(45);

/// What an operator would want to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// It is held at its upper bound while load asks for more.
    AtMaximum,
    /// A deployment holds up a step.
    Deploying,
    /// Clients collect no statistics.
    NotCollected,
    /// Samples are missing.
    MissingSamples,
    /// A driver does not measure something that its group would be scaled by.
    Unmeasured,
    /// Nothing of it runs, though something should.
    NothingRuns,
    /// There is nothing at all to scale.
    NothingToScale,
    /// Its policy cannot be met, or its group not be scaled.
    Unsatisfiable,
    /// Somebody set its count to 0.
    SetToZero,
    /// The capacity of some of its nodes is not to be believed.
    OddNodes,
    /// Scaling in is paused since it failed.
    ScaleInPaused,
    /// It is in failsafe while a step is asked for.
    Failsafe,
    /// An operator holds it while a step is asked for.
    OnHold,
    /// All pools together may not grow any more.
    AtLimit,
    /// A limit of cost does not count it, for want of a price.
    Priceless,
    /// What is asked for is suspended at the provider.
    Suspended,
    /// Some of its work fits on no node at all.
    FitsNowhere,
}

impl Matter {
    /// The first by order.
    const FIRST: Self = Self::AtMaximum;

    /// How long it must last before it is worth a word.
    fn tolerance(self) -> Duration {
        match self {
            Self::AtMaximum | Self::AtLimit => Duration::from_mins(2),
            Self::Deploying | Self::MissingSamples | Self::NothingRuns => Duration::from_mins(5),
            Self::NotCollected | Self::NothingToScale | Self::Suspended | Self::Unmeasured => Duration::from_secs(30),
            Self::Failsafe | Self::OnHold => Duration::from_mins(30),
            Self::Unsatisfiable
            | Self::SetToZero
            | Self::OddNodes
            | Self::ScaleInPaused
            | Self::Priceless
            | Self::FitsNowhere => Duration::ZERO,
        }
    }
}

/// How far something that lasts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It is worth a word now, and has lasted so long already.
    Begins {
        /// Since when.
        since: Duration,
    },
    /// It goes on.
    GoesOn {
        /// Since when.
        since: Duration,
    },
    /// It is over.
    IsOver {
        /// How long it lasted.
        lasted: Duration,
    },
}

/// Something that is so right now, in words with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Concern {
    pub(in crate::agent) matter: Matter,
    pub(in crate::agent) words: String,
}

impl Concern {
    /// What of a decision an operator would want to know, if it lasts.
    pub(in crate::agent) fn of(decision: &Decision) -> Vec<Self> {
        let Verdict::Hold(step, stops) = &decision.verdict else { return vec![] };
        let concern = |stop: &Stop| {
            let matter = matter_of(stop, step.direction())?;
            let why = decision.why();
            let so = if why.is_empty() { String::new() } else { format!("; {why}") };
            let held = format!("held {} at {}: {stop}{so}", step.direction(), step.from);
            Some(Self { matter, words: held })
        };
        stops.iter().filter_map(concern).collect()
    }
}

fn matter_of(stop: &Stop, direction: Direction) -> Option<Matter> {
    Some(match stop {
        Stop::AtMaximum { .. } => Matter::AtMaximum,
        Stop::Deploying { .. } => Matter::Deploying,
        Stop::MissingSamples { .. } => Matter::MissingSamples,
        Stop::Unsatisfiable { .. } | Stop::Weighted => Matter::Unsatisfiable,
        Stop::SetToZero => Matter::SetToZero,
        Stop::OddNodes { .. } => Matter::OddNodes,
        Stop::ScaleInPaused { .. } => Matter::ScaleInPaused,
        Stop::Failsafe => Matter::Failsafe,
        Stop::OnHold { .. } => Matter::OnHold,
        Stop::Limited { .. } if direction == Direction::Out => Matter::AtLimit,
        Stop::Suspended { .. } if direction == Direction::Out => Matter::Suspended,
        _ => return None,
    })
}

/// Watches what lasts.
#[derive(Debug, Default)]
pub(in crate::agent) struct Vigil {
    /// By what it is about: a resource, or the whole cluster.
    watched: BTreeMap<(Option<Resource>, Matter), Watched>,
}

#[derive(Debug, Clone)]
struct Watched {
    began: Monotonic,
    seen: Monotonic,
    /// When it was last spoken of.
    told: Option<Monotonic>,
    words: String,
}

/// A word about something that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Notice {
    pub(in crate::agent) matter: Matter,
    pub(in crate::agent) words: String,
    pub(in crate::agent) course: Course,
}

impl Vigil {
    /// Takes all that is so of a resource, or of the cluster, now, and answers what is worth a word.
    pub(in crate::agent) fn look(
        &mut self,
        resource: Option<&Resource>,
        concerns: Vec<Concern>,
        now: Monotonic,
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        for Concern { matter, words } in concerns {
            let fresh = Watched { began: now, seen: now, told: None, words: String::new() };
            let watched = self.watched.entry((resource.cloned(), matter)).or_insert(fresh);
            (watched.seen, watched.words) = (now, words);
            let since = now.since(watched.began);
            let course = match watched.told {
                None if since >= matter.tolerance() => Course::Begins { since },
                Some(told) if now.since(told) >= REMIND_EVERY => Course::GoesOn { since },
                _ => continue,
            };
            watched.told = Some(now);
            notices.push(Notice { matter, words: watched.words.clone(), course });
        }
        notices.extend(self.end(resource, now));
        notices
    }

    /// What is over: it was not seen for a while.
    fn end(&mut self, resource: Option<&Resource>, now: Monotonic) -> Vec<Notice> {
        if self.watched.is_empty() {
            return vec![];
        }
        let is_over = |watched: &Watched| now.since(watched.seen) >= OVER_AFTER;
        let of_it =
            self.watched.range((resource.cloned(), Matter::FIRST)..).take_while(|((of, _), _)| of.as_ref() == resource);
        let over: Vec<(Option<Resource>, Matter)> =
            of_it.filter(|(_, watched)| is_over(watched)).map(|(key, _)| key.clone()).collect();
        let told = |key: &(Option<Resource>, Matter), watched: Watched| {
            watched.told.map(|_| Notice {
                matter: key.1,
                words: watched.words,
                course: Course::IsOver { lasted: watched.seen.since(watched.began) },
            })
        };
        over.iter().filter_map(|key| self.watched.remove(key).and_then(|watched| told(key, watched))).collect()
    }

    /// Resources of which this is watched.
    pub(in crate::agent) fn concerned_by(&self, matter: Matter) -> Vec<Resource> {
        self.watched.keys().filter(|(_, of)| *of == matter).filter_map(|(resource, _)| resource.clone()).collect()
    }

    /// Forgets resources that are gone.
    pub(in crate::agent) fn retain(&mut self, keep: impl Fn(&Resource) -> bool) {
        self.watched.retain(|(resource, _), _| resource.as_ref().is_none_or(&keep));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Step;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    fn pool() -> Resource {
        Resource::Pool("p".into())
    }

    fn held(stop: Stop) -> Decision {
        Decision {
            resource: pool(),
            verdict: Verdict::Hold(Step { from: 3, to: 4 }, vec![Stop::Cooldown { seconds_left: 3 }, stop]),
            findings: vec![],
            scalein_requests: 0,
            scaleout_requests: 0,
        }
    }

    fn courses(vigil: &mut Vigil, concerns: &[Concern], second: u64) -> Vec<Course> {
        vigil.look(Some(&pool()), concerns.to_vec(), at(second)).into_iter().map(|notice| notice.course).collect()
    }

    #[test]
    fn s16_what_lasts_is_said_when_it_begins_now_and_then_and_when_it_ends() {
        let mut vigil = Vigil::default();
        let full = Concern::of(&held(Stop::AtMaximum { max: 3 }));
        assert_eq!(full[0].words, "held out at 3: at the maximum of 3 (J10, P14)");
        let seconds = Duration::from_secs;
        assert_eq!(courses(&mut vigil, &full, 0), [], "it may pass");
        assert_eq!(courses(&mut vigil, &full, 110), []);
        assert_eq!(courses(&mut vigil, &full, 120), [Course::Begins { since: seconds(120) }]);
        assert_eq!(courses(&mut vigil, &full, 130), [], "said once");
        assert_eq!(courses(&mut vigil, &full, 1919), []);
        assert_eq!(courses(&mut vigil, &full, 1920), [Course::GoesOn { since: seconds(1920) }]);
        assert_eq!(courses(&mut vigil, &[], 1930), [], "it may flicker");
        assert_eq!(courses(&mut vigil, &full, 1940), []);
        assert_eq!(courses(&mut vigil, &[], 1985), [Course::IsOver { lasted: seconds(1940) }]);
        assert_eq!(courses(&mut vigil, &[], 2000), [], "said once");
    }

    #[test]
    fn s16_what_passes_is_not_mentioned() {
        let mut vigil = Vigil::default();
        let full = Concern::of(&held(Stop::AtMaximum { max: 3 }));
        assert_eq!(courses(&mut vigil, &full, 0), []);
        assert_eq!(courses(&mut vigil, &[], 60), []);
        assert_eq!(courses(&mut vigil, &full, 170), [], "and begins anew");
    }

    #[test]
    fn s16_what_an_operator_would_want_to_know() {
        let matters = |stop| Concern::of(&held(stop)).into_iter().map(|it| it.matter).collect::<Vec<_>>();
        assert_eq!(matters(Stop::SetToZero), [Matter::SetToZero]);
        assert_eq!(matters(Stop::Weighted), [Matter::Unsatisfiable]);
        assert_eq!(matters(Stop::Deploying { hang: None }), [Matter::Deploying]);
        assert_eq!(matters(Stop::ScaleInPaused { seconds_left: 9 }), [Matter::ScaleInPaused]);
        assert_eq!(matters(Stop::CapacityNeeded), [], "what is as it should be");
        assert_eq!(matters(Stop::NotYet { asked: 1, needed: 3 }), []);
    }

    #[test]
    fn s15_what_is_gone_is_not_watched() {
        let mut vigil = Vigil::default();
        courses(&mut vigil, &Concern::of(&held(Stop::SetToZero)), 0);
        vigil.retain(|_| false);
        assert!(vigil.watched.is_empty());
    }
}
