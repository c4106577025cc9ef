//! Crash tests: a scenario is run once for every call that its leader makes while an operation is under way, and the
//! leader is killed right before and right after that call. Another agent takes over, and the run must end in the same
//! cluster as without the crash, with nothing left that nobody looks after.

use crate::drive::run::play;
use crate::drive::stage::{CrashPoint, LedCall, Settled, Side, Stage};
use crate::judge::invariants::Violation;
use crate::kernel::time::Millis;
use crate::plan::Plan;

/// How long a run goes on after the scenario's end, without load, so that it comes to rest in one place: under a load
/// there may be several, since between scaling out and in lies a band in which nothing is done.
const SETTLES_FOR: Millis = Millis::secs(2 * 60 * 60);
/// How many agents there are at least: one to die, one to take over.
const AGENTS: usize = 2;

/// What one crash led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The same cluster as without it.
    Same,
    /// Another cluster.
    Different(Box<Settled>),
    /// An invariant broke.
    Broken(Violation),
}

/// A crash and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// At which call.
    pub call: LedCall,
    /// On which side of it.
    pub side: Side,
    /// What came of it.
    pub ending: Ending,
}

/// The crash tests of one scenario.
pub struct Campaign {
    plan: Plan,
    /// What the cluster is like in the end, without a crash.
    pub undisturbed: Settled,
    /// The calls at which the leader is killed.
    pub points: Vec<LedCall>,
}

impl Campaign {
    /// Runs the scenario undisturbed, and notes the calls that its leaders make while an operation is under way. Of these
    /// at most `limit` are kept: those that change something first, and of each kind spread evenly.
    ///
    /// # Errors
    ///
    /// When an invariant breaks without any crash.
    pub fn prepare(plan: &Plan, limit: usize) -> Result<Self, Violation> {
        let mut plan = plan.clone();
        plan.agents.count = plan.agents.count.max(AGENTS);
        let (log, undisturbed, violation) = survey(&plan, None);
        if let Some(violation) = violation {
            return Err(violation);
        }
        let operating = log.into_iter().filter(|call| call.operating);
        let (changing, reading): (Vec<LedCall>, Vec<LedCall>) = operating.partition(changes_something);
        let mut points = spread(&changing, limit);
        points.extend(spread(&reading, limit - points.len()));
        points.sort_by_key(|call| call.number);
        Ok(Self { plan, undisturbed, points })
    }

    /// Kills the leader at a call.
    #[must_use]
    pub fn crash(&self, call: LedCall, side: Side) -> Crash {
        let at = CrashPoint { call: call.number, side };
        let (_, settled, violation) = survey(&self.plan, Some(at));
        let ending = match violation {
            Some(violation) => Ending::Broken(violation),
            None if settled == self.undisturbed => Ending::Same,
            None => Ending::Different(Box::new(settled)),
        };
        Crash { call, side, ending }
    }
}

/// Whether a call is more than a look.
fn changes_something(call: &LedCall) -> bool {
    !["describe", "list", "read", "renew"].iter().any(|look| call.what.starts_with(look))
}

/// At most so many of the calls, spread evenly.
fn spread(calls: &[LedCall], limit: usize) -> Vec<LedCall> {
    let kept = calls.len().min(limit);
    (0..kept).map(|number| calls[number * calls.len() / kept]).collect()
}

fn survey(plan: &Plan, at: Option<CrashPoint>) -> (Vec<LedCall>, Settled, Option<Violation>) {
    let stage = Stage::with_crash(plan, at, SETTLES_FOR);
    play(&stage, |_| {});
    stage.survey()
}
