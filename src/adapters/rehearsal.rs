//! Ports that change nothing: what the core would do can be seen, and nothing comes of it. Reads go to the servers, leadership is
//! had for the asking, writes to states are only remembered, and whatever would change something elsewhere is refused.

use std::cell::Cell;
use std::sync::Arc;

use crate::domain::{
    Activity, ActivityId, Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, Deployment, Evaluation,
    EvaluationId, GroupKey, Instance, InstanceId, Job, JobKey, JobSummary, Node, NodeId, NodeSummary, Occupant,
    PoolSnapshot, PoolTarget, ProviderName, SessionId,
};
use crate::ports::{
    Cloud, Consul, Deletion, DrainOrder, ErrorKind, InTurn, Indexed, KvEntry, LockState, Nomad, Offer, PortError,
    Ports, ScaleAccepted, ScaleRequest, Service, SessionRequest, StatsAnswer, Wait, Write, WriteOutcome,
};

/// The session that leadership is had with.
const SESSION: &str = "rehearsal";
/// Indexes of writes begin here: beyond those of any server, so that no listing passes for a later word.
const FIRST_INDEX: u64 = 1 << 62;

/// Other ports, of which nothing is changed.
pub struct Rehearsal<P> {
    inner: P,
    index: Cell<u64>,
}

impl<P> Rehearsal<P> {
    /// Nothing will be changed of these.
    pub fn of(inner: P) -> Self {
        Self { inner, index: Cell::new(FIRST_INDEX) }
    }
}

fn refused<T>(service: Service, call: String) -> Result<T, PortError> {
    Err(PortError::new(service, call, ErrorKind::Denied, "nothing is changed here"))
}

impl<P: Ports> Ports for Rehearsal<P> {
    type Clock = P::Clock;
    type Nomad = Self;
    type Consul = Self;
    type Cloud = Self;

    fn clock(&self) -> &P::Clock {
        self.inner.clock()
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

impl<P: Ports> Nomad for Rehearsal<P> {
    async fn is_led(&self) -> Result<(), PortError> {
        self.inner.nomad().is_led().await
    }

    async fn jobs(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[JobSummary]>>, PortError> {
        self.inner.nomad().jobs(wait).await
    }

    async fn job(&self, key: &JobKey) -> Result<Arc<Job>, PortError> {
        self.inner.nomad().job(key).await
    }

    async fn nodes(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[NodeSummary]>>, PortError> {
        self.inner.nomad().nodes(wait).await
    }

    async fn node(&self, id: &NodeId) -> Result<Arc<Node>, PortError> {
        self.inner.nomad().node(id).await
    }

    async fn nodes_on(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError> {
        self.inner.nomad().nodes_on(instance).await
    }

    async fn allocations(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Arc<Allocation>]>>, PortError> {
        self.inner.nomad().allocations(wait).await
    }

    async fn occupants(&self, node: &NodeId) -> Result<Vec<Occupant>, PortError> {
        self.inner.nomad().occupants(node).await
    }

    async fn ailing(&self, group: &GroupKey) -> Result<Option<Ailing>, PortError> {
        self.inner.nomad().ailing(group).await
    }

    async fn blocked(&self) -> Result<Vec<BlockedWork>, PortError> {
        self.inner.nomad().blocked().await
    }

    async fn allocation_stats(&self, id: &AllocationId) -> Result<AllocationStats, PortError> {
        self.inner.nomad().allocation_stats(id).await
    }

    async fn statistics(&self, of: &Arc<[Arc<Allocation>]>, in_turn: &impl InTurn) -> Arc<[StatsAnswer]> {
        self.inner.nomad().statistics(of, in_turn).await
    }

    async fn deployments(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Deployment]>>, PortError> {
        self.inner.nomad().deployments(wait).await
    }

    async fn latest_deployment(&self, key: &JobKey) -> Result<Option<Deployment>, PortError> {
        self.inner.nomad().latest_deployment(key).await
    }

    async fn evaluation(&self, job: &JobKey, id: &EvaluationId) -> Result<Evaluation, PortError> {
        self.inner.nomad().evaluation(job, id).await
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError> {
        refused(Service::Nomad, format!("scale {}", request.group))
    }

    async fn drain(&self, order: &DrainOrder) -> Result<(), PortError> {
        refused(Service::Nomad, format!("drain node {}", order.node))
    }

    async fn cancel_drain(&self, node: &NodeId) -> Result<(), PortError> {
        refused(Service::Nomad, format!("call off the drain of node {node}"))
    }
}

impl<P: Ports> Consul for Rehearsal<P> {
    async fn create_session(&self, _: &SessionRequest) -> Result<SessionId, PortError> {
        Ok(SESSION.into())
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

    async fn lock(&self, _: &str, wait: Option<Wait>) -> Result<Indexed<LockState>, PortError> {
        if wait.is_some() {
            // Nobody will ever take it.
            std::future::pending::<()>().await;
        }
        Ok(Indexed { index: 1, value: LockState::Held(SESSION.into()) })
    }

    async fn list(&self, prefix: &str, wait: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError> {
        self.inner.consul().list(prefix, wait).await
    }

    async fn write(&self, _: &Write) -> Result<WriteOutcome, PortError> {
        let index = self.index.get() + 1;
        self.index.set(index);
        Ok(WriteOutcome::Written(index))
    }

    async fn delete(&self, _: &Deletion) -> Result<WriteOutcome, PortError> {
        Ok(WriteOutcome::Changed)
    }
}

impl<P: Ports> Cloud for Rehearsal<P> {
    fn offers(&self, provider: &ProviderName) -> Offer {
        self.inner.cloud().offers(provider)
    }

    async fn look(&self, target: &PoolTarget) -> Result<Arc<PoolSnapshot>, PortError> {
        self.inner.cloud().look(target).await
    }

    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        refused(Service::Cloud, format!("set the desired capacity of {target} to {to}"))
    }

    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        refused(Service::Cloud, format!("put the desired capacity of {target} back to {to}"))
    }

    async fn instances(&self, target: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        self.inner.cloud().instances(target, ids).await
    }

    async fn take_out(&self, _: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        refused(Service::Cloud, format!("take {instance} out"))
    }

    async fn let_go(&self, _: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        refused(Service::Cloud, format!("let {instance} go"))
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        self.inner.cloud().activities(target).await
    }

    async fn end(&self, _: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        refused(Service::Cloud, format!("terminate {instance}"))
    }
}
