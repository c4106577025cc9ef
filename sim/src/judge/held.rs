//! What held steps up: which rule, for how long. A step that is asked for and not taken is what people ask about most.

use std::collections::BTreeMap;

use replicator::decide::{Decision, Direction, Stop, Verdict};
use replicator::domain::Resource;

use super::record::Stretch;
use crate::kernel::time::Millis;

/// A step that was held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Of what.
    pub resource: Resource,
    /// Which way it would have gone.
    pub direction: Direction,
    /// The rule that held it.
    pub rule: &'static str,
    /// Whether that rule is a bound.
    pub by_bound: bool,
}

/// What the latest decision on each resource was, and what held steps up so far.
#[derive(Debug, Default)]
pub struct Holds {
    last: BTreeMap<Resource, Last>,
    stretches: BTreeMap<Held, Vec<Stretch>>,
}

#[derive(Debug)]
struct Last {
    kind: u32,
    since: Millis,
    held: Vec<Held>,
}

impl Holds {
    /// Takes a decision. Whether it differs in kind from the last one on its resource.
    pub(super) fn decided(&mut self, at: Millis, decision: &Decision) -> bool {
        let kind = kind_of(&decision.verdict);
        if let Some(last) = self.last.get(&decision.resource)
            && last.kind == kind
        {
            return matches!(decision.verdict, Verdict::Act(_) | Verdict::WouldAct(_));
        }
        self.close(at, &decision.resource);
        let last = Last { kind, since: at, held: held_by(decision) };
        self.last.insert(decision.resource.clone(), last);
        true
    }

    /// A step was taken: nothing holds it any more.
    pub(super) fn began(&mut self, at: Millis, resource: &Resource) {
        self.close(at, resource);
    }

    /// The run is over.
    pub(crate) fn end(&mut self, at: Millis) {
        for resource in self.last.keys().cloned().collect::<Vec<_>>() {
            self.close(at, &resource);
        }
    }

    fn close(&mut self, at: Millis, resource: &Resource) {
        let Some(last) = self.last.get_mut(resource) else { return };
        for held in last.held.drain(..) {
            let stretches = self.stretches.entry(held).or_default();
            match stretches.last_mut() {
                Some(before) if before.to == last.since => before.to = at,
                _ if at > last.since => stretches.push(Stretch { from: last.since, to: at }),
                _ => {}
            }
        }
    }

    /// What was held, and when.
    pub fn stretches(&self) -> impl Iterator<Item = (&Held, &[Stretch])> {
        self.stretches.iter().filter(|(_, of)| !of.is_empty()).map(|(held, of)| (held, of.as_slice()))
    }
}

/// What holds the step that a decision asks for.
fn held_by(decision: &Decision) -> Vec<Held> {
    let Verdict::Hold(step, stops) = &decision.verdict else { return vec![] };
    let held = |stop: &Stop| Held {
        resource: decision.resource.clone(),
        direction: step.direction(),
        rule: stop.rule(&decision.resource),
        by_bound: stop.is_bound(),
    };
    stops.iter().map(held).collect()
}

/// A number for the kind of a verdict: what is asked for and what stops it, not how much.
fn kind_of(verdict: &Verdict) -> u32 {
    let direction = verdict.step().map_or(0, |step| 1 + u32::from(step.direction() == Direction::Out));
    let stops = match verdict {
        Verdict::Undecided => 1,
        Verdict::Stay => 2,
        Verdict::Act(_) => 3,
        Verdict::WouldAct(_) => 4,
        Verdict::Hold(_, stops) => stops.iter().fold(0, |kinds, stop| kinds | 8 << kind_of_stop(stop)),
    };
    direction << 28 | stops
}

fn kind_of_stop(stop: &Stop) -> u32 {
    match stop {
        Stop::Failsafe => 0,
        Stop::Operating => 1,
        Stop::Deploying { .. } => 2,
        Stop::Cooldown { .. } => 3,
        Stop::NotYet { .. } => 4,
        Stop::AtMaximum { .. } => 5,
        Stop::AtMinimum { .. } => 6,
        Stop::MissingSamples { .. } => 7,
        Stop::CapacityNeeded => 8,
        Stop::NoVictim => 9,
        Stop::Suspended { .. } => 10,
        Stop::NoPlace { .. } => 11,
        Stop::Coming { .. } => 12,
        Stop::OddNodes { .. } => 13,
        Stop::Disagreement => 14,
        Stop::Weighted => 15,
        Stop::Unsatisfiable { .. } => 16,
        Stop::Overhaul { .. } => 17,
        Stop::ScaleInPaused { .. } => 18,
        Stop::SetToZero => 19,
        Stop::Unsettled { .. } => 20,
        Stop::OnHold { .. } => 21,
        Stop::Limited { .. } => 22,
        Stop::NotWatched { .. } => 23,
        Stop::NeededLately { .. } => 24,
    }
}

#[cfg(test)]
mod tests {
    use replicator::decide::Step;

    use super::*;

    fn decision(verdict: Verdict) -> Decision {
        let resource = Resource::Pool("p".into());
        Decision { resource, verdict, findings: vec![], scalein_requests: 0, scaleout_requests: 0 }
    }

    fn held(stops: Vec<Stop>) -> Decision {
        decision(Verdict::Hold(Step { from: 3, to: 2 }, stops))
    }

    #[test]
    fn a_hold_lasts_until_another_kind_of_decision() {
        let mut holds = Holds::default();
        let cooldown = |seconds_left| Stop::Cooldown { seconds_left };
        assert!(holds.decided(Millis(0), &held(vec![cooldown(9)])));
        assert!(!holds.decided(Millis(10), &held(vec![cooldown(5)])), "less is left, and it is the same");
        assert!(holds.decided(Millis(20), &held(vec![Stop::CapacityNeeded, cooldown(1)])));
        assert!(holds.decided(Millis(30), &held(vec![Stop::CapacityNeeded])));
        holds.decided(Millis(40), &decision(Verdict::Stay));
        holds.decided(Millis(50), &held(vec![Stop::CapacityNeeded]));
        holds.end(Millis(70));
        let found: Vec<_> = holds
            .stretches()
            .map(|(held, of)| (held.rule, of.iter().map(|it| (it.from.0, it.to.0)).collect::<Vec<_>>()))
            .collect();
        assert_eq!(found, [("P12", vec![(20, 40), (50, 70)]), ("P16", vec![(0, 30)])]);
    }

    #[test]
    fn a_step_that_is_taken_is_held_no_longer() {
        let mut holds = Holds::default();
        holds.decided(Millis(0), &held(vec![Stop::NotYet { asked: 1, needed: 2 }]));
        holds.began(Millis(10), &Resource::Pool("p".into()));
        holds.end(Millis(50));
        assert_eq!(
            holds.stretches().map(|(_, of)| of.to_vec()).next(),
            Some(vec![Stretch { from: Millis(0), to: Millis(10) }])
        );
    }
}
