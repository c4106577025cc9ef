//! The keys of a scenario file, as they are written. The book's scenario reference describes each; a test holds the
//! two against each other.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::error::Problem;
use super::names::nearest;
use super::values::{Amount, Span, WrittenShape};
use crate::plan::{Delay, OddKind, Operator, Toggle};

/// Reads the text of a scenario.
pub(super) fn parse(text: &str) -> Result<File, Problem> {
    toml::from_str(text).map_err(|error| Problem { span: error.span(), message: with_guess(error.message()) })
}

/// A message about an unknown field, with the one that may have been meant: ``unknown field `nods`, expected one of `a`, `b` ``.
fn with_guess(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match names.next().filter(|_| is_unknown).and_then(|name| nearest(name, names)) {
        Some(meant) => format!("{}; did you mean `{meant}`?", message.trim_end()),
        None => message.to_owned(),
    }
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) title: String,
    pub(super) seed: u64,
    pub(super) duration: Spanned<Span>,
    pub(super) tick: Spanned<Span>,
    #[serde(default)]
    pub(super) agents: Agents,
    pub(super) pools: Spanned<BTreeMap<String, Pool>>,
    #[serde(default)]
    pub(super) jobs: BTreeMap<String, Job>,
    #[serde(default)]
    pub(super) load: Vec<Load>,
    #[serde(default)]
    pub(super) event: Vec<Spanned<Event>>,
    pub(super) odd: Option<WrittenOdd>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<Expect>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agents {
    pub(super) count: Option<Spanned<u32>>,
    pub(super) job_interval: Option<Spanned<Span>>,
    pub(super) cluster_interval: Option<Spanned<Span>>,
    pub(super) call_takes: Option<Span>,
    pub(super) scaling_concurrency: Option<Spanned<u32>>,
    pub(super) runs_in: Option<Spanned<String>>,
}

pub(super) type WrittenMeta = Spanned<BTreeMap<Spanned<String>, Spanned<MetaValue>>>;

/// A value of `meta`: text in Nomad, but numbers and booleans may be written as such.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text, a number or a boolean")]
pub(super) enum MetaValue {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl MetaValue {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pool {
    pub(super) instance: Spanned<Size>,
    #[serde(default)]
    pub(super) reserved: Size,
    pub(super) nodes: Spanned<u32>,
    pub(super) min: Spanned<u32>,
    pub(super) max: Spanned<u32>,
    pub(super) zones: Option<Spanned<Vec<String>>>,
    pub(super) launch: Option<Delay>,
    pub(super) boot: Delay,
    pub(super) price_per_hour: Option<Amount>,
    pub(super) policy_in: Option<Home>,
    #[serde(default)]
    pub(super) weighted: bool,
    #[serde(default)]
    pub(super) class: String,
    pub(super) meta: WrittenMeta,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    #[serde(default)]
    pub(super) cpu: u32,
    #[serde(default)]
    pub(super) memory: u32,
    #[serde(default)]
    pub(super) disk: u32,
    #[serde(default)]
    pub(super) cores: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Home {
    Meta,
    Consul,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JobType {
    #[default]
    Service,
    Batch,
    System,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    #[serde(default)]
    pub(super) r#type: JobType,
    pub(super) namespace: Option<String>,
    pub(super) pool: Option<Spanned<String>>,
    pub(super) update: Option<WrittenUpdate>,
    #[serde(default)]
    pub(super) constraint: Vec<WrittenConstraint>,
    #[serde(default)]
    pub(super) distinct_hosts: bool,
    pub(super) groups: Spanned<BTreeMap<String, Group>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenUpdate {
    pub(super) min_healthy_time: Option<Span>,
    pub(super) progress_deadline: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConstraint {
    pub(super) attribute: Spanned<String>,
    #[serde(default)]
    pub(super) operator: Operator,
    pub(super) value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) count: Spanned<u32>,
    pub(super) start: Option<Delay>,
    pub(super) kill_timeout: Option<Span>,
    pub(super) runtime: Option<Delay>,
    pub(super) migrate_max_parallel: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) disk: u32,
    #[serde(default)]
    pub(super) constraint: Vec<WrittenConstraint>,
    #[serde(default)]
    pub(super) distinct_hosts: bool,
    #[serde(default)]
    pub(super) ports: Vec<u16>,
    pub(super) poststop: Option<Span>,
    pub(super) disconnect: Option<Span>,
    pub(super) tasks: Spanned<BTreeMap<String, Task>>,
    pub(super) meta: Option<WrittenMeta>,
    pub(super) scaling: Option<Spanned<WrittenScaling>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenScaling {
    pub(super) min: Option<u32>,
    pub(super) max: u32,
    pub(super) enabled: Option<bool>,
    pub(super) policy: Option<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    #[serde(default)]
    pub(super) cpu: u32,
    #[serde(default)]
    pub(super) cores: u32,
    pub(super) memory: u32,
    #[serde(default)]
    pub(super) idle_cpu: u32,
    #[serde(default)]
    pub(super) idle_memory: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    pub(super) group: Spanned<String>,
    #[serde(default)]
    pub(super) cpu: Vec<Spanned<WrittenShape>>,
    #[serde(default)]
    pub(super) memory: Vec<Spanned<WrittenShape>>,
}

/// An event: when, and exactly one thing that happens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) at: Span,
    #[serde(rename = "for")]
    pub(super) lasting: Option<Span>,
    pub(super) kill_node: Option<KillNode>,
    pub(super) kill_zone: Option<KillZone>,
    pub(super) kill_agent: Option<Spanned<String>>,
    pub(super) stop_agent: Option<Spanned<String>>,
    pub(super) destroy_session: Option<Spanned<String>>,
    pub(super) clock_jump: Option<ClockJump>,
    pub(super) nomad_outage: Option<Yes>,
    pub(super) consul_outage: Option<Yes>,
    pub(super) cloud_outage: Option<Yes>,
    pub(super) statistics_outage: Option<Spanned<String>>,
    pub(super) no_capacity: Option<Spanned<String>>,
    pub(super) never_join: Option<Spanned<String>>,
    pub(super) protect: Option<Spanned<String>>,
    pub(super) failsafe: Option<Failsafe>,
    pub(super) set_count: Option<SetCount>,
    pub(super) set_desired: Option<SetDesired>,
    pub(super) set_eligibility: Option<SetEligibility>,
    pub(super) drain_node: Option<OneNode>,
    pub(super) cancel_drain: Option<OfPool>,
    pub(super) detach_instance: Option<OfPool>,
    pub(super) standby: Option<OfPool>,
    pub(super) odd_node: Option<OddNode>,
    pub(super) set_meta: Option<SetMeta>,
    pub(super) no_statistics: Option<Spanned<String>>,
    pub(super) silence_node: Option<OneNode>,
}

/// A pool, where no more needs to be said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfPool {
    pub(super) pool: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneNode {
    pub(super) pool: Spanned<String>,
    #[serde(default)]
    pub(super) node: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetEligibility {
    pub(super) pool: Spanned<String>,
    #[serde(default)]
    pub(super) node: u32,
    pub(super) eligible: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OddNode {
    pub(super) pool: Spanned<String>,
    #[serde(default)]
    pub(super) node: u32,
    pub(super) cpu: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetMeta {
    pub(super) pool: Spanned<String>,
    #[serde(default)]
    pub(super) node: u32,
    pub(super) key: String,
    pub(super) value: MetaValue,
}

/// `true`: an event that needs no more to be said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Yes;

impl<'de> Deserialize<'de> for Yes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let yes = bool::deserialize(deserializer)?;
        let problem = || serde::de::Error::invalid_value(serde::de::Unexpected::Bool(yes), &"true, or no such key");
        yes.then_some(Self).ok_or_else(problem)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KillNode {
    pub(super) pool: Spanned<String>,
    pub(super) count: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KillZone {
    pub(super) pool: Spanned<String>,
    pub(super) zone: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockJump {
    pub(super) agent: Spanned<String>,
    pub(super) ahead: Option<Span>,
    pub(super) back: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failsafe {
    pub(super) pool: Option<Spanned<String>>,
    pub(super) group: Option<Spanned<String>>,
    pub(super) set: Toggle,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetCount {
    pub(super) group: Spanned<String>,
    pub(super) count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetDesired {
    pub(super) pool: Spanned<String>,
    pub(super) desired: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) measure: Spanned<String>,
    pub(super) at: Option<Span>,
    pub(super) at_least: Option<f64>,
    pub(super) at_most: Option<f64>,
    pub(super) equals: Option<f64>,
}

/// What reads answer beside the truth.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenOdd {
    pub(super) until: Span,
    pub(super) percent: Amount,
    pub(super) kinds: Option<Vec<OddKind>>,
}
