//! A scenario, drawn from a seed.

use std::time::Duration;

use super::Told;
use super::{events, jobs, load, pools};
use crate::kernel::random::{Stream, Streams};
use crate::kernel::time::Millis;
use crate::plan::draft::{Agents, Draft, Odd};
use crate::plan::{Delay, OddKind};

/// How long a scenario is, in minutes; what goes wrong is over by [`TROUBLE`].
pub(super) const LENGTH: u64 = 180;
/// Until when things go wrong, in minutes.
pub(super) const TROUBLE: u64 = 120;

/// What a scenario may draw on. Each is on or off for a whole scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    ManyPools,
    Zones,
    Reserved,
    SpreadDelays,
    StoredPolicies,
    PolicyBounds,
    Tuning,
    Weighted,
    OtherKinds,
    ManyGroups,
    Updates,
    ScalingBlocks,
    Placement,
    Cores,
    Poststop,
    Disconnect,
    ManyAgents,
    RunsInside,
    SlowCalls,
    FewPlaces,
    Load,
    Outages,
    DyingNodes,
    DyingAgents,
    Clocks,
    CloudTrouble,
    NodeTrouble,
    People,
}

const FEATURES: [Feature; 28] = [
    Feature::ManyPools,
    Feature::Zones,
    Feature::Reserved,
    Feature::SpreadDelays,
    Feature::StoredPolicies,
    Feature::PolicyBounds,
    Feature::Tuning,
    Feature::Weighted,
    Feature::OtherKinds,
    Feature::ManyGroups,
    Feature::Updates,
    Feature::ScalingBlocks,
    Feature::Placement,
    Feature::Cores,
    Feature::Poststop,
    Feature::Disconnect,
    Feature::ManyAgents,
    Feature::RunsInside,
    Feature::SlowCalls,
    Feature::FewPlaces,
    Feature::Load,
    Feature::Outages,
    Feature::DyingNodes,
    Feature::DyingAgents,
    Feature::Clocks,
    Feature::CloudTrouble,
    Feature::NodeTrouble,
    Feature::People,
];

/// How many of the features a scenario has.
const SHARES: [f64; 3] = [0.15, 0.4, 0.7];

/// A scenario on its way.
pub(super) struct Making {
    pub(super) draft: Draft,
    pub(super) dice: Stream,
    /// A stream of its own, so that it leaves all else of a seed's scenario as it is.
    pub(super) strategies: Stream,
    features: Vec<Feature>,
    pub(super) pools: Vec<MadePool>,
    pub(super) groups: Vec<MadeGroup>,
    pub(super) agents: u64,
}

/// What later parts must know of a pool.
pub(super) struct MadePool {
    pub(super) name: &'static str,
    pub(super) cpu: u64,
    pub(super) memory: u64,
    pub(super) cores: u64,
    pub(super) nodes: u64,
    pub(super) max: u64,
    pub(super) zones: Vec<&'static str>,
}

/// What later parts must know of a group.
pub(super) struct MadeGroup {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) cpu: u64,
    pub(super) memory: u64,
    pub(super) scaled: bool,
}

impl Making {
    pub(super) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether a feature is on, and comes about this time.
    pub(super) fn maybe(&mut self, feature: Feature, share: f64) -> bool {
        self.has(feature) && self.dice.chance(share)
    }

    pub(super) fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let all = std::iter::once(first).chain(others.iter().copied()).collect::<Vec<T>>();
        self.dice.pick(&all).copied().unwrap_or(first)
    }

    /// A span of so many seconds, or a spread around it.
    pub(super) fn delay(&mut self, seconds: std::ops::Range<u64>) -> Delay {
        let about = self.dice.within(seconds);
        if !self.has(Feature::SpreadDelays) {
            return Delay::Constant(Millis::secs(about));
        }
        match self.dice.within(0..3) {
            0 => Delay::Constant(Millis::secs(about)),
            1 => Delay::Uniform { min: Millis::secs(about / 2), max: Millis::secs(about * 2) },
            _ => Delay::LogNormal { median: Millis::secs(about.max(1)), p95: Millis::secs(about.max(1) * 2) },
        }
    }

    /// A number from a range that fits where 32 bits are asked for, as all that are drawn here do.
    pub(super) fn number(&mut self, range: std::ops::Range<u64>) -> u32 {
        small(self.dice.within(range))
    }
}

/// A number that was drawn, where 32 bits are asked for.
pub(super) fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// So many seconds.
pub(super) fn seconds<T: From<Duration>>(seconds: u64) -> T {
    Duration::from_secs(seconds).into()
}

/// So many minutes.
pub(super) fn minutes<T: From<Duration>>(minutes: u64) -> T {
    seconds(minutes * 60)
}

/// The scenario that a seed gives.
pub(super) fn make(seed: u64, told: Told) -> Draft {
    let mut dice = Streams::of(seed).hunt();
    let share = dice.pick(&SHARES).copied().unwrap_or(SHARES[0]);
    let features = FEATURES.into_iter().filter(|_| dice.chance(share)).collect();
    let draft = Draft { seed, ..Draft::new(format!("Made up from seed {seed}"), minutes::<Duration>(LENGTH)) };
    let strategies = Streams::of(seed).strategies();
    let (pools, groups) = (Vec::new(), Vec::new());
    let mut making = Making { draft, dice, strategies, features, pools, groups, agents: 1 };
    agents(&mut making);
    pools::make(&mut making);
    jobs::make(&mut making);
    load::make(&mut making);
    events::make(&mut making);
    if told == Told::Oddities {
        making.draft.odd = Some(oddities(&mut making));
    }
    making.draft
}

fn agents(making: &mut Making) {
    making.agents = if making.has(Feature::ManyAgents) { making.dice.within(2..4) } else { 1 };
    let mut agents = Agents { count: Some(small(making.agents)), ..Agents::default() };
    agents.runs_in = making.has(Feature::RunsInside).then(|| jobs::AGENTS.to_owned());
    if making.has(Feature::SlowCalls) {
        agents.call_takes = Some(Duration::from_millis(making.dice.within(10..1500)).into());
    }
    if making.has(Feature::FewPlaces) {
        agents.scaling_concurrency = Some(making.number(1..4));
    }
    if making.maybe(Feature::Tuning, 0.5) {
        agents.job_interval = Some(seconds(making.dice.within(1..60)));
        agents.cluster_interval = Some(seconds(making.dice.within(1..60)));
    }
    making.draft.agents = agents;
}

/// Some of the kinds of oddities, seldom or often.
fn oddities(making: &mut Making) -> Odd {
    let share = making.one_of(0.2, &[0.5, 0.8]);
    let kinds = OddKind::ALL.into_iter().filter(|_| making.dice.chance(share)).collect();
    let percent = making.one_of(5.0, &[20.0, 60.0]);
    Odd { until: minutes(TROUBLE), percent, kinds: Some(kinds) }
}
