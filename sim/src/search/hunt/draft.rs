//! The text of a scenario, drawn from a seed.

use std::fmt::Write as _;

use super::Told;
use super::{events, jobs, load, pools};
use crate::kernel::random::{Stream, Streams};
use crate::plan::OddKind;

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
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) dice: Stream,
    features: Vec<Feature>,
    pub(super) pools: Vec<DraftPool>,
    pub(super) groups: Vec<DraftGroup>,
    pub(super) agents: u64,
}

/// What later parts must know of a pool.
pub(super) struct DraftPool {
    pub(super) name: &'static str,
    pub(super) cpu: u64,
    pub(super) memory: u64,
    pub(super) cores: u64,
    pub(super) nodes: u64,
    pub(super) max: u64,
    pub(super) zones: Vec<&'static str>,
}

/// What later parts must know of a group.
pub(super) struct DraftGroup {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) cpu: u64,
    pub(super) memory: u64,
    pub(super) scaled: bool,
}

impl Draft {
    pub(super) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether a feature is on, and comes about this time.
    pub(super) fn maybe(&mut self, feature: Feature, share: f64) -> bool {
        self.has(feature) && self.dice.chance(share)
    }

    pub(super) fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    pub(super) fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let all = std::iter::once(first).chain(others.iter().copied()).collect::<Vec<T>>();
        self.dice.pick(&all).copied().unwrap_or(first)
    }

    /// A span of so many seconds, or a spread around it.
    pub(super) fn delay(&mut self, seconds: std::ops::Range<u64>) -> String {
        let about = self.dice.within(seconds);
        if !self.has(Feature::SpreadDelays) {
            return format!("\"{about}s\"");
        }
        match self.dice.within(0..3) {
            0 => format!("\"{about}s\""),
            1 => format!("{{ min = \"{}s\", max = \"{}s\" }}", about / 2, about * 2),
            _ => format!("{{ median = \"{}s\", p95 = \"{}s\" }}", about.max(1), about.max(1) * 2),
        }
    }
}

/// The text of the scenario that a seed gives.
pub(super) fn draft(seed: u64, told: Told) -> String {
    let mut dice = Streams::of(seed).hunt();
    let share = dice.pick(&SHARES).copied().unwrap_or(SHARES[0]);
    let features = FEATURES.into_iter().filter(|_| dice.chance(share)).collect();
    let mut draft = Draft { text: String::new(), dice, features, pools: Vec::new(), groups: Vec::new(), agents: 1 };
    draft.line(format_args!("title = \"Made up from seed {seed}\"\nseed = {seed}"));
    draft.line(format_args!("duration = \"{LENGTH}m\"\ntick = \"10s\"\n"));
    agents(&mut draft);
    pools::write(&mut draft);
    jobs::write(&mut draft);
    load::write(&mut draft);
    events::write(&mut draft);
    if told == Told::Oddities {
        oddities(&mut draft);
    }
    draft.text
}

fn agents(draft: &mut Draft) {
    draft.agents = if draft.has(Feature::ManyAgents) { draft.dice.within(2..4) } else { 1 };
    let count = draft.agents;
    draft.line(format_args!("[agents]\ncount = {count}"));
    if draft.has(Feature::RunsInside) {
        draft.line(format_args!("runs_in = \"{}\"", jobs::AGENTS));
    }
    if draft.has(Feature::SlowCalls) {
        let millis = draft.dice.within(10..1500);
        draft.line(format_args!("call_takes = \"{millis}ms\""));
    }
    if draft.has(Feature::FewPlaces) {
        let places = draft.dice.within(1..4);
        draft.line(format_args!("scaling_concurrency = {places}"));
    }
    if draft.maybe(Feature::Tuning, 0.5) {
        let (job, cluster) = (draft.dice.within(1..60), draft.dice.within(1..60));
        draft.line(format_args!("job_interval = \"{job}s\"\ncluster_interval = \"{cluster}s\""));
    }
    draft.line(format_args!(""));
}

/// Some of the kinds of oddities, seldom or often.
fn oddities(draft: &mut Draft) {
    let share = draft.one_of(0.2, &[0.5, 0.8]);
    let drawn: Vec<OddKind> = OddKind::ALL.into_iter().filter(|_| draft.dice.chance(share)).collect();
    let percent = draft.one_of(5, &[20, 60]);
    let kinds: Vec<String> = drawn.iter().map(|kind| format!("\"{}\"", kind.as_str())).collect();
    draft.line(format_args!("[odd]\nuntil = \"{TROUBLE}m\"\npercent = {percent}\nkinds = [{}]", kinds.join(", ")));
}
