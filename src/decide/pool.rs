//! Whether to scale a worker pool: rules P5 to P17 and P30 to P37. All comparisons are exact, in whole MHz and MiB.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decide::finding::{Finding, Quantity, Relation, Rule};
use crate::decide::{Decision, Direction, Standing, Step, Stop, Verdict, cooldown, seconds_up, verdict};
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
    /// How many nodes are on their way (P32).
    #[serde(default)]
    pub coming: u32,
    /// How many allocations wait for room that an empty node of the pool would give, and the nodes on their way will not
    /// (P30).
    #[serde(default)]
    pub waiting: u32,
    /// Nodes whose capacity is not to be believed (P34).
    #[serde(default)]
    pub odd: Vec<OddNode>,
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
    /// How much of that system jobs take: it runs on every node, and leaves with its own.
    #[serde(default)]
    pub system: Resources,
}

/// A node that shows a capacity far from that of its like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddNode {
    /// The node.
    pub node: NodeId,
    /// What others of its kind offer.
    pub expected: Resources,
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
    /// How many members it has that are, or are about to become, nodes.
    #[serde(default)]
    pub members: u32,
    /// A suspended process that a scale-out needs.
    pub launch_suspended: Option<String>,
    /// Whether members count with weights.
    #[serde(default)]
    pub weighted: bool,
    /// What the provider itself is doing to all members.
    #[serde(default)]
    pub overhaul: Option<String>,
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
            members: u32::try_from(group.serving().count()).unwrap_or(u32::MAX),
            launch_suspended: group.launch_suspended().map(str::to_owned),
            weighted: group.weighted,
            overhaul: group.overhaul.clone(),
        }
    }

    /// The step that brings the desired capacity back towards the bounds, one at a time, where it is outside (P33).
    fn way_back(&self) -> Option<(Step, Finding)> {
        let desired = self.desired;
        let (to, relation, limit) = if desired < self.min {
            (desired.saturating_add(1), Relation::Below, self.min)
        } else if desired > self.max {
            (desired - 1, Relation::Above, self.max)
        } else {
            return None;
        };
        let finding = Finding {
            rule: Rule::P33,
            quantity: Quantity::Desired,
            measured: desired.into(),
            relation,
            limit: limit.into(),
            holds: true,
        };
        Some((Step { from: desired, to }, finding))
    }
}

/// The bound that a pool would fall below if one node fewer left so many nodes and this desired capacity (P13). A pool above
/// its upper bound may always shrink (P33), as long as a node remains.
#[must_use]
pub fn reaches_floor(remaining_nodes: usize, desired_after: u32, bounds: &GroupBounds) -> Option<u32> {
    let remaining = u32::try_from(remaining_nodes).unwrap_or(u32::MAX);
    let floor = bounds.min.max(1);
    if remaining == 0 {
        Some(floor)
    } else if desired_after >= bounds.max {
        None
    } else if remaining < floor {
        Some(floor)
    } else if desired_after < bounds.min.max(bounds.group_min) {
        Some(bounds.min.max(bounds.group_min))
    } else {
        None
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

    /// What system jobs take of it: as much again on each node.
    fn system(&self) -> Resources {
        self.nodes.iter().map(|node| node.system).sum()
    }

    /// The same pool with the nodes that are not to be believed as their like are (P34).
    fn as_expected(&self) -> Self {
        let expected = |node: &NodeId| self.odd.iter().find(|odd| odd.node == *node).map(|odd| odd.expected);
        let believe =
            |load: &NodeLoad| NodeLoad { capacity: expected(&load.node).unwrap_or(load.capacity), ..load.clone() };
        Self { nodes: self.nodes.iter().map(believe).collect(), odd: vec![], ..self.clone() }
    }
}

/// CPU or memory of the whole pool, in its unit.
#[derive(Clone, Copy)]
struct Axis {
    nodes: i128,
    coming: i128,
    capacity: i128,
    used: i128,
    system: i128,
    reserve: i128,
    tolerance: i128,
}

impl Axis {
    /// What is allowed on so many nodes, times the number of nodes, so that it stays whole (P8): capacity less the
    /// reserve less the share of the nodes that may fail. Fault tolerance counts average nodes of the whole pool.
    fn allowed_times_nodes(self, nodes: i128) -> i128 {
        self.capacity * nodes - self.reserve * self.nodes - self.tolerance * self.capacity
    }

    fn allowed(self, nodes: i128) -> f64 {
        self.allowed_times_nodes(nodes) as f64 / self.nodes as f64
    }

    /// What is used once a node has left, times the number of nodes: what system jobs took there is gone with it.
    fn remaining_times_nodes(self) -> i128 {
        self.used * self.nodes - self.system
    }

    /// P10, with what is on its way (P32).
    fn is_full(self) -> bool {
        // System jobs will run on what is on its way as well.
        let used = self.used * self.nodes + self.system * self.coming;
        used >= self.allowed_times_nodes(self.nodes + self.coming)
    }

    /// P12: with one node fewer, full, or too close to it.
    fn needs_every_node(self) -> bool {
        let allowed = self.allowed_times_nodes(self.nodes - 1);
        let used = self.remaining_times_nodes();
        used >= allowed || used * 100 >= allowed * REMAINING_LIMIT_PERCENT
    }
}

/// Decides whether a pool should have one node more or one fewer. `others` are policies that other nodes of it have: a step
/// in must be right by each of them (P4).
pub fn decide_pool(
    observation: &PoolObservation,
    policy: &PoolPolicy,
    others: &[PoolPolicy],
    standing: &Standing,
) -> Decision {
    let resource = Resource::Pool(policy.target.name.clone());
    let hoped = observation.as_expected();
    let Some(wish) = Wish::of(&hoped, policy) else {
        return Decision {
            resource,
            verdict: Verdict::Undecided,
            findings: vec![],
            scalein_requests: 0,
            scaleout_requests: 0,
        };
    };
    let Wish { step, findings, refusal } = wish;
    let direction = step.direction();
    let doubt = || doubts_in(observation, others).filter(|_| direction == Direction::In);
    if let Some(stop) = refusal.or_else(doubt) {
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
    let pause = standing.scalein_pause;
    let paused = direction == Direction::In && !pause.is_zero();
    let mut stops = Vec::new();
    stops.extend((asked < threshold).then_some(Stop::NotYet { asked, needed: threshold }));
    stops.extend(cooldown(standing, policy.cooldown));
    stops.extend(paused.then(|| Stop::ScaleInPaused { seconds_left: seconds_up(pause) }));
    stops.extend(standing.failsafe.then_some(Stop::Failsafe));
    stops.extend(standing.hold(direction));
    stops.extend(standing.fleet.iter().flat_map(|fleet| fleet.stops(step)));
    stops.extend(standing.operating.then_some(Stop::Operating));
    let verdict = verdict(step, stops, policy.enabled);
    Decision { resource, verdict, findings, scalein_requests, scaleout_requests }
}

/// What the numbers ask for, and what refuses it, before the state is looked at.
struct Wish {
    step: Step,
    findings: Vec<Finding>,
    refusal: Option<Stop>,
}

impl Wish {
    /// Nothing where there is nothing to go by.
    fn of(observation: &PoolObservation, policy: &PoolPolicy) -> Option<Self> {
        let capacity = observation.capacity();
        if capacity.cpu.0 == 0 || capacity.memory.0 == 0 {
            return None;
        }
        let bounds = &observation.bounds;
        if let Some((step, finding)) = bounds.way_back() {
            let refusal = contradiction(bounds).or_else(|| match step.direction() {
                Direction::Out => refuse_out(bounds),
                Direction::In => refuse_any_in(observation),
            });
            return Some(Self { step, findings: vec![finding], refusal });
        }
        let (cpu, memory) = axes(observation, policy);
        let mut findings = capacity_findings(cpu, memory);
        findings.extend((observation.waiting > 0).then(|| waiting_finding(observation.waiting)));
        let desired = bounds.desired;
        if cpu.is_full() || memory.is_full() || observation.waiting > 0 {
            let step = Step { from: desired, to: desired.saturating_add(1) };
            let unmet = contradiction(bounds).or_else(|| intolerable(bounds, policy));
            return Some(Self { step, findings, refusal: unmet.or_else(|| refuse_out(bounds)) });
        }
        findings.extend(removal_findings(cpu, memory));
        let step = Step { from: desired, to: desired.saturating_sub(1) };
        let needed = cpu.needs_every_node() || memory.needs_every_node();
        let coming = Some(observation.coming).filter(|nodes| *nodes > 0).map(|nodes| Stop::Coming { nodes });
        let refusal = contradiction(bounds)
            .or_else(|| needed.then_some(Stop::CapacityNeeded))
            .or(coming)
            .or_else(|| refuse_any_in(observation));
        Some(Self { step, findings, refusal })
    }

    /// Whether a step in is asked for, and nothing about it is refused.
    fn is_in(&self) -> bool {
        self.step.direction() == Direction::In && self.refusal.is_none()
    }
}

/// What speaks against a step in although it is right by the numbers: nodes that cannot be believed (P34), or other policies
/// in the pool (P4).
fn doubts_in(observation: &PoolObservation, others: &[PoolPolicy]) -> Option<Stop> {
    let by = |policy: &PoolPolicy| {
        let bounds = observation.bounds.clone();
        let bounds = GroupBounds {
            min: bounds.min.max(policy.min.unwrap_or(0)),
            max: bounds.max.min(policy.max.unwrap_or(u32::MAX)),
            ..bounds
        };
        let seen = PoolObservation { bounds, ..observation.as_expected() };
        policy.enabled && Wish::of(&seen, policy).is_some_and(|wish| wish.is_in())
    };
    if !others.iter().all(by) {
        return Some(Stop::Disagreement);
    }
    if observation.odd.is_empty() {
        return None;
    }
    Some(Stop::OddNodes { nodes: observation.odd.len() })
}

fn axes(observation: &PoolObservation, policy: &PoolPolicy) -> (Axis, Axis) {
    let (capacity, used, system) = (observation.capacity(), observation.used(), observation.system());
    let axis = |of: fn(&Resources) -> u64| Axis {
        nodes: observation.nodes.len() as i128,
        coming: observation.coming.into(),
        capacity: of(&capacity).into(),
        used: of(&used).into(),
        system: of(&system).into(),
        reserve: of(&observation.reserve).into(),
        tolerance: policy.fault_tolerance.into(),
    };
    (axis(|resources| resources.cpu.0), axis(|resources| resources.memory.0))
}

/// Bounds of which one contradicts the other: the policy's minimum above the group's maximum, say (P35).
fn contradiction(bounds: &GroupBounds) -> Option<Stop> {
    let why = || format!("at least {} and at most {} nodes", bounds.min, bounds.max);
    (bounds.min > bounds.max).then(|| Stop::Unsatisfiable { why: why() })
}

/// A fault tolerance that leaves nothing to be used at any size within the bounds (P35).
fn intolerable(bounds: &GroupBounds, policy: &PoolPolicy) -> Option<Stop> {
    let (tolerance, max) = (policy.fault_tolerance, bounds.max);
    let why = || format!("replicator_node_fault_tolerance = {tolerance} leaves nothing of at most {max} nodes");
    (tolerance >= max).then(|| Stop::Unsatisfiable { why: why() })
}

/// P35: a group whose size is not to be touched.
fn refuse_any(bounds: &GroupBounds) -> Option<Stop> {
    let GroupBounds { members, desired, .. } = *bounds;
    if bounds.weighted {
        Some(Stop::Weighted)
    } else {
        (members > desired).then_some(Stop::Unsettled { members, desired })
    }
}

/// P14, P28 and P35.
fn refuse_out(bounds: &GroupBounds) -> Option<Stop> {
    if let Some(stop) = refuse_any(bounds) {
        Some(stop)
    } else if bounds.desired >= bounds.max {
        Some(Stop::AtMaximum { max: bounds.max })
    } else {
        bounds.launch_suspended.clone().map(|process| Stop::Suspended { process })
    }
}

/// P13 and P35: what refuses a step in whatever is used.
fn refuse_any_in(observation: &PoolObservation) -> Option<Stop> {
    let bounds = &observation.bounds;
    if let Some(stop) = refuse_any(bounds) {
        return Some(stop);
    }
    let (nodes, desired) = (observation.nodes.len(), bounds.desired);
    // At a desired capacity of 0 there is nothing to take.
    let floor = (desired == 0).then_some(0).or_else(|| reaches_floor(nodes.saturating_sub(1), desired - 1, bounds));
    let at_minimum = floor.map(|min| Stop::AtMinimum { min });
    at_minimum.or_else(|| bounds.overhaul.clone().map(|what| Stop::Overhaul { what }))
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
            limit: axis.allowed(axis.nodes + axis.coming),
            holds: axis.is_full() == full,
        })
        .collect()
}

/// P30.
fn waiting_finding(waiting: u32) -> Finding {
    Finding {
        rule: Rule::P30,
        quantity: Quantity::Waiting,
        measured: waiting.into(),
        relation: Relation::Above,
        limit: 0.0,
        holds: true,
    }
}

/// P12: what is used in percent of what would be allowed with one node fewer.
fn removal_findings(cpu: Axis, memory: Axis) -> Vec<Finding> {
    [(cpu, Quantity::RemainingCpu), (memory, Quantity::RemainingMemory)]
        .into_iter()
        .map(|(axis, quantity)| {
            let allowed = axis.allowed(axis.nodes - 1);
            let used = axis.remaining_times_nodes() as f64 / axis.nodes as f64;
            let measured = if allowed > 0.0 { 100.0 * used / allowed } else { f64::INFINITY };
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
            price: None,
        }
    }

    /// A pool of nodes of 1000 MHz and 2000 MiB with so much used in all, and 200 MHz and 128 MiB in reserve.
    fn pool(nodes: u32, used_mhz: u64, used_mib: u64) -> PoolObservation {
        let load = |index| NodeLoad {
            node: format!("n{index}").into(),
            capacity: Resources::new(1000, 2000, 0),
            used: if index == 0 { Resources::new(used_mhz, used_mib, 0) } else { Resources::default() },
            system: Resources::default(),
        };
        PoolObservation {
            nodes: (0..nodes).map(load).collect(),
            reserve: Resources::new(200, 128, 0),
            bounds: GroupBounds {
                min: 0,
                max: 10,
                group_min: 0,
                desired: nodes,
                members: nodes,
                launch_suspended: None,
                weighted: false,
                overhaul: None,
            },
            coming: 0,
            waiting: 0,
            odd: vec![],
        }
    }

    fn decided(observation: &PoolObservation) -> Verdict {
        decide_pool(observation, &policy(), &[], &Standing::default()).verdict
    }

    fn held(from: u32, to: u32, stop: Stop) -> Verdict {
        Verdict::Hold(Step { from, to }, vec![stop])
    }

    #[test]
    fn p8_p10_p11_p12_the_worked_example() {
        // allowed = 3000 - 200 - 1000 = 1800 MHz and 6000 - 128 - 2000 = 3872 MiB.
        let decision = decide_pool(&pool(3, 1500, 1200), &policy(), &[], &Standing::default());
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
        let verdict = decide_pool(&two, &tolerant, &[], &Standing::default()).verdict;
        assert_eq!(verdict, Verdict::Act(Step { from: 2, to: 1 }), "nothing used is no reason to stay");
    }

    #[test]
    fn p13_in_is_refused_at_the_lower_bounds() {
        let mut at_policy_min = pool(4, 0, 0);
        at_policy_min.bounds.min = 4;
        assert_eq!(decided(&at_policy_min), held(4, 3, Stop::AtMinimum { min: 4 }));
        let mut at_group_min = pool(4, 0, 0);
        (at_group_min.bounds.desired, at_group_min.bounds.members) = (3, 3);
        at_group_min.bounds.group_min = 3;
        assert_eq!(decided(&at_group_min), held(3, 2, Stop::AtMinimum { min: 3 }), "nodes and desired differ");
        let mut last = pool(1, 0, 0);
        last.reserve = Resources::default();
        let tolerant = PoolPolicy { fault_tolerance: 0, ..policy() };
        let verdict = decide_pool(&last, &tolerant, &[], &Standing::default()).verdict;
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
            decide_pool(&full, &patient, &[], &standing)
        };
        assert_eq!(asked(0).verdict, held(3, 4, Stop::NotYet { asked: 1, needed: 3 }));
        assert_eq!(asked(0).scaleout_requests, 1);
        assert_eq!(asked(1).verdict, held(3, 4, Stop::NotYet { asked: 2, needed: 3 }));
        assert_eq!(asked(2).verdict, Verdict::Act(Step { from: 3, to: 4 }));
        assert_eq!(asked(3).scaleout_requests, 3, "the counter stops at the threshold");

        let other_way = Standing { scalein_requests: 2, ..Standing::default() };
        let turned = decide_pool(&full, &patient, &[], &other_way);
        assert_eq!((turned.scalein_requests, turned.scaleout_requests), (0, 1), "a turn starts anew");
        let refused = decide_pool(&pool(3, 800, 700), &patient, &[], &other_way);
        assert_eq!(refused.scalein_requests, 0, "a refused wish is no request");
    }

    #[test]
    fn p16_p17_s7_what_stops_a_step() {
        let full = pool(3, 3000, 0);
        let with = |standing| decide_pool(&full, &policy(), &[], &standing).verdict;
        let after = |seconds| Standing { since_last_event: Some(Duration::from_secs(seconds)), ..Standing::default() };
        assert_eq!(with(after(1)), held(3, 4, Stop::Cooldown { seconds_left: 299 }));
        assert_eq!(with(after(300)), Verdict::Act(Step { from: 3, to: 4 }));
        assert_eq!(with(Standing { failsafe: true, ..Standing::default() }), held(3, 4, Stop::Failsafe));
        assert_eq!(with(Standing { operating: true, ..Standing::default() }), held(3, 4, Stop::Operating));
        let until = crate::decide::Until::Released;
        let on_hold = Standing { held_out: Some(until), ..Standing::default() };
        assert_eq!(with(on_hold), held(3, 4, Stop::OnHold { until }));
        let other_way = Standing { held_in: Some(until), ..Standing::default() };
        assert_eq!(with(other_way), Verdict::Act(Step { from: 3, to: 4 }));
    }

    #[test]
    fn p26_disabled_reports_what_would_be_done() {
        let disabled = PoolPolicy { enabled: false, ..policy() };
        let verdict = decide_pool(&pool(3, 3000, 0), &disabled, &[], &Standing::default()).verdict;
        assert_eq!(verdict, Verdict::WouldAct(Step { from: 3, to: 4 }));
    }

    #[test]
    fn p1_no_node_nothing_decided() {
        assert_eq!(decided(&pool(0, 0, 0)), Verdict::Undecided);
    }

    #[test]
    fn p12_what_leaves_with_the_node_need_not_be_moved() {
        // 3 nodes of 2000 MHz with 600 of agents each, and 100 of work: with two left 1300 of 2000 MHz, 65 %.
        let load = |index: u32| NodeLoad {
            node: format!("n{index}").into(),
            capacity: Resources::new(2000, 4000, 0),
            used: Resources::new(if index == 0 { 700 } else { 600 }, 600, 0),
            system: Resources::new(600, 600, 0),
        };
        let agents =
            PoolObservation { nodes: (0..3).map(load).collect(), reserve: Resources::default(), ..pool(3, 0, 0) };
        let decision = decide_pool(&agents, &policy(), &[], &Standing::default());
        assert_eq!(decision.verdict, Verdict::Act(Step { from: 3, to: 2 }));
        assert!((decision.findings[2].measured - 65.0).abs() < 1e-9, "{}", decision.findings[2]);
    }

    #[test]
    fn p30_work_that_waits_for_room_asks_for_more_whatever_the_sums_say() {
        let waiting = PoolObservation { waiting: 2, ..pool(3, 100, 100) };
        let decision = decide_pool(&waiting, &policy(), &[], &Standing::default());
        assert_eq!(decision.verdict, Verdict::Act(Step { from: 3, to: 4 }));
        assert_eq!(decision.why(), "allocations that wait for room 2 > 0 (P30)");
    }

    #[test]
    fn p32_what_is_on_its_way_counts_for_out_and_forbids_in() {
        let full = pool(3, 1800, 1200);
        assert_eq!(decided(&full), Verdict::Act(Step { from: 3, to: 4 }));
        // allowed = 4000 - 200 - 1000 = 2800 MHz.
        assert!(matches!(decided(&PoolObservation { coming: 1, ..full }), Verdict::Hold(_, _)));
        assert_eq!(decided(&PoolObservation { coming: 1, ..pool(3, 2800, 0) }), Verdict::Act(Step { from: 3, to: 4 }));
        let idle = PoolObservation { coming: 2, ..pool(3, 0, 0) };
        assert_eq!(decided(&idle), held(3, 2, Stop::Coming { nodes: 2 }));
    }

    #[test]
    fn p33_a_pool_outside_its_bounds_is_brought_back_whatever_is_used() {
        let bounded = |nodes, used, min, max| {
            let mut seen = pool(nodes, used, 0);
            (seen.bounds.min, seen.bounds.max) = (min, max);
            seen
        };
        let decision = decide_pool(&bounded(2, 0, 4, 8), &policy(), &[], &Standing::default());
        assert_eq!(decision.verdict, Verdict::Act(Step { from: 2, to: 3 }));
        assert_eq!(decision.why(), "desired capacity 2 < 4 (P33)");
        let crowded = bounded(9, 9000, 1, 5);
        assert_eq!(decided(&crowded), Verdict::Act(Step { from: 9, to: 8 }), "P10 to P12 do not hold it");
        let mut suspended = bounded(2, 0, 4, 8);
        suspended.bounds.launch_suspended = Some("Launch".into());
        assert_eq!(decided(&suspended), held(2, 3, Stop::Suspended { process: "Launch".into() }));
    }

    #[test]
    fn p34_no_step_rests_on_a_capacity_that_is_not_to_be_believed() {
        let mut seen = pool(3, 1700, 0);
        let expected = Resources::new(1000, 2000, 0);
        let mut nodes = seen.nodes.to_vec();
        nodes[2].capacity = Resources::new(250, 2000, 0);
        seen.nodes = nodes.into();
        assert_eq!(decided(&seen), Verdict::Act(Step { from: 3, to: 4 }), "believed, it would launch one");
        seen.odd = vec![OddNode { node: "n2".into(), expected }];
        assert!(matches!(decided(&seen), Verdict::Hold(step, _) if step.to == 2), "as its like, there is room");
        let mut idle = pool(4, 0, 0);
        idle.odd = vec![OddNode { node: "n2".into(), expected }];
        assert_eq!(decided(&idle), held(4, 3, Stop::OddNodes { nodes: 1 }));
        let mut nothing = pool(2, 0, 0);
        nothing.nodes =
            nothing.nodes.iter().map(|it| NodeLoad { capacity: Resources::default(), ..it.clone() }).collect();
        assert_eq!(decided(&nothing), Verdict::Undecided, "a pool that shows no capacity at all");
    }

    #[test]
    fn p35_what_cannot_be_met_is_held_and_named() {
        let intolerant = PoolPolicy { fault_tolerance: 6, ..policy() };
        let mut small = pool(2, 0, 0);
        small.bounds.max = 6;
        let why = "replicator_node_fault_tolerance = 6 leaves nothing of at most 6 nodes".to_owned();
        let verdict = decide_pool(&small, &intolerant, &[], &Standing::default()).verdict;
        assert_eq!(verdict, held(2, 3, Stop::Unsatisfiable { why }));
        let mut crossed = pool(2, 0, 0);
        (crossed.bounds.min, crossed.bounds.max) = (5, 3);
        let why = "at least 5 and at most 3 nodes".to_owned();
        assert_eq!(decided(&crossed), held(2, 3, Stop::Unsatisfiable { why }));
        for used in [0, 3000] {
            let mut weighted = pool(3, used, 0);
            weighted.bounds.weighted = true;
            let Verdict::Hold(_, stops) = decided(&weighted) else { panic!("a weighted group is left alone") };
            assert_eq!(stops, [Stop::Weighted]);
        }
        for used in [0, 3000] {
            let mut shrinking = pool(3, used, 0);
            shrinking.bounds.members = 4;
            let Verdict::Hold(_, stops) = decided(&shrinking) else { panic!("it is about to let one go") };
            assert_eq!(stops, [Stop::Unsettled { members: 4, desired: 3 }]);
        }
        let mut refreshed = pool(4, 0, 0);
        refreshed.bounds.overhaul = Some("an instance refresh".into());
        assert_eq!(decided(&refreshed), held(4, 3, Stop::Overhaul { what: "an instance refresh".into() }));
    }

    #[test]
    fn p4_a_step_in_must_be_right_by_every_policy_in_the_pool() {
        let idle = pool(4, 0, 0);
        let decide = |others: &[PoolPolicy]| decide_pool(&idle, &policy(), others, &Standing::default()).verdict;
        let same = PoolPolicy { cooldown: Duration::from_secs(1), ..policy() };
        assert_eq!(decide(std::slice::from_ref(&same)), Verdict::Act(Step { from: 4, to: 3 }));
        for other in [
            PoolPolicy { min: Some(4), ..policy() },
            PoolPolicy { fault_tolerance: 3, ..policy() },
            PoolPolicy { enabled: false, ..policy() },
        ] {
            assert_eq!(decide(&[same.clone(), other]), held(4, 3, Stop::Disagreement));
        }
    }

    #[test]
    fn p36_failed_scale_ins_pause_scaling_in_alone() {
        let pausing = Standing { scalein_pause: Duration::from_millis(59_001), ..Standing::default() };
        let with = |observation: &PoolObservation| decide_pool(observation, &policy(), &[], &pausing).verdict;
        assert_eq!(with(&pool(4, 0, 0)), held(4, 3, Stop::ScaleInPaused { seconds_left: 60 }));
        assert_eq!(with(&pool(3, 3000, 0)), Verdict::Act(Step { from: 3, to: 4 }));
    }

    #[test]
    fn p13_the_floor_is_one_for_who_decides_and_who_acts() {
        let bounds = |min, group_min, max| GroupBounds { min, max, group_min, ..pool(1, 0, 0).bounds };
        let cases = [
            (2, 2, bounds(2, 1, 9), None),
            (1, 2, bounds(2, 1, 9), Some(2)),
            (3, 1, bounds(2, 2, 9), Some(2)),
            (0, 0, bounds(0, 0, 9), Some(1)),
            (1, 0, bounds(0, 0, 9), None),
            (2, 5, bounds(5, 5, 5), None),
            (0, 7, bounds(0, 0, 5), Some(1)),
        ];
        for (nodes, desired, bounds, expected) in cases {
            assert_eq!(reaches_floor(nodes, desired, &bounds), expected, "{nodes} nodes, {desired}, {bounds:?}");
        }
    }

    proptest! {
        /// More used never turns a wish for more, or a refusal, into a wish for fewer.
        #[test]
        fn p10_p12_are_monotone_in_load(
            nodes in 1u32..12, mhz in 0u64..14_000, mib in 0u64..26_000, more in 0u64..4_000, tolerance in 0u32..3,
        ) {
            let policy = PoolPolicy { fault_tolerance: tolerance, ..policy() };
            let wish = |mhz, mib| {
                match decide_pool(&pool(nodes, mhz, mib), &policy, &[], &Standing::default()).verdict {
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
            prop_assume!((min..=min + span).contains(&nodes));
            let policy = PoolPolicy { fault_tolerance: tolerance, ..policy() };
            let mut observation = pool(nodes, mhz, mib);
            observation.bounds = GroupBounds { min, max: min + span, ..observation.bounds };
            if let Verdict::Act(step) = decide_pool(&observation, &policy, &[], &Standing::default()).verdict {
                prop_assert_eq!(step.from.abs_diff(step.to), 1);
                match step.direction() {
                    Direction::Out => prop_assert!(step.to <= observation.bounds.max),
                    Direction::In => {
                        prop_assert!(step.to >= observation.bounds.min.max(1));
                        let mut smaller = observation.clone();
                        smaller.nodes = smaller.nodes[..smaller.nodes.len() - 1].into();
                        smaller.bounds.desired -= 1;
                        smaller.bounds.members -= 1;
                        smaller.bounds.max = 100;
                        let then = decide_pool(&smaller, &policy, &[], &Standing::default()).verdict;
                        let goes_out = then.step().is_some_and(|step| step.direction() == Direction::Out);
                        prop_assert!(!goes_out, "{then:?}");
                    }
                }
            }
        }
    }
}
