//! What is asked of the simulated Nomad from outside: another count, another version of a job, a drain. The agents that are
//! simulated ask through their ports, everybody else through the API; both end here.

use std::collections::BTreeMap;

use replicator::domain::{Eligibility, GroupKey, JobKey, Meta, Resource};
use serde_json::Value;

use super::World;
use super::api::NomadVersion;
use super::evaluations::Trigger;
use super::nodes::{DrainCourse, DrainDeadline};
use super::nomad::ScalingEvent;
use super::stream::NODE_DRAIN;

/// How many scaling events of a group are kept, as Nomad does.
const MOST_SCALING_EVENTS: usize = 20;

/// A change of count that somebody asks for, or a word about scaling that somebody leaves.
pub(crate) struct ScaleOrder {
    pub(crate) job: JobKey,
    pub(crate) group: String,
    /// Nothing: it is only a word.
    pub(crate) count: Option<u32>,
    pub(crate) error: bool,
    pub(crate) message: String,
    pub(crate) meta: Value,
    /// The job modify index that the job must have still.
    pub(crate) enforced: Option<u64>,
}

/// A count was changed, or a word taken down.
pub(crate) struct Scaled {
    /// The evaluation that came of it; none of a word.
    pub(crate) evaluation: Option<usize>,
    pub(crate) job_modify_index: u64,
    /// The index of the event.
    pub(crate) index: u64,
}

/// Why a count was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScaleRefused {
    NoJob,
    NoGroup,
    Count(CountRefused),
    /// It was changed meanwhile.
    Changed {
        has: u64,
    },
    /// A job has at most so many allocations.
    Total {
        total: u64,
        most: u64,
    },
}

/// Why a count was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountRefused {
    /// More than the group's `scaling` block allows.
    TooMany { max: u32 },
    /// Fewer than that.
    TooFew { min: u32 },
    /// A deployment is under way. The count has changed all the same: see [`World::scale_by_order`].
    Deploying,
}

impl CountRefused {
    /// In Nomad's words.
    pub(crate) fn to_words(self, count: u32) -> String {
        match self {
            Self::TooMany { max } => format!("group count was greater than scaling policy maximum: {count} > {max}"),
            Self::TooFew { min } => format!("group count was less than scaling policy minimum: {count} < {min}"),
            Self::Deploying => "job scaling blocked due to active deployment".to_owned(),
        }
    }
}

/// Another version of a job, as far as it can be told here.
pub(crate) struct Registration {
    /// For each group: its count and its `meta`.
    pub(crate) groups: BTreeMap<String, (u32, Meta)>,
    /// The job modify index that the job must have still; 0: it must not be there.
    pub(crate) enforced: Option<u64>,
}

/// A version was taken.
pub(crate) struct Registered {
    pub(crate) evaluation: usize,
    pub(crate) job_modify_index: u64,
}

/// Why a version was not taken.
pub(crate) enum RegisterRefused {
    NoJob,
    /// It is there, and must not be.
    Exists,
    /// It was changed meanwhile.
    Changed {
        has: u64,
    },
}

/// What somebody does to a node.
#[derive(Clone)]
pub(crate) enum NodeChange {
    Drain { deadline: DrainDeadline, spares_system_jobs: bool, says: BTreeMap<String, String> },
    CallOff { eligible: bool },
    Eligibility(Eligibility),
}

/// Why a node was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeRefused {
    NoNode,
    /// While it is being drained it takes no work.
    Draining,
}

/// A node was changed.
pub(crate) struct NodeChanged {
    pub(crate) index: u64,
    /// Evaluations that came of it.
    pub(crate) evaluations: std::ops::Range<usize>,
}

impl World {
    /// Whether the group's `scaling` block allows a count.
    pub(super) fn check_bounds(&self, group: usize, count: u32) -> Result<(), CountRefused> {
        match &self.plan.groups[group].scaling {
            Some(block) if count < block.min => Err(CountRefused::TooFew { min: block.min }),
            Some(block) if count > block.max => Err(CountRefused::TooMany { max: block.max }),
            _ => Ok(()),
        }
    }

    /// Today's servers have a largest number of allocations of one job: `job_max_count`.
    fn check_total(&self, group: usize, count: u32) -> Result<(), ScaleRefused> {
        const JOB_MAX_COUNT: u64 = 50_000;
        let others = self.plan.jobs[self.plan.groups[group].job].groups.clone().filter(|other| *other != group);
        let total = u64::from(count) + others.map(|other| u64::from(self.nomad.groups[other].count)).sum::<u64>();
        let is_too_much = self.nomad_version == NomadVersion::V2_0 && total > JOB_MAX_COUNT;
        if is_too_much { Err(ScaleRefused::Total { total, most: JOB_MAX_COUNT }) } else { Ok(()) }
    }

    /// Changes a count. While a deployment is active that is refused; the memory of Nomad's servers from 0.12 to 1.3 holds
    /// the new count from then on all the same, and the next evaluation brings it about.
    pub(crate) fn scale_by_order(&mut self, order: &ScaleOrder) -> Result<Scaled, ScaleRefused> {
        let job = self.job_number(&order.job).ok_or(ScaleRefused::NoJob)?;
        let key = GroupKey { job: order.job.clone(), group: order.group.as_str().into() };
        let group = self.find_group(&key).ok_or(ScaleRefused::NoGroup)?;
        let from = self.nomad.groups[group].count;
        let mut event = ScalingEvent {
            at: self.now,
            index: 0,
            from,
            to: order.count,
            error: order.error,
            message: order.message.clone(),
            meta: order.meta.clone(),
            evaluation: None,
        };
        let mut refused = None;
        if let Some(count) = order.count {
            let has = self.nomad.jobs[job].modify_index;
            if order.enforced.is_some_and(|index| index != has) {
                return Err(ScaleRefused::Changed { has });
            }
            self.check_bounds(group, count).map_err(ScaleRefused::Count)?;
            self.check_total(group, count)?;
            if self.is_deploying(job) {
                refused = Some(CountRefused::Deploying);
                if self.nomad_version == NomadVersion::V1_1 {
                    self.nomad.groups[group].count = count;
                    self.nomad.jobs[job].detail = None;
                    self.evaluate_soon(job, Trigger::DeploymentWatcher);
                }
                let original = serde_json::json!({
                    "OriginalMessage": order.message, "OriginalCount": count, "OriginalMeta": order.meta,
                });
                (event.to, event.error, event.meta) = (None, true, original);
                event.message = CountRefused::Deploying.to_words(count);
            } else {
                let resource = Resource::Group(key);
                self.record.order(self.now, resource, from, count, order.message.clone());
                self.set_count(group, count);
                event.evaluation = Some(self.evaluate_soon(job, Trigger::Scaling));
            }
        }
        self.nomad.index += 1;
        event.index = self.nomad.index;
        let done = Scaled {
            evaluation: event.evaluation,
            job_modify_index: self.nomad.jobs[job].modify_index,
            index: event.index,
        };
        let events = &mut self.nomad.groups[group].scaled;
        events.insert(0, event);
        events.truncate(MOST_SCALING_EVENTS);
        refused.map_or(Ok(done), |refused| Err(ScaleRefused::Count(refused)))
    }

    /// Takes another version of a job. One that changes nothing makes an evaluation and no version.
    pub(crate) fn register_by_order(
        &mut self,
        key: &JobKey,
        registration: &Registration,
    ) -> Result<Registered, RegisterRefused> {
        let job = self.job_number(key).ok_or(RegisterRefused::NoJob)?;
        let has = self.nomad.jobs[job].modify_index;
        match registration.enforced {
            Some(0) => return Err(RegisterRefused::Exists),
            Some(index) if index != has => return Err(RegisterRefused::Changed { has }),
            _ => {}
        }
        let mut changed = false;
        for group in self.plan.jobs[job].groups.clone() {
            let key = self.plan.groups[group].key.clone();
            let Some((count, meta)) = registration.groups.get(key.group.as_str()) else { continue };
            let it = &mut self.nomad.groups[group];
            let from = std::mem::replace(&mut it.count, *count);
            changed |= from != *count || it.meta != *meta;
            it.meta.clone_from(meta);
            if from != *count {
                let how = "by registering the job again".to_owned();
                self.record.order(self.now, Resource::Group(key), from, *count, how);
            }
        }
        if changed {
            let now = self.now;
            self.job_changed(job);
            self.nomad.jobs[job].submitted = now;
        }
        let evaluation = self.evaluate_soon(job, Trigger::Registration);
        Ok(Registered { evaluation, job_modify_index: self.nomad.jobs[job].modify_index })
    }

    /// Drains a node, calls that off, or lets work in or keeps it out.
    pub(crate) fn change_node(&mut self, id: &str, change: NodeChange) -> Result<NodeChanged, NodeRefused> {
        let node = self.node_number(id).ok_or(NodeRefused::NoNode)?;
        let before = self.nomad.evaluations.len();
        match change {
            NodeChange::Drain { deadline, spares_system_jobs, says } => {
                // What a drain makes the scheduler look at comes later.
                let index = self.drain_with(node, deadline, spares_system_jobs, says);
                return Ok(NodeChanged { index, evaluations: before..before });
            }
            NodeChange::CallOff { eligible: true } => self.cancel_drain(node),
            NodeChange::CallOff { eligible: false } => self.end_drain(node, DrainCourse::Cancelled, None),
            NodeChange::Eligibility(Eligibility::Eligible) if self.nomad.nodes[node].draining => {
                return Err(NodeRefused::Draining);
            }
            NodeChange::Eligibility(eligibility) => self.set_eligibility(node, eligibility),
        }
        let index = self.nomad.nodes[node].modify_index;
        Ok(NodeChanged { index, evaluations: before..self.nomad.evaluations.len() })
    }

    pub(super) fn set_eligibility(&mut self, node: usize, eligibility: Eligibility) {
        if self.nomad.nodes[node].eligibility == eligibility {
            return;
        }
        self.nomad.nodes[node].eligibility = eligibility;
        self.nomad.nodes[node].drained_by_agent &= eligibility == Eligibility::Ineligible;
        self.node_changed(node);
        let word = match eligibility {
            Eligibility::Eligible => "Node marked as eligible for scheduling",
            Eligibility::Ineligible => "Node marked as ineligible for scheduling",
        };
        self.node_event(node, "Cluster", word, None);
        self.publish_node(node, NODE_DRAIN);
        if eligibility == Eligibility::Eligible {
            self.capacity_grew();
            self.run_system_jobs();
        }
    }
}
