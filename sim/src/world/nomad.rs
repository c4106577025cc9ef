//! The tables of the simulated Nomad, with the index of their last changes. What happens to their entries stands in
//! `allocations`, `nodes`, `evaluations`, `scheduler`, `rollout` and `drain`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use replicator::domain::{
    Allocation, AllocationId, ClientStatus, DeploymentId, DeploymentStatus, DesiredStatus, Eligibility, Job,
    JobSummary, MegaHertz, Meta, NodeId, NodeStatus, NodeSummary, Resources,
};

use super::classes::Classes;
use super::evaluations::SimEvaluation;
use super::nodes::{LastDrain, NodeEvent};
use super::scheduler::Score;
use super::stream::JOB_REGISTERED;
use super::{Topic, World};
use crate::kernel::time::Millis;
use crate::plan::Plan;

/// The index at which the jobs of a scenario were registered.
pub(super) const CREATED: u64 = 10;

/// Nomad's tables.
pub(super) struct Nomad {
    /// Counts every change, as Raft does.
    pub(super) index: u64,
    pub(super) nodes: Vec<SimNode>,
    pub(super) jobs: Vec<SimJob>,
    pub(super) groups: Vec<SimGroup>,
    pub(super) allocations: Vec<SimAllocation>,
    pub(super) deployments: Vec<SimDeployment>,
    pub(super) evaluations: Vec<SimEvaluation>,
    /// Jobs with work that could not be placed, with the evaluation that waits for room.
    pub(super) blocked: BTreeMap<usize, usize>,
    /// Allocations that occupy their nodes.
    pub(super) live: BTreeSet<usize>,
    /// The index of the last change of each table.
    pub(super) indexes: TableIndexes,
    pub(super) lists: Lists,
    pub(super) classes: Classes,
}

#[derive(Debug, Default)]
pub(super) struct TableIndexes {
    pub(super) jobs: u64,
    pub(super) nodes: u64,
    pub(super) allocations: u64,
    pub(super) deployments: u64,
    pub(super) evaluations: u64,
}

/// Lists as they were last asked for, until something changes.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) jobs: Option<Arc<[JobSummary]>>,
    pub(super) nodes: Option<Arc<[NodeSummary]>>,
    pub(super) allocations: Option<Arc<[Arc<Allocation>]>>,
    pub(super) deployments: Option<Arc<[replicator::domain::Deployment]>>,
}

/// How the servers stand with a node's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// As it lives, it is heard.
    Open,
    /// It is cut off from the servers. What runs on it runs on.
    CutOff,
    /// The servers were told to forget the node.
    Forgotten,
}

pub(super) struct SimNode {
    pub(super) id: NodeId,
    pub(super) name: String,
    pub(super) pool: usize,
    pub(super) instance: usize,
    /// Whether its instance runs, whatever Nomad believes.
    pub(super) alive: bool,
    pub(super) status: NodeStatus,
    pub(super) draining: bool,
    pub(super) eligibility: Eligibility,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    /// When it joined.
    pub(super) joined: Millis,
    /// When it last changed.
    pub(super) changed: Millis,
    /// The last drain, if there ever was one.
    pub(super) last_drain: Option<LastDrain>,
    /// What it says of itself.
    pub(super) drain_meta: BTreeMap<String, String>,
    /// What happened to it, the oldest first.
    pub(super) events: Vec<NodeEvent>,
    pub(super) free: Resources,
    /// What was changed in its meta, as its client has it: another value, or nothing where a key was taken away.
    pub(super) dynamic: BTreeMap<String, Option<String>>,
    /// The same, as the servers have heard of it.
    pub(super) meta: BTreeMap<String, Option<String>>,
    pub(super) contact: Contact,
    /// The CPU that it shows in place of its own, MHz.
    pub(super) shown_cpu: Option<MegaHertz>,
    /// Whether an agent drained it, and nobody has let work in again since.
    pub(super) drained_by_agent: bool,
    /// Allocations that occupy it.
    pub(super) allocations: BTreeSet<usize>,
    /// Allocations that have ended, and of which a task lives on.
    pub(super) lingering: BTreeSet<usize>,
}

impl SimNode {
    /// Whether the scheduler may place work on it.
    pub(super) fn takes_work(&self) -> bool {
        self.status == NodeStatus::Ready && self.eligibility == Eligibility::Eligible && !self.draining
    }
}

pub(super) struct SimJob {
    pub(super) modify_index: u64,
    /// How often it was changed.
    pub(super) version: u64,
    /// When it was last registered; a change of count is no registration.
    pub(super) submitted: Millis,
    pub(super) deployment: Option<usize>,
    pub(super) detail: Option<Arc<Job>>,
}

pub(super) struct SimGroup {
    pub(super) count: u32,
    /// Its `meta`.
    pub(super) meta: Meta,
    /// Allocations that shall run and have not ended.
    pub(super) allocations: BTreeSet<usize>,
    /// Their numbers.
    pub(super) numbers: BTreeSet<u32>,
    /// Allocations that occupy a node, whether or not they shall.
    pub(super) occupying: BTreeSet<usize>,
    /// How many of them are healthy and take load.
    pub(super) serving: u32,
    /// How many batch allocations are done.
    pub(super) completed: u32,
    /// How many allocations were told to stop and did.
    pub(super) stopped: u32,
    /// How many allocations went with their nodes.
    pub(super) lost: u32,
    /// What was asked of its count through the API, the newest first.
    pub(super) scaled: Vec<ScalingEvent>,
}

/// Somebody asked for another count, or told something about scaling.
#[derive(Debug, Clone)]
pub(super) struct ScalingEvent {
    pub(super) at: Millis,
    pub(super) index: u64,
    pub(super) from: u32,
    /// The count, where one was given and taken.
    pub(super) to: Option<u32>,
    /// Whether it tells of an error.
    pub(super) error: bool,
    pub(super) message: String,
    /// What its sender added, as JSON.
    pub(super) meta: serde_json::Value,
    pub(super) evaluation: Option<usize>,
}

/// Why an allocation was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// Its group shall have fewer.
    NotNeeded,
    /// Its node is being drained.
    Migrates,
    /// Its node is down.
    Lost,
}

pub(super) struct SimAllocation {
    pub(super) id: AllocationId,
    pub(super) group: usize,
    /// Its number in its name.
    pub(super) number: u32,
    pub(super) node: usize,
    pub(super) desired: DesiredStatus,
    pub(super) client: ClientStatus,
    pub(super) serving: bool,
    /// The evaluation that placed it.
    pub(super) evaluation: usize,
    /// How good its node was for it.
    pub(super) score: Score,
    pub(super) created: Millis,
    pub(super) started: Option<Millis>,
    pub(super) healthy: Option<Millis>,
    pub(super) ended: Option<Millis>,
    pub(super) changed: Millis,
    pub(super) stop_reason: Option<StopReason>,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    /// The version of its job that it runs.
    pub(super) version: u64,
    /// As it was last listed, until it changes.
    pub(super) listed: Option<Arc<Allocation>>,
}

pub(super) struct SimDeployment {
    pub(super) id: DeploymentId,
    pub(super) job: usize,
    pub(super) job_version: u64,
    pub(super) job_modify_index: u64,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    pub(super) status: DeploymentStatus,
    pub(super) created: Millis,
    pub(super) changed: Millis,
    /// When the allocations that stay as they are have proven healthy again.
    pub(super) proven_at: Millis,
    /// When it fails, unless there is progress before.
    pub(super) progress_by: Millis,
    /// The counts of the job's groups when it began: those it brings about.
    pub(super) desired: Vec<u32>,
    /// What the groups came to, once it has ended.
    pub(super) ended_with: Option<Vec<DeployedGroup>>,
}

/// A group in a deployment.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeployedGroup {
    pub(super) desired: u32,
    pub(super) placed: usize,
    pub(super) healthy: u32,
}

/// An identifier of the form of a UUID, that holds a number.
pub(super) fn uuid(kind: u8, number: usize) -> String {
    format!("{number:08x}-{kind:04x}-4000-8000-{number:012x}")
}

/// The number that an identifier holds.
pub(super) fn number_of(id: &str) -> Option<usize> {
    usize::from_str_radix(id.get(..8)?, 16).ok()
}

impl Nomad {
    pub(super) fn new(plan: &Plan) -> Self {
        let index = CREATED;
        Self {
            index,
            nodes: Vec::new(),
            jobs: plan
                .jobs
                .iter()
                .map(|_| SimJob {
                    modify_index: index,
                    version: 0,
                    submitted: Millis(0),
                    deployment: None,
                    detail: None,
                })
                .collect(),
            groups: plan
                .groups
                .iter()
                .map(|group| SimGroup {
                    count: group.count,
                    meta: group.meta.clone(),
                    allocations: BTreeSet::new(),
                    occupying: BTreeSet::new(),
                    numbers: BTreeSet::new(),
                    serving: 0,
                    completed: 0,
                    stopped: 0,
                    lost: 0,
                    scaled: Vec::new(),
                })
                .collect(),
            allocations: Vec::new(),
            deployments: Vec::new(),
            evaluations: Vec::new(),
            blocked: BTreeMap::new(),
            live: BTreeSet::new(),
            indexes: TableIndexes {
                jobs: index,
                nodes: index,
                allocations: index,
                deployments: index,
                evaluations: index,
            },
            lists: Lists::default(),
            classes: Classes::default(),
        }
    }
}

impl World {
    /// Counts a change of a table and wakes who waits for it.
    pub(super) fn nomad_changed(&mut self, topic: Topic) -> u64 {
        self.nomad.index += 1;
        let index = self.nomad.index;
        match topic {
            Topic::Jobs => {
                self.nomad.lists.jobs = None;
                self.nomad.indexes.jobs = index;
            }
            Topic::Nodes => {
                self.nomad.lists.nodes = None;
                self.nomad.indexes.nodes = index;
            }
            Topic::Allocations => {
                self.nomad.lists.allocations = None;
                self.nomad.indexes.allocations = index;
            }
            Topic::Deployments => {
                self.nomad.lists.deployments = None;
                self.nomad.indexes.deployments = index;
            }
            Topic::Evaluations => self.nomad.indexes.evaluations = index,
            Topic::Consul | Topic::Stream => {}
        }
        self.changed(topic);
        index
    }

    /// A job was changed: it has a new version.
    pub(super) fn job_changed(&mut self, job: usize) -> u64 {
        let index = self.nomad_changed(Topic::Jobs);
        let it = &mut self.nomad.jobs[job];
        it.modify_index = index;
        it.version += 1;
        it.detail = None;
        self.publish_job(job, JOB_REGISTERED);
        index
    }

    /// Sets the count of a group, which makes a new version of its job.
    pub(super) fn set_count(&mut self, group: usize, count: u32) -> u64 {
        self.nomad.groups[group].count = count;
        let index = self.job_changed(self.plan.groups[group].job);
        let key = self.plan.groups[group].key.clone();
        self.note(|| format!("group {key} shall have {count}"));
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_hold_their_number() {
        assert_eq!(uuid(2, 42), "0000002a-0002-4000-8000-00000000002a");
        assert_eq!(number_of(&uuid(2, 42)), Some(42));
        assert_eq!(number_of("short"), None);
    }
}
