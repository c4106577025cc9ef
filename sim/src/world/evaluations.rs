//! Evaluations: why the scheduler looks at a job, and what came of it. What could not be placed is left to an evaluation
//! that waits for room, as in Nomad.

use std::fmt;

use replicator::domain::EvaluationId;

use super::nomad::uuid;
use super::stream::PLAN_RESULT;
use super::{Happening, Topic, World};
use crate::kernel::time::Millis;

/// How long an evaluation waits in the broker and the plan queue.
const EVALUATION_TAKES: Millis = Millis(200);

/// Why the scheduler looks at a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// It was registered, or registered again.
    Registration,
    /// Somebody asked for another count.
    Scaling,
    /// Its deployment goes on.
    DeploymentWatcher,
    /// A node that it runs on is being drained.
    Drain,
    /// A node came, went, or takes work again.
    NodeUpdate,
    /// Some of it could not be placed before.
    QueuedAllocations,
    /// The client of something that was unknown is heard again.
    Reconnect,
}

impl Trigger {
    /// Whether the job was changed, so that a deployment is due.
    fn changes_job(self) -> bool {
        matches!(self, Self::Registration | Self::Scaling)
    }
}

/// How far an evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// The scheduler has not taken it up yet.
    Pending,
    /// It is done.
    Complete,
    /// It waits for room.
    Blocked,
    /// Another one has taken its place.
    Cancelled,
}

pub(super) struct SimEvaluation {
    pub(super) id: EvaluationId,
    pub(super) job: usize,
    pub(super) trigger: Trigger,
    pub(super) course: Course,
    pub(super) deployment: Option<usize>,
    /// The evaluation that left this one what it could not place.
    pub(super) previous: Option<usize>,
    /// The evaluation that this one left what it could not place.
    pub(super) next: Option<usize>,
    /// What could not be placed.
    pub(super) shortages: Vec<Shortage>,
    pub(super) job_modify_index: u64,
    pub(super) created: Millis,
    pub(super) changed: Millis,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

/// Allocations of a group that could not be placed, and why the nodes would not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shortage {
    pub(super) group: usize,
    pub(super) queued: u32,
    pub(super) nodes: Refusals,
}

/// Nodes that would not do for an allocation, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    /// Of another pool.
    pub(super) filtered: u32,
    pub(super) lack_cpu: u32,
    pub(super) lack_memory: u32,
    pub(super) lack_disk: u32,
    pub(super) lack_cores: u32,
    /// A static port is taken.
    pub(super) lack_ports: u32,
    /// A constraint does not hold.
    pub(super) unfit: u32,
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacks = self.lacks();
        let mut words = lacks.iter().filter(|(_, nodes)| *nodes > 0).peekable();
        if words.peek().is_none() {
            return f.write_str("no node will do");
        }
        for (number, (name, nodes)) in words.enumerate() {
            write!(f, "{}{name} exhausted on {nodes} nodes", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Refusals {
    /// What nodes have too little of, in Nomad's words, and how many nodes.
    pub(super) fn lacks(self) -> [(&'static str, u32); 5] {
        [
            ("cpu", self.lack_cpu),
            ("memory", self.lack_memory),
            ("disk", self.lack_disk),
            ("cores", self.lack_cores),
            ("network: reserved port collision", self.lack_ports),
        ]
    }

    pub(super) fn exhausted(self) -> u32 {
        self.lacks().iter().map(|(_, nodes)| nodes).sum()
    }
}

impl World {
    /// Makes an evaluation of a job; the scheduler takes it up shortly after.
    pub(super) fn evaluate_soon(&mut self, job: usize, trigger: Trigger) -> usize {
        let number = self.make_evaluation(job, trigger, Course::Pending);
        self.publish_evaluation(number);
        self.schedule(self.now + EVALUATION_TAKES, Happening::Evaluate(number));
        number
    }

    /// Evaluates a job on the spot.
    pub(super) fn evaluate_now(&mut self, job: usize, trigger: Trigger) {
        let number = self.make_evaluation(job, trigger, Course::Pending);
        self.evaluate(number);
    }

    /// Makes an evaluation, and tells nobody yet.
    fn make_evaluation(&mut self, job: usize, trigger: Trigger, course: Course) -> usize {
        let number = self.nomad.evaluations.len();
        let index = self.nomad_changed(Topic::Evaluations);
        self.nomad.evaluations.push(SimEvaluation {
            id: uuid(3, number).into(),
            job,
            trigger,
            course,
            deployment: None,
            previous: None,
            next: None,
            shortages: Vec::new(),
            job_modify_index: self.nomad.jobs[job].modify_index,
            created: self.now,
            changed: self.now,
            create_index: index,
            modify_index: index,
        });
        number
    }

    /// The scheduler takes an evaluation up.
    pub(super) fn evaluate(&mut self, number: usize) {
        let SimEvaluation { job, trigger, course, .. } = self.nomad.evaluations[number];
        if course != Course::Pending {
            return;
        }
        if trigger.changes_job() && self.is_undeployed(job) {
            self.begin_deployment(job);
            self.update_in_place(job);
        }
        self.nomad.evaluations[number].deployment = self.nomad.jobs[job].deployment;
        let shortages = self.reconcile_job(job, number);
        self.leave_waiting(number, shortages);
    }

    /// Whether the job's version has not been deployed yet.
    fn is_undeployed(&self, job: usize) -> bool {
        let latest = self.nomad.jobs[job].deployment.map(|number| &self.nomad.deployments[number]);
        latest.is_none_or(|latest| latest.job_version != self.nomad.jobs[job].version)
    }

    /// Whether the job has a deployment that is active, or is to have one in a moment.
    pub(super) fn is_deploying(&self, job: usize) -> bool {
        let is_due = |it: &SimEvaluation| it.job == job && it.course == Course::Pending && it.trigger.changes_job();
        let recent = self.nomad.evaluations.iter().rev().take_while(|it| it.created + EVALUATION_TAKES >= self.now);
        self.active_deployment(job).is_some()
            || self.plan.jobs[job].update.is_some() && self.is_undeployed(job) && recent.into_iter().any(is_due)
    }

    /// A new version changes counts and `meta`, so what runs goes on and is of the new version.
    fn update_in_place(&mut self, job: usize) {
        let version = self.nomad.jobs[job].version;
        for group in self.plan.jobs[job].groups.clone() {
            for allocation in self.nomad.groups[group].allocations.clone() {
                self.nomad.allocations[allocation].version = version;
                self.allocation_is_told(allocation, PLAN_RESULT);
            }
        }
    }

    /// What an evaluation could not place waits for room. An earlier one that waits has its place taken.
    fn leave_waiting(&mut self, number: usize, shortages: Vec<Shortage>) {
        let SimEvaluation { job, trigger, deployment, .. } = self.nomad.evaluations[number];
        let mut course = Course::Complete;
        let mut waiting = None;
        if !shortages.is_empty() {
            if trigger == Trigger::QueuedAllocations {
                (course, waiting) = (Course::Blocked, Some(number));
            } else {
                let next = self.make_evaluation(job, Trigger::QueuedAllocations, Course::Blocked);
                let it = &mut self.nomad.evaluations[next];
                (it.previous, it.deployment, it.shortages) = (Some(number), deployment, shortages.clone());
                self.publish_evaluation(next);
                self.nomad.evaluations[number].next = Some(next);
                waiting = Some(next);
            }
        }
        self.nomad.evaluations[number].shortages = shortages;
        self.evaluation_is(number, course);
        let before = match waiting {
            Some(waiting) => self.nomad.blocked.insert(job, waiting),
            None => self.nomad.blocked.remove(&job),
        };
        if let Some(before) = before.filter(|before| Some(*before) != waiting && *before != number) {
            self.evaluation_is(before, Course::Cancelled);
        }
    }

    fn evaluation_is(&mut self, number: usize, course: Course) {
        let index = self.nomad_changed(Topic::Evaluations);
        let it = &mut self.nomad.evaluations[number];
        (it.course, it.changed, it.modify_index) = (course, self.now, index);
        self.publish_evaluation(number);
    }

    /// There is room where there was none: what waits is tried again.
    pub(super) fn capacity_grew(&mut self) {
        for number in std::mem::take(&mut self.nomad.blocked).into_values() {
            self.evaluation_is(number, Course::Pending);
            self.schedule(self.now + EVALUATION_TAKES, Happening::Evaluate(number));
        }
    }
}
