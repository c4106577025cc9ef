//! Whether to scale a worker pool: rules P5 to P17. All comparisons are exact, in whole MHz and MiB.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decide::finding::{Finding, Quantity, Relation, Rule};
use crate::decide::{Decision, Direction, Standing, Step, Stop, Verdict, cooldown, verdict};
use crate::domain::{NodeId, PoolSnapshot, Resource, Resources};
use crate::policy::PoolPolicy;

/// One node fewer is refused where what is used would be this share, in percent, of what is then allowed (P12).
const REMAINING_LIMIT_PERCENT: i128 = 90;

/// What is seen of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolObservation {
    /// The pool's nodes (P1).
    pub nodes: Arc<[NodeLoad]>,
    /// One more instance of every managed group in the pool (P7).
    pub reserve: Resources,
    /// The bounds within which it may move.
    pub bounds: GroupBounds,
}

/// A node and what its allocations take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLoad {
    /// The node.
    pub node: NodeId,
    /// What it offers.
    pub capacity: Resources,
    /// What its non-terminal allocations take.
    pub used: Resources,
}

/// The bounds of a pool: its policy's and its Auto Scaling group's, the tighter one of each (P5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupBounds {
    /// The fewest nodes.
    pub min: u32,
    /// The most nodes.
    pub max: u32,
    /// The group's own `MinSize`.
    pub group_min: u32,
    /// The desired capacity now.
    pub desired: u32,
    /// A suspended process that a scale-out needs.
    pub launch_suspended: Option<String>,
}

impl GroupBounds {
    /// The tighter of both bounds (P5).
    #[must_use]
    pub fn of(policy: &PoolPolicy, group: &PoolSnapshot) -> Self {
        Self {
            min: policy.min.unwrap_or(0).max(group.min),
            max: policy.max.unwrap_or(u32::MAX).min(group.max),
            group_min: group.min,
            desired: group.desired,
            launch_suspended: group.launch_suspended().map(str::to_owned),
        }
    }
}

impl PoolObservation {
    /// What the pool's nodes offer (P6).
    #[must_use]
    pub fn capacity(&self) -> Resources {
        self.nodes.iter().map(|node| node.capacity).sum()
    }

    /// What its allocations take (P6).
    #[must_use]
    pub fn used(&self) -> Resources {
        self.nodes.iter().map(|node| node.used).sum()
    }
}

/// CPU or memory of the whole pool, in its unit.
#[derive(Clone, Copy)]
struct Axis {
    nodes: i128,
    capacity: i128,
    used: i128,
    reserve: i128,
    tolerance: i128,
}

impl Axis {
    /// What is allowed on so many nodes, times the number of nodes, so that it stays whole (P8): capacity less the
    /// reserve less the share of the nodes that may fail. Fault tolerance counts average nodes of the whole pool.
    fn allowed_times_nodes(self, remaining: i128) -> i128 {
        self.capacity * remaining - self.reserve * self.nodes - self.tolerance * self.capacity
    }

    fn allowed(self, remaining: i128) -> f64 {
        self.allowed_times_nodes(remaining) as f64 / self.nodes as f64
    }

    /// P10.
    fn is_full(self) -> bool {
        self.used * self.nodes >= self.allowed_times_nodes(self.nodes)
    }

    /// P12: with one node fewer, full, or too close to it.
    fn needs_every_node(self) -> bool {
        let allowed = self.allowed_times_nodes(self.nodes - 1);
        let used = self.used * self.nodes;
        used >= allowed || used * 100 >= allowed * REMAINING_LIMIT_PERCENT
    }
}

/// Decides whether a pool should have one node more or one fewer.
pub fn decide_pool(observation: &PoolObservation, policy: &PoolPolicy, standing: &Standing) -> Decision {
    let resource = Resource::Pool(policy.target.name.clone());
    if observation.nodes.is_empty() {
        return Decision {
            resource,
            verdict: Verdict::Undecided,
            findings: vec![],
            scalein_requests: 0,
            scaleout_requests: 0,
        };
    }
    let (cpu, memory) = axes(observation, policy);
    let mut findings = capacity_findings(cpu, memory);
    let asks_out = cpu.is_full() || memory.is_full();
    if !asks_out {
        findings.extend(removal_findings(cpu, memory));
    }

    let bounds = &observation.bounds;
    let direction = if asks_out { Direction::Out } else { Direction::In };
    let refusal = match direction {
        Direction::Out => refuse_out(bounds),
        Direction::In => refuse_in(observation, cpu.needs_every_node() || memory.needs_every_node()),
    };
    let step = match direction {
        Direction::Out => Step { from: bounds.desired, to: bounds.desired.saturating_add(1) },
        Direction::In => Step { from: bounds.desired, to: bounds.desired.saturating_sub(1) },
    };
    if let Some(stop) = refusal {
        // A refused wish is not a request: it does not count towards the threshold (P15).
        let verdict = Verdict::Hold(step, vec![stop]);
        return Decision { resource, verdict, findings, scalein_requests: 0, scaleout_requests: 0 };
    }

    let threshold = policy.scaling_threshold;
    let (scalein_requests, scaleout_requests) = match direction {
        Direction::In => (standing.scalein_requests.saturating_add(1).min(threshold), 0),
        Direction::Out => (0, standing.scaleout_requests.saturating_add(1).min(threshold)),
    };
    let asked = scalein_requests.max(scaleout_requests);
    let mut stops = Vec::new();
    stops.extend((asked < threshold).then_some(Stop::NotYet { asked, needed: threshold }));
    stops.extend(cooldown(standing, policy.cooldown));
    stops.extend(standing.failsafe.then_some(Stop::Failsafe));
    stops.extend(standing.operating.then_some(Stop::Operating));
    let verdict = verdict(step, stops, policy.enabled);
    Decision { resource, verdict, findings, scalein_requests, scaleout_requests }
}

fn axes(observation: &PoolObservation, policy: &PoolPolicy) -> (Axis, Axis) {
    let (capacity, used) = (observation.capacity(), observation.used());
    let axis = |of: fn(&Resources) -> u64| Axis {
        nodes: observation.nodes.len() as i128,
        capacity: of(&capacity).into(),
        used: of(&used).into(),
        reserve: of(&observation.reserve).into(),
        tolerance: policy.fault_tolerance.into(),
    };
    (axis(|resources| resources.cpu.0), axis(|resources| resources.memory.0))
}

/// P14 and P28.
fn refuse_out(bounds: &GroupBounds) -> Option<Stop> {
    if bounds.desired >= bounds.max {
        return Some(Stop::AtMaximum { max: bounds.max });
    }
    bounds.launch_suspended.clone().map(|process| Stop::Suspended { process })
}

/// P12 and P13.
fn refuse_in(observation: &PoolObservation, capacity_needed: bool) -> Option<Stop> {
    let bounds = &observation.bounds;
    let nodes = u32::try_from(observation.nodes.len()).unwrap_or(u32::MAX);
    let floor = bounds.min.max(1);
    if capacity_needed {
        Some(Stop::CapacityNeeded)
    } else if nodes <= floor {
        Some(Stop::AtMinimum { min: floor })
    } else if bounds.desired <= bounds.group_min {
        Some(Stop::AtMinimum { min: bounds.group_min })
    } else {
        None
    }
}

/// P10, or P11 where it does not hold.
fn capacity_findings(cpu: Axis, memory: Axis) -> Vec<Finding> {
    let full = cpu.is_full() || memory.is_full();
    [(cpu, Quantity::PoolCpu), (memory, Quantity::PoolMemory)]
        .into_iter()
        .map(|(axis, quantity)| Finding {
            rule: if full { Rule::P10 } else { Rule::P11 },
            quantity,
            measured: axis.used as f64,
            relation: if full { Relation::AtLeast } else { Relation::Below },
            limit: axis.allowed(axis.nodes),
            holds: axis.is_full() == full,
        })
        .collect()
}

/// P12: what is used in percent of what would be allowed with one node fewer.
fn removal_findings(cpu: Axis, memory: Axis) -> Vec<Finding> {
    [(cpu, Quantity::RemainingCpu), (memory, Quantity::RemainingMemory)]
        .into_iter()
        .map(|(axis, quantity)| {
            let allowed = axis.allowed(axis.nodes - 1);
            let measured = if allowed > 0.0 { 100.0 * axis.used as f64 / allowed } else { f64::INFINITY };
            Finding {
                rule: Rule::P12,
                quantity,
                measured,
                relation: Relation::Below,
                limit: REMAINING_LIMIT_PERCENT as f64,
                holds: !axis.needs_every_node(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::PoolTarget;

    fn policy() -> PoolPolicy {
        PoolPolicy {
            target: PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() },
            enabled: true,
            notification_uid: "REP2".into(),
            min: None,
            max: None,
            cooldown: Duration::from_secs(300),
            fault_tolerance: 1,
            retry_threshold: 3,
            scaling_threshold: 1,
        }
    }

    /// A pool of nodes of 1000 MHz and 2000 MiB with so much used in all, and 200 MHz and 128 MiB in reserve.
    fn pool(nodes: u32, used_mhz: u64, used_mib: u64) -> PoolObservation {
        let load = |index| NodeLoad {
            node: format!("n{index}").into(),
            capacity: Resources::new(1000, 2000, 0),
            used: if index == 0 { Resources::new(used_mhz, used_mib, 0) } else { Resources::default() },
        };
        PoolObservation {
            nodes: (0..nodes).map(load).collect(),
            reserve: Resources::new(200, 128, 0),
            bounds: GroupBounds { min: 0, max: 10, group_min: 0, desired: nodes, launch_suspended: None },
        }
    }

    fn decided(observation: &PoolObservation) -> Verdict {
        decide_pool(observation, &policy(), &Standing::default()).verdict
    }

    fn held(from: u32, to: u32, stop: Stop) -> Verdict {
        Verdict::Hold(Step { from, to }, vec![stop])
    }

    #[test]
    fn p8_p10_p11_p12_the_worked_example() {
        // allowed = 3000 - 200 - 1000 = 1800 MHz and 6000 - 128 - 2000 = 3872 MiB.
        let decision = decide_pool(&pool(3, 1500, 1200), &policy(), &Standing::default());
        assert_eq!(decision.verdict, held(3, 2, Stop::CapacityNeeded), "one fewer: 800 MHz, not enough for 1500");
        let limits: Vec<(f64, bool)> = decision.findings.iter().map(|f| (f.limit, f.holds)).collect();
        assert_eq!(limits, [(1800.0, true), (3872.0, true), (90.0, false), (90.0, true)]);

        let out = Verdict::Act(Step { from: 3, to: 4 });
        let fewer = Verdict::Act(Step { from: 3, to: 2 });
        let refused = held(3, 2, Stop::CapacityNeeded);
        assert_eq!(decided(&pool(3, 1799, 1200)), refused);
        assert_eq!(decided(&pool(3, 1800, 1200)), out);
        assert_eq!(decided(&pool(3, 800, 700)), refused, "800 of 800");
        assert_eq!(decided(&pool(3, 719, 700)), fewer, "89.9 %");
        assert_eq!(decided(&pool(3, 720, 700)), refused, "90 %");
    }

    #[test]
    fn p10_memory_alone_asks_for_more() {
        assert_eq!(decided(&pool(3, 0, 3871)), held(3, 2, Stop::CapacityNeeded));
        assert_eq!(decided(&pool(3, 0, 3872)), Verdict::Act(Step { from: 3, to: 4 }));
    }

    #[test]
    fn p8_an_empty_pool_scales_in() {
        let mut empty = pool(4, 0, 0);
        empty.reserve = Resources::default();
        assert_eq!(decided(&empty), Verdict::Act(Step { from: 4, to: 3 }));
        let mut two = pool(2, 0, 0);
        two.reserve = Resources::default();
        let tolerant = PoolPolicy { fault_tolerance: 0, ..policy() };
        let verdict = decide_pool(&two, &tolerant, &Standing::default()).verdict;
        assert_eq!(verdict, Verdict::Act(Step { from: 2, to: 1 }), "nothing used is no reason to stay");
    }

    #[test]
    fn p13_in_is_refused_at_the_lower_bounds() {
        let mut at_policy_min = pool(4, 0, 0);
        at_policy_min.bounds.min = 4;
        assert_eq!(decided(&at_policy_min), held(4, 3, Stop::AtMinimum { min: 4 }));
        let mut at_group_min = pool(4, 0, 0);
        at_group_min.bounds.desired = 3;
        at_group_min.bounds.group_min = 3;
        assert_eq!(decided(&at_group_min), held(3, 2, Stop::AtMinimum { min: 3 }), "nodes and desired differ");
        let mut last = pool(1, 0, 0);
        last.reserve = Resources::default();
        let tolerant = PoolPolicy { fault_tolerance: 0, ..policy() };
        let verdict = decide_pool(&last, &tolerant, &Standing::default()).verdict;
        assert!(matches!(verdict, Verdict::Hold(_, _)), "the last node always stays: {verdict:?}");
    }

    #[test]
    fn p14_out_is_refused_at_the_upper_bound() {
        let mut full = pool(3, 3000, 0);
        full.bounds.max = 3;
        assert_eq!(decided(&full), held(3, 4, Stop::AtMaximum { max: 3 }));
    }

    #[test]
    fn p28_out_is_refused_while_launching_is_suspended() {
        let mut full = pool(3, 3000, 0);
        full.bounds.launch_suspended = Some("Launch".into());
        assert_eq!(decided(&full), held(3, 4, Stop::Suspended { process: "Launch".into() }));
    }

    #[test]
    fn p5_the_tighter_bound_holds() {
        let group = PoolSnapshot {
            min: 2,
            max: 8,
            desired: 4,
            suspended: vec!["Launch".into()],
            ..crate::testing::snapshot(&[])
        };
        let bounds = |min, max| {
            let bounds = GroupBounds::of(&PoolPolicy { min, max, ..policy() }, &group);
            (bounds.min, bounds.max)
        };
        assert_eq!(bounds(None, None), (2, 8));
        assert_eq!(bounds(Some(1), Some(9)), (2, 8));
        assert_eq!(bounds(Some(3), Some(7)), (3, 7));
        assert_eq!(GroupBounds::of(&policy(), &group).launch_suspended.as_deref(), Some("Launch"));
    }

    #[test]
    fn p15_the_same_direction_must_be_asked_for_in_a_row() {
        let patient = PoolPolicy { scaling_threshold: 3, ..policy() };
        let full = pool(3, 3000, 0);
        let asked = |requests| {
            let standing = Standing { scaleout_requests: requests, ..Standing::default() };
            decide_pool(&full, &patient, &standing)
        };
        assert_eq!(asked(0).verdict, held(3, 4, Stop::NotYet { asked: 1, needed: 3 }));
        assert_eq!(asked(0).scaleout_requests, 1);
        assert_eq!(asked(1).verdict, held(3, 4, Stop::NotYet { asked: 2, needed: 3 }));
        assert_eq!(asked(2).verdict, Verdict::Act(Step { from: 3, to: 4 }));
        assert_eq!(asked(3).scaleout_requests, 3, "the counter stops at the threshold");

        let other_way = Standing { scalein_requests: 2, ..Standing::default() };
        let turned = decide_pool(&full, &patient, &other_way);
        assert_eq!((turned.scalein_requests, turned.scaleout_requests), (0, 1), "a turn starts anew");
        let refused = decide_pool(&pool(3, 800, 700), &patient, &other_way);
        assert_eq!(refused.scalein_requests, 0, "a refused wish is no request");
    }

    #[test]
    fn p16_p17_s7_what_stops_a_step() {
        let full = pool(3, 3000, 0);
        let with = |standing| decide_pool(&full, &policy(), &standing).verdict;
        let after = |seconds| Standing { since_last_event: Some(Duration::from_secs(seconds)), ..Standing::default() };
        assert_eq!(with(after(1)), held(3, 4, Stop::Cooldown { seconds_left: 299 }));
        assert_eq!(with(after(300)), Verdict::Act(Step { from: 3, to: 4 }));
        assert_eq!(with(Standing { failsafe: true, ..Standing::default() }), held(3, 4, Stop::Failsafe));
        assert_eq!(with(Standing { operating: true, ..Standing::default() }), held(3, 4, Stop::Operating));
    }

    #[test]
    fn p26_disabled_reports_what_would_be_done() {
        let disabled = PoolPolicy { enabled: false, ..policy() };
        let verdict = decide_pool(&pool(3, 3000, 0), &disabled, &Standing::default()).verdict;
        assert_eq!(verdict, Verdict::WouldAct(Step { from: 3, to: 4 }));
    }

    #[test]
    fn p1_no_node_nothing_decided() {
        assert_eq!(decided(&pool(0, 0, 0)), Verdict::Undecided);
    }

    proptest! {
        /// More used never turns a wish for more, or a refusal, into a wish for fewer.
        #[test]
        fn p10_p12_are_monotone_in_load(
            nodes in 1u32..12, mhz in 0u64..14_000, mib in 0u64..26_000, more in 0u64..4_000, tolerance in 0u32..3,
        ) {
            let policy = PoolPolicy { fault_tolerance: tolerance, ..policy() };
            let wish = |mhz, mib| {
                match decide_pool(&pool(nodes, mhz, mib), &policy, &Standing::default()).verdict {
                    Verdict::Act(step) if step.direction() == Direction::In => -1,
                    Verdict::Hold(step, _) if step.direction() == Direction::In => 0,
                    _ => 1,
                }
            };
            prop_assert!(wish(mhz + more, mib) >= wish(mhz, mib));
            prop_assert!(wish(mhz, mib + more) >= wish(mhz, mib));
        }

        /// Never out of bounds, never by more than one, and never so few that it would have to go out at once.
        #[test]
        fn p12_p13_p14_acts_stay_within_bounds_and_do_not_flap(
            nodes in 1u32..12, mhz in 0u64..14_000, mib in 0u64..26_000, min in 0u32..6, span in 0u32..6,
            tolerance in 0u32..3,
        ) {
            let policy = PoolPolicy { fault_tolerance: tolerance, ..policy() };
            let mut observation = pool(nodes, mhz, mib);
            observation.bounds = GroupBounds { min, max: min + span, ..observation.bounds };
            if let Verdict::Act(step) = decide_pool(&observation, &policy, &Standing::default()).verdict {
                prop_assert_eq!(step.from.abs_diff(step.to), 1);
                match step.direction() {
                    Direction::Out => prop_assert!(step.to <= observation.bounds.max),
                    Direction::In => {
                        prop_assert!(step.to >= observation.bounds.min.max(1));
                        let mut smaller = observation.clone();
                        smaller.nodes = smaller.nodes[..smaller.nodes.len() - 1].into();
                        smaller.bounds.desired -= 1;
                        smaller.bounds.max = 100;
                        let then = decide_pool(&smaller, &policy, &Standing::default()).verdict;
                        let goes_out = then.step().is_some_and(|step| step.direction() == Direction::Out);
                        prop_assert!(!goes_out, "{then:?}");
                    }
                }
            }
        }
    }
}
