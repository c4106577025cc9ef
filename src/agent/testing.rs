//! A world for tests of the agent's pieces: answers are at hand, and calls are noted. Nothing of it ever waits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{
    Activity, ActivityId, Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, Deployment, Evaluation,
    EvaluationId, GroupKey, Instance, InstanceId, Job, JobKey, JobSummary, Monotonic, Node, NodeId, NodeSummary,
    Occupant, PoolSnapshot, PoolTarget, ProviderName, SessionId,
};
use crate::ports::{
    Clock, Cloud, Consul, Deletion, DrainOrder, ErrorKind, Indexed, KvEntry, LockState, Nomad, Offer, PortError, Ports,
    ScaleAccepted, ScaleRequest, Service, SessionRequest, Wait, Write, WriteOutcome,
};

/// A clock that is set by hand, in seconds.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    pub(crate) wall: Cell<i64>,
    pub(crate) monotonic: Cell<u64>,
}

impl Hands {
    pub(crate) fn at(wall: i64, monotonic: u64) -> Self {
        Self { wall: Cell::new(wall), monotonic: Cell::new(monotonic) }
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp::from_second(self.wall.get()).unwrap()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::at(Duration::from_secs(self.monotonic.get()))
    }

    /// Never comes: whoever waits in a test waits for ever.
    async fn sleep_until(&self, _: Monotonic) {
        std::future::pending::<()>().await;
    }
}

/// The servers, as a test sets them up.
#[derive(Default)]
pub(crate) struct Servers {
    pub(crate) clock: Hands,
    pub(crate) jobs: RefCell<BTreeMap<JobKey, Arc<Job>>>,
    pub(crate) nodes: RefCell<BTreeMap<NodeId, Arc<Node>>>,
    pub(crate) occupants: RefCell<BTreeMap<NodeId, Vec<Occupant>>>,
    pub(crate) blocked: RefCell<Vec<BlockedWork>>,
    pub(crate) deployment: RefCell<Option<Deployment>>,
    pub(crate) evaluations: RefCell<BTreeMap<EvaluationId, Evaluation>>,
    pub(crate) statistics: RefCell<BTreeMap<AllocationId, AllocationStats>>,
    pub(crate) ailing: RefCell<Option<Ailing>>,
    pub(crate) pool: RefCell<Option<PoolSnapshot>>,
    pub(crate) instances: RefCell<Vec<Instance>>,
    pub(crate) activities: RefCell<Vec<Activity>>,
    pub(crate) keys: RefCell<BTreeMap<String, (u64, Vec<u8>)>>,
    /// What the next write comes to instead.
    pub(crate) next_write: Cell<Option<WriteOutcome>>,
    /// What every call of Nomad's that reads fails with.
    pub(crate) nomad_fails: RefCell<Option<ErrorKind>>,
    /// What a change of count is refused with.
    pub(crate) scale_fails: RefCell<Option<(ErrorKind, String)>>,
    /// Every call that changes something, in words.
    pub(crate) acts: RefCell<Vec<String>>,
    /// The index of the last write.
    pub(crate) index: Cell<u64>,
}

impl Servers {
    fn note(&self, act: String) {
        self.acts.borrow_mut().push(act);
    }

    fn reads<T>(&self, call: &str, value: Option<T>) -> Result<T, PortError> {
        if let Some(kind) = *self.nomad_fails.borrow() {
            return Err(PortError::new(Service::Nomad, call, kind, "as the test wants it"));
        }
        value.ok_or_else(|| PortError::new(Service::Nomad, call, ErrorKind::NotFound, "there is no such thing"))
    }

    fn next_index(&self) -> u64 {
        self.index.set(self.index.get() + 1);
        self.index.get()
    }

    /// All keys, as a listing shows them.
    pub(crate) fn listing(&self) -> Indexed<Vec<KvEntry>> {
        let keys = self.keys.borrow();
        let entry = |(key, (modify_index, value)): (&String, &(u64, Vec<u8>))| KvEntry {
            key: key.clone(),
            value: value.clone(),
            modify_index: *modify_index,
        };
        Indexed { index: self.index.get().max(1), value: keys.iter().map(entry).collect() }
    }
}

impl Ports for Servers {
    type Clock = Hands;
    type Nomad = Self;
    type Consul = Self;
    type Cloud = Self;

    fn clock(&self) -> &Hands {
        &self.clock
    }

    fn nomad(&self) -> &Self {
        self
    }

    fn consul(&self) -> &Self {
        self
    }

    fn cloud(&self) -> &Self {
        self
    }
}

impl Nomad for Servers {
    async fn is_led(&self) -> Result<(), PortError> {
        self.reads("ask who leads", Some(()))
    }

    async fn jobs(&self, _: Option<Wait>) -> Result<Indexed<Arc<[JobSummary]>>, PortError> {
        let all = self.jobs.borrow().values().map(|job| job.summary.clone()).collect();
        self.reads("list jobs", Some(Indexed { index: 1, value: all }))
    }

    async fn job(&self, key: &JobKey) -> Result<Arc<Job>, PortError> {
        self.reads("read job", self.jobs.borrow().get(key).cloned())
    }

    async fn nodes(&self, _: Option<Wait>) -> Result<Indexed<Arc<[NodeSummary]>>, PortError> {
        let all = self.nodes.borrow().values().map(|node| node.summary.clone()).collect();
        self.reads("list nodes", Some(Indexed { index: 1, value: all }))
    }

    async fn node(&self, id: &NodeId) -> Result<Arc<Node>, PortError> {
        self.reads("read node", self.nodes.borrow().get(id).cloned())
    }

    async fn nodes_on(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError> {
        let nodes = self.nodes.borrow();
        let found = nodes.values().filter(|it| it.instance.as_ref() == Some(instance)).cloned().collect();
        self.reads("list nodes", Some(found))
    }

    async fn allocations(&self, _: Option<Wait>) -> Result<Indexed<Arc<[Arc<Allocation>]>>, PortError> {
        let all = self.occupants.borrow().values().flatten().map(|it| Arc::new(it.allocation.clone())).collect();
        self.reads("list allocations", Some(Indexed { index: 1, value: all }))
    }

    async fn occupants(&self, node: &NodeId) -> Result<Vec<Occupant>, PortError> {
        self.reads("list allocations of node", Some(self.occupants.borrow().get(node).cloned().unwrap_or_default()))
    }

    async fn blocked(&self) -> Result<Vec<BlockedWork>, PortError> {
        self.reads("list blocked evaluations", Some(self.blocked.borrow().clone()))
    }

    async fn ailing(&self, _: &GroupKey) -> Result<Option<Ailing>, PortError> {
        self.reads("list allocations of job", Some(self.ailing.borrow().clone()))
    }

    async fn allocation_stats(&self, id: &AllocationId) -> Result<AllocationStats, PortError> {
        self.reads("read statistics", self.statistics.borrow().get(id).cloned())
    }

    async fn deployments(&self, _: Option<Wait>) -> Result<Indexed<Arc<[Deployment]>>, PortError> {
        let all = self.deployment.borrow().iter().cloned().collect();
        self.reads("list deployments", Some(Indexed { index: 1, value: all }))
    }

    async fn latest_deployment(&self, _: &JobKey) -> Result<Option<Deployment>, PortError> {
        self.reads("read deployment", Some(self.deployment.borrow().clone()))
    }

    async fn evaluation(&self, _: &JobKey, id: &EvaluationId) -> Result<Evaluation, PortError> {
        self.reads("read evaluation", self.evaluations.borrow().get(id).cloned())
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError> {
        self.note(format!("scale {} to {}", request.group, request.count));
        if let Some((kind, words)) = self.scale_fails.borrow().clone() {
            return Err(PortError::new(Service::Nomad, "scale", kind, words));
        }
        Ok(ScaleAccepted { evaluation: "e1".into(), modify_index: request.modify_index + 1 })
    }

    async fn drain(&self, order: &DrainOrder) -> Result<(), PortError> {
        self.note(format!("drain {}", order.node));
        Ok(())
    }

    async fn cancel_drain(&self, node: &NodeId) -> Result<(), PortError> {
        self.note(format!("call off the drain of {node}"));
        Ok(())
    }
}

impl Consul for Servers {
    async fn create_session(&self, _: &SessionRequest) -> Result<SessionId, PortError> {
        Ok("s".into())
    }

    async fn renew_session(&self, _: &SessionId) -> Result<(), PortError> {
        Ok(())
    }

    async fn destroy_session(&self, _: &SessionId) -> Result<(), PortError> {
        Ok(())
    }

    async fn acquire(&self, _: &str, _: &SessionId) -> Result<bool, PortError> {
        Ok(true)
    }

    async fn release(&self, _: &str, _: &SessionId) -> Result<(), PortError> {
        Ok(())
    }

    async fn lock(&self, _: &str, _: Option<Wait>) -> Result<Indexed<LockState>, PortError> {
        Ok(Indexed { index: 1, value: LockState::Free })
    }

    async fn list(&self, _: &str, _: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError> {
        Ok(self.listing())
    }

    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError> {
        if let Some(outcome) = self.next_write.take() {
            return Ok(outcome);
        }
        let present = self.keys.borrow().get(&write.key).map_or(0, |(index, _)| *index);
        if present != write.expected_index {
            return Ok(WriteOutcome::Changed);
        }
        let index = self.next_index();
        self.keys.borrow_mut().insert(write.key.clone(), (index, write.value.clone()));
        for note in &write.notes {
            self.keys.borrow_mut().insert(note.key.clone(), (index, note.value.clone()));
        }
        Ok(WriteOutcome::Written(index))
    }

    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError> {
        self.keys.borrow_mut().remove(&deletion.key);
        Ok(WriteOutcome::Written(self.next_index()))
    }
}

impl Cloud for Servers {
    fn offers(&self, provider: &ProviderName) -> Offer {
        if provider.as_str() == "aws" { Offer::Yes } else { Offer::Unknown }
    }

    async fn look(&self, _: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        let found = self.pool.borrow().clone().map(Arc::new);
        found.ok_or_else(|| PortError::new(Service::Cloud, "look", ErrorKind::NotFound, "there is no such group"))
    }

    async fn grow(&self, _: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.note(format!("grow to {to}"));
        Ok(())
    }

    async fn ungrow(&self, _: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.note(format!("put back to {to}"));
        Ok(())
    }

    async fn instances(&self, _: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        Ok(self.instances.borrow().iter().filter(|instance| ids.contains(&instance.id)).cloned().collect())
    }

    async fn take_out(&self, _: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.note(format!("take out {instance}"));
        Ok(None)
    }

    async fn let_go(&self, _: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.note(format!("let go {instance}"));
        Ok(None)
    }

    async fn activities(&self, _: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        Ok(self.activities.borrow().clone())
    }

    async fn end(&self, _: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        self.note(format!("end {instance}"));
        Ok(())
    }
}

/// Hears what a term tells.
#[derive(Default)]
pub(crate) struct Heard(pub(crate) RefCell<Vec<super::Event>>);

impl super::Observer for Heard {
    fn observe(&self, _: Timestamp, event: &super::Event) {
        self.0.borrow_mut().push(event.clone());
    }
}

impl Heard {
    /// All that was told, in words.
    pub(crate) fn words(&self) -> Vec<String> {
        self.0.borrow().iter().map(ToString::to_string).collect()
    }
}

/// A term of leadership on these servers that has just begun.
pub(super) fn with_term<T>(servers: &Servers, test: impl FnOnce(&super::term::Term<'_, Servers, Heard>) -> T) -> T {
    with_heard_term(servers, &Heard::default(), test)
}

/// The same, heard.
pub(super) fn with_heard_term<T>(
    servers: &Servers,
    heard: &Heard,
    test: impl FnOnce(&super::term::Term<'_, Servers, Heard>) -> T,
) -> T {
    let config = RefCell::new(super::AgentConfig::named("agent-0"));
    let elapsed = RefCell::default();
    let won = super::lead::Won { session: "s".into(), renewed: servers.clock.monotonic() };
    let lease = super::lead::Lease::from(won.renewed);
    let sight = Cell::default();
    test(&super::term::Term::new(servers, heard, &config, &elapsed, (&won, &lease), &sight))
}

/// The result of something that waits for nothing.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}
