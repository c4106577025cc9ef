//! Killing the leader at one of its own calls, right before it or right after it took effect.

use super::{Happening, Signal, World};
use crate::judge::invariants::Violation;
use crate::kernel::time::Millis;

/// How long an agent that crashed is away.
const AWAY: Millis = Millis::secs(60);
/// How many calls all agents may make without time passing: more than statistics of the largest cluster ask for.
const MOST_CALLS_AT_ONCE: u64 = 1_000_000;
/// What breaks when agents are never done with a moment.
pub(crate) const TIME_PASSES: &str = "time passes";

/// Where the leader is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    /// At which of the calls that leaders make, from 1.
    pub call: u64,
    /// On which side of it.
    pub side: Side,
}

/// A side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The call is not made.
    Before,
    /// The call took effect, and its answer is lost.
    After,
}

/// A call that a leader made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedCall {
    /// Its number, from 1.
    pub number: u64,
    /// What was asked.
    pub what: &'static str,
    /// Whether an operation was under way, on anything.
    pub operating: bool,
}

/// What is counted and planned.
#[derive(Debug, Default)]
pub(crate) struct Crash {
    /// Where the leader is killed.
    pub(crate) at: Option<CrashPoint>,
    /// Every call of a leader so far, where they are wanted.
    pub(crate) log: Option<Vec<LedCall>>,
    calls: u64,
    /// The present moment, and the calls of all agents in it.
    moment: Millis,
    calls_now: u64,
}

impl World {
    /// Counts a call of a leader, or, where `led` is its number, notes that it took effect. Its number, and whether the
    /// agent dies here.
    pub(super) fn pass_call(&mut self, agent: usize, led: Option<u64>, what: &'static str) -> (Option<u64>, bool) {
        if self.agents[agent].dying || self.is_endless(agent, what) {
            return (None, true);
        }
        let (number, side) = match led {
            Some(number) => (Some(number), Side::After),
            None => (self.count_led_call(agent, what), Side::Before),
        };
        let dies = number.is_some_and(|call| self.crash.at == Some(CrashPoint { call, side }));
        if dies {
            let when = if side == Side::Before { "right before" } else { "right after" };
            self.note(|| format!("agent-{agent} is killed {when} this call: {what}"));
            self.agents[agent].dying = true;
            self.signals.push(Signal::Kill(agent));
            self.schedule(self.now + AWAY, Happening::AgentStarts(agent));
        }
        (number, dies)
    }

    /// Counts the calls of this moment. An agent that never stops to ask would let no time pass: that is the end of the run.
    fn is_endless(&mut self, agent: usize, what: &'static str) -> bool {
        if self.crash.moment != self.now {
            (self.crash.moment, self.crash.calls_now) = (self.now, 0);
        }
        self.crash.calls_now += 1;
        if self.crash.calls_now > MOST_CALLS_AT_ONCE {
            let evidence = format!("agent-{agent} asked {MOST_CALLS_AT_ONCE} times in one moment, at last to {what}");
            self.record.violate(self.now, Violation { invariant: TIME_PASSES, evidence });
            return true;
        }
        false
    }

    fn count_led_call(&mut self, agent: usize, what: &'static str) -> Option<u64> {
        let leads = self.leader_session().is_some_and(|leader| self.agents[agent].session.as_ref() == Some(leader));
        if !leads {
            return None;
        }
        self.crash.calls += 1;
        let number = self.crash.calls;
        if self.crash.log.is_some() {
            let operating = self.states().any(|(_, state)| state.operation.is_some());
            let call = LedCall { number, what, operating };
            self.crash.log.get_or_insert_default().push(call);
        }
        Some(number)
    }

    /// The start of an agent: it knows which allocation it is, if it is one.
    pub(super) fn start_of(&self, agent: usize) -> Signal {
        let own = self.agents[agent].allocation.map(|number| self.nomad.allocations[number].id.clone());
        Signal::Start(agent, own)
    }

    pub(super) fn agent_starts(&mut self, agent: usize) {
        self.agents[agent].dying = false;
        let start = self.start_of(agent);
        self.signals.push(start);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::rc::Rc;

    use super::*;
    use crate::scenario::{Changes, Scenario};

    #[test]
    fn asking_without_end_ends_the_run() {
        let text = "title = \"t\"\nseed = 1\nduration = \"1h\"\ntick = \"10s\"\n[pools.p]\nnodes = 1\nmin = 1\nmax = 1\n\
                    instance = { cpu = 100, memory = 100 }\nboot = \"1m\"\n[pools.p.meta]\nreplicator_enabled = true\n\
                    replicator_region = \"r\"\nreplicator_notification_uid = \"P\"";
        let scenario = Scenario::parse(text, Path::new("t.toml"), &Changes::default()).unwrap();
        let mut world = World::new(&Rc::new(scenario.plan));
        for _ in 0..MOST_CALLS_AT_ONCE {
            assert_eq!(world.pass_call(0, None, "list jobs"), (None, false));
        }
        assert_eq!(world.pass_call(0, None, "list jobs"), (None, true), "it is never answered");
        assert_eq!(world.record.violation.map(|(_, it)| it.invariant), Some(TIME_PASSES));
    }
}
