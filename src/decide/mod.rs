//! Decisions: pure functions from what was observed, the policy and the state to a [`Decision`].
//!
//! No I/O, no clock, no randomness. A decision carries its reasons as data: every comparison it rests on, with the
//! rule, the number, the threshold and the margin, and everything that stops it. Logs, reports and plots render that
//! data; none computes it again.

mod case;
mod constraint;
mod finding;
mod group;
mod limits;
mod observe;
pub mod placement;
mod pool;
mod strategy;
mod victim;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Hang, Resource};

pub use case::Case;
pub use finding::{Finding, Quantity, Relation, Rule};
pub use group::{Course, GroupObservation, TaskAverage, TaskObservation, Watched, decide_group};
pub use limits::{Fleet, Limited, Limits};
pub use observe::{Sample, observe_group};
pub use pool::{GroupBounds, NodeLoad, OddNode, PoolObservation, decide_pool, reaches_floor};
pub use victim::{Candidate, Unfit, rank_victims};

/// Which way to scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Fewer.
    In,
    /// More.
    Out,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "in",
            Self::Out => "out",
        })
    }
}

/// A change of a count or a desired capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The number now.
    pub from: u32,
    /// The number wanted.
    pub to: u32,
}

impl Step {
    /// Which way the step goes.
    #[must_use]
    pub fn direction(self) -> Direction {
        if self.to > self.from { Direction::Out } else { Direction::In }
    }
}

/// What a decision needs to know of the resource's state, as of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether the resource is in failsafe.
    pub failsafe: bool,
    /// Whether an operation is under way on it.
    pub operating: bool,
    /// Time since its last scaling event, if it ever had one.
    pub since_last_event: Option<Duration>,
    /// How many evaluations in a row asked for fewer.
    pub scalein_requests: u32,
    /// How many evaluations in a row asked for more.
    pub scaleout_requests: u32,
    /// How much longer no scale-in is tried, since the last ones failed (P36).
    #[serde(default)]
    pub scalein_pause: Duration,
    /// Until when an operator holds scaling in (S17).
    #[serde(default)]
    pub held_in: Option<Until>,
    /// Until when an operator holds scaling out (S17).
    #[serde(default)]
    pub held_out: Option<Until>,
    /// Of a pool: all pools together, where an operator limits them (P37).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
}

impl Standing {
    /// What an operator holds of a direction, as a reason to stop.
    fn hold(&self, direction: Direction) -> Option<Stop> {
        let until = match direction {
            Direction::In => self.held_in,
            Direction::Out => self.held_out,
        };
        until.map(|until| Stop::OnHold { until })
    }
}

/// Until when something is held. The later of two is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Until then.
    Time(Timestamp),
    /// Until somebody releases it.
    Released,
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "until {}", time.strftime("%Y-%m-%d %H:%M:%SZ")),
            Self::Released => f.write_str("until it is released"),
        }
    }
}

/// Why a step that was asked for is not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The resource is in failsafe (S7).
    Failsafe,
    /// An operation is under way on it (P17).
    Operating,
    /// A deployment of the job is active (J6).
    Deploying {
        /// Why it will not end by itself, if that can be seen.
        #[serde(default)]
        hang: Option<Hang>,
    },
    /// The cooldown is not over (J19, P16).
    Cooldown {
        /// Seconds left, rounded up.
        seconds_left: u64,
    },
    /// Not yet asked for often enough in a row (P15).
    NotYet {
        /// How often, this time included.
        asked: u32,
        /// How often it must be.
        needed: u32,
    },
    /// Already at the upper bound (J10, P14).
    AtMaximum {
        /// The bound.
        max: u32,
    },
    /// Already at the lower bound (J10, P13).
    AtMinimum {
        /// The bound.
        min: u32,
    },
    /// A running allocation has no sample, so that it cannot be said to be idle (J12).
    MissingSamples {
        /// How many samples are missing.
        missing: usize,
    },
    /// The use has not been followed for as long as what was needed lately counts (J31).
    NotWatched {
        /// Seconds left, rounded up.
        seconds_left: u64,
    },
    /// As many were needed not long ago (J31).
    NeededLately {
        /// How many.
        most: u32,
    },
    /// The remaining nodes could not carry what is used (P12).
    CapacityNeeded,
    /// What runs on the node that would leave has no place on the others (P31).
    NoPlace {
        /// Why, in words.
        why: String,
    },
    /// Nodes are on their way (P32).
    Coming {
        /// How many.
        nodes: u32,
    },
    /// A node's capacity is not to be believed, and without it the step could not be shown to be right (P34).
    OddNodes {
        /// How many nodes.
        nodes: usize,
    },
    /// Nodes of the pool have other policies, by which the step is not asked for (P4).
    Disagreement,
    /// Members of the Auto Scaling group count with weights: the desired capacity is no number of nodes (P35).
    Weighted,
    /// No size within the bounds can satisfy the policy (P35).
    Unsatisfiable {
        /// Why, in words.
        why: String,
    },
    /// The group has more members than it shall have: it is about to let some go, or was seen at two moments (P35).
    Unsettled {
        /// How many it has.
        members: u32,
        /// How many it shall have.
        desired: u32,
    },
    /// The provider itself is replacing the members (P35).
    Overhaul {
        /// What it does, in its words.
        what: String,
    },
    /// The last scale-ins failed; the next one is not tried yet (P36).
    ScaleInPaused {
        /// Seconds left, rounded up.
        seconds_left: u64,
    },
    /// An operator holds this direction (S17).
    OnHold {
        /// Until when.
        until: Until,
    },
    /// All pools together would go beyond what an operator allows (P37).
    Limited {
        /// Which limit.
        limited: Limited,
    },
    /// Somebody set the count to 0; that is their wish until they raise it (J23).
    SetToZero,
    /// No node may be taken (P21).
    NoVictim,
    /// The Auto Scaling group has a process suspended that the step needs (P28).
    Suspended {
        /// The process.
        process: String,
    },
}

impl Stop {
    /// The rule of the book by which it stops a step.
    #[must_use]
    pub fn rule(&self, of: &Resource) -> &'static str {
        let either = |group, pool| if matches!(of, Resource::Group(_)) { group } else { pool };
        match self {
            Self::Failsafe => "S7",
            Self::Operating => "P17",
            Self::Deploying { .. } => "J6",
            Self::Cooldown { .. } => either("J19", "P16"),
            Self::NotYet { .. } => "P15",
            Self::AtMaximum { .. } => either("J10", "P14"),
            Self::AtMinimum { .. } => either("J10", "P13"),
            Self::MissingSamples { .. } => "J12",
            Self::NotWatched { .. } | Self::NeededLately { .. } => "J31",
            Self::CapacityNeeded => "P12",
            Self::NoPlace { .. } => "P31",
            Self::Coming { .. } => "P32",
            Self::OddNodes { .. } => "P34",
            Self::Disagreement => "P4",
            Self::Weighted | Self::Unsatisfiable { .. } | Self::Unsettled { .. } | Self::Overhaul { .. } => "P35",
            Self::ScaleInPaused { .. } => "P36",
            Self::OnHold { .. } => "S17",
            Self::Limited { .. } => "P37",
            Self::SetToZero => "J23",
            Self::NoVictim => "P21",
            Self::Suspended { .. } => "P28",
        }
    }

    /// Whether it is a bound of the policy, or of the Auto Scaling group.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self, Self::AtMaximum { .. } | Self::AtMinimum { .. })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failsafe => f.write_str("in failsafe (S7)"),
            Self::Operating => f.write_str("an operation is under way (P17)"),
            Self::Deploying { hang: None } => f.write_str("a deployment is active (J6)"),
            Self::Deploying { hang: Some(Hang::AwaitsPromotion) } => {
                f.write_str("a deployment is active and waits to be promoted (J6)")
            }
            Self::Deploying { hang: Some(Hang::AllHealthy) } => {
                f.write_str("a deployment is active, though all of it is healthy (J6)")
            }
            Self::Cooldown { seconds_left } => write!(f, "cooldown, {seconds_left} s left (J19, P16)"),
            Self::NotYet { asked, needed } => write!(f, "asked {asked} of {needed} times in a row (P15)"),
            Self::AtMaximum { max } => write!(f, "at the maximum of {max} (J10, P14)"),
            Self::AtMinimum { min } => write!(f, "at the minimum of {min} (J10, P13)"),
            Self::MissingSamples { missing } => write!(f, "samples missing: {missing} (J12)"),
            Self::NotWatched { seconds_left } => {
                write!(f, "what was needed lately is known in {seconds_left} s (J31)")
            }
            Self::NeededLately { most } => write!(f, "{most} were needed not long ago (J31)"),
            Self::CapacityNeeded => f.write_str("the remaining nodes could not carry the load (P12)"),
            Self::NoPlace { why } => write!(f, "{why} (P31)"),
            Self::Coming { nodes } => write!(f, "{nodes} nodes are on their way (P32)"),
            Self::OddNodes { nodes } => write!(f, "the capacity of {nodes} nodes is not to be believed (P34)"),
            Self::Disagreement => f.write_str("other nodes of the pool have a policy that would not (P4)"),
            Self::Weighted => {
                f.write_str("members of the group have weights, so that its capacity is no number of nodes (P35)")
            }
            Self::Unsatisfiable { why } => write!(f, "the policy cannot be met: {why} (P35)"),
            Self::Unsettled { members, desired } => {
                write!(f, "the group has {members} members and shall have {desired} (P35)")
            }
            Self::Overhaul { what } => write!(f, "{what} (P35)"),
            Self::ScaleInPaused { seconds_left } => {
                write!(f, "scale-ins failed, {seconds_left} s until the next (P36)")
            }
            Self::OnHold { until } => write!(f, "on hold {until} (S17)"),
            Self::Limited { limited } => write!(f, "{limited} (P37)"),
            Self::SetToZero => f.write_str("somebody set the count to 0 (J23)"),
            Self::NoVictim => f.write_str("no node may be taken (P21)"),
            Self::Suspended { process } => write!(f, "the group's process {process} is suspended (P28)"),
        }
    }
}

/// What a decision comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing can be said: there is nothing to measure (J13).
    Undecided,
    /// All is well as it is.
    Stay,
    /// A step is asked for, and something stops it.
    Hold(Step, Vec<Stop>),
    /// Take the step.
    Act(Step),
    /// The step would be taken if the policy were enabled (J5, P26).
    WouldAct(Step),
}

impl Verdict {
    /// The step that is asked for, taken or not.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Undecided | Self::Stay => None,
            Self::Hold(step, _) | Self::Act(step) | Self::WouldAct(step) => Some(*step),
        }
    }
}

/// What was decided about one resource, and why.
#[must_use]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The resource.
    pub resource: Resource,
    /// What to do.
    pub verdict: Verdict,
    /// The comparisons that it rests on.
    pub findings: Vec<Finding>,
    /// How many evaluations in a row asked for fewer, this one included.
    pub scalein_requests: u32,
    /// How many evaluations in a row asked for more, this one included.
    pub scaleout_requests: u32,
}

impl Decision {
    /// Adds a reason not to act that only shows when the step is about to be taken.
    pub fn hold(mut self, stop: Stop) -> Self {
        self.verdict = match self.verdict {
            Verdict::Act(step) | Verdict::WouldAct(step) => Verdict::Hold(step, vec![stop]),
            Verdict::Hold(step, mut stops) => {
                stops.push(stop);
                Verdict::Hold(step, stops)
            }
            other => other,
        };
        self
    }

    /// The comparisons that speak for the step, in words: for Nomad's history, logs and reports. Without a step, all
    /// that hold.
    #[must_use]
    pub fn why(&self) -> String {
        let direction = self.verdict.step().map(Step::direction);
        let speaks =
            |finding: &&Finding| finding.holds && direction.is_none_or(|direction| finding.rule.speaks_for(direction));
        let words: Vec<String> = self.findings.iter().filter(speaks).map(ToString::to_string).collect();
        words.join(", ")
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.resource)?;
        match &self.verdict {
            Verdict::Undecided => return f.write_str("nothing to measure"),
            Verdict::Stay => return f.write_str("stays"),
            Verdict::Act(step) => write!(f, "{} {} -> {}", step.direction(), step.from, step.to)?,
            Verdict::WouldAct(step) => {
                write!(f, "would go {} {} -> {} if enabled", step.direction(), step.from, step.to)?;
            }
            Verdict::Hold(step, stops) => {
                write!(f, "{} {} -> {} held: ", step.direction(), step.from, step.to)?;
                for (index, stop) in stops.iter().enumerate() {
                    write!(f, "{}{stop}", if index == 0 { "" } else { ", " })?;
                }
            }
        }
        let why = self.why();
        if why.is_empty() { Ok(()) } else { write!(f, "; {why}") }
    }
}

/// What is left of a cooldown, as a reason to stop.
fn cooldown(standing: &Standing, cooldown: Duration) -> Option<Stop> {
    cooldown_left(standing, cooldown).map(|left| Stop::Cooldown { seconds_left: seconds_up(left) })
}

/// What is left of a cooldown, if anything.
fn cooldown_left(standing: &Standing, cooldown: Duration) -> Option<Duration> {
    cooldown.checked_sub(standing.since_last_event?).filter(|left| !left.is_zero())
}

/// A span in whole seconds, rounded up.
fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// The verdict on a step, given what stops it and whether the policy lets us act.
fn verdict(step: Step, stops: Vec<Stop>, enabled: bool) -> Verdict {
    match (stops.is_empty(), enabled) {
        (false, _) => Verdict::Hold(step, stops),
        (true, true) => Verdict::Act(step),
        (true, false) => Verdict::WouldAct(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::group_key;

    #[test]
    fn what_stops_a_step_names_its_rule() {
        let (group, pool) = (Resource::Group(group_key("web", "g")), Resource::Pool("p".into()));
        let why = || "why".to_owned();
        for stop in [
            Stop::Failsafe,
            Stop::Operating,
            Stop::Deploying { hang: None },
            Stop::Cooldown { seconds_left: 1 },
            Stop::NotYet { asked: 1, needed: 2 },
            Stop::AtMaximum { max: 1 },
            Stop::AtMinimum { min: 1 },
            Stop::MissingSamples { missing: 1 },
            Stop::NotWatched { seconds_left: 1 },
            Stop::NeededLately { most: 3 },
            Stop::CapacityNeeded,
            Stop::NoPlace { why: why() },
            Stop::Coming { nodes: 1 },
            Stop::OddNodes { nodes: 1 },
            Stop::Disagreement,
            Stop::Weighted,
            Stop::Unsatisfiable { why: why() },
            Stop::Unsettled { members: 2, desired: 1 },
            Stop::Overhaul { what: why() },
            Stop::ScaleInPaused { seconds_left: 1 },
            Stop::OnHold { until: Until::Released },
            Stop::Limited { limited: Limited::Nodes { would: 2, most: 1 } },
            Stop::SetToZero,
            Stop::NoVictim,
            Stop::Suspended { process: why() },
        ] {
            let words = stop.to_string();
            let (_, rules) = words.trim_end_matches(')').rsplit_once('(').unwrap();
            for resource in [&group, &pool] {
                assert!(rules.split(", ").any(|rule| rule == stop.rule(resource)), "{words}");
            }
        }
    }
}
