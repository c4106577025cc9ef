//! The four ports of the core, bound to the simulated world.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use jiff::Timestamp;
use replicator::agent::{Event, Observer};
use replicator::domain::{
    Activity, ActivityId, Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, ClientStatus, Deployment,
    Evaluation, EvaluationId, EvaluationStatus, GroupKey, Instance, InstanceId, InstanceState, Job, JobKey, JobSummary,
    Lifecycle, Monotonic, Node, NodeId, NodeSummary, Occupant, PoolInstance, PoolSnapshot, PoolTarget, ProviderName,
    SessionId,
};
use replicator::ports::{
    Clock, Cloud, Consul, DRAIN_OPERATION, Deletion, DrainOrder, ErrorKind, Indexed, KvEntry, LockState, Nomad, Offer,
    PortError, Ports, ScaleAccepted, ScaleRequest, Service, SessionRequest, Wait, Write, WriteOutcome,
};

use super::evaluations::{Course, Trigger};
use super::nomad::number_of;
use super::orders::CountRefused;
use super::{Happening, Topic, World};
use crate::invariants::{Act, Termination};
use crate::keys::state_root;
use crate::time::Millis;

/// The ports of one agent.
pub struct SimPorts {
    world: Rc<RefCell<World>>,
    agent: usize,
    /// How long a call takes to get there, and its answer to get back.
    way: Millis,
}

/// Takes what one agent tells.
pub struct SimObserver {
    world: Rc<RefCell<World>>,
    agent: usize,
}

impl SimPorts {
    pub(crate) fn new(world: Rc<RefCell<World>>, agent: usize) -> Self {
        let way = Millis(world.borrow().plan.agents.call_takes.0 / 2);
        Self { world, agent, way }
    }

    pub(crate) fn observer(&self) -> SimObserver {
        SimObserver { world: self.world.clone(), agent: self.agent }
    }

    /// The world, for one call on a service that may be out.
    fn call(&self, service: Service, what: &str) -> Result<RefMut<'_, World>, PortError> {
        let mut world = self.world.borrow_mut();
        world.agents[self.agent].calls += 1;
        if world.is_out(service) {
            Err(PortError::new(service, what, ErrorKind::Unreachable, "no answer"))
        } else {
            Ok(world)
        }
    }

    /// A call: it travels there, takes effect, and its answer travels back. Whoever gives up in between knows nothing.
    async fn served<T>(
        &self,
        service: Service,
        what: &'static str,
        serve: impl FnOnce(&mut World) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        self.travel().await;
        let led = self.survive(None, what).await;
        let answer = self.call(service, what).and_then(|mut world| serve(&mut world));
        self.survive(led, what).await;
        self.travel().await;
        answer
    }

    /// Goes on, unless the agent is killed here: right before a call, or right after it took effect. The number of the
    /// call, where the agent leads.
    async fn survive(&self, led: Option<u64>, what: &'static str) -> Option<u64> {
        let (number, dies) = self.world.borrow_mut().pass_call(self.agent, led, what);
        if dies {
            // Whoever drives the world drops the agent before it is polled again.
            std::future::pending::<()>().await;
        }
        number
    }

    /// Half the time of a call.
    async fn travel(&self) {
        if self.way > Millis(0) {
            let until = self.world.borrow().now + self.way;
            Until { world: &self.world, topics: &[], deadline: until, done: |_: &World| false, timer_set: false }.await;
        }
    }

    /// Waits until a topic's index has moved, the wait is over, or the service is out; then reads.
    async fn blocking<T>(
        &self,
        service: Service,
        what: &'static str,
        topic: Topic,
        wait: Option<Wait>,
        index: impl Fn(&World) -> u64,
        read: impl FnOnce(&mut World) -> T,
    ) -> Result<Indexed<T>, PortError> {
        self.travel().await;
        let led = self.survive(None, what).await;
        drop(self.call(service, what)?);
        if let Some(wait) = wait {
            let until = self.world.borrow().now + Millis::from(wait.at_most);
            let done = |world: &World| index(world) != wait.past || world.is_out(service);
            Until { world: &self.world, topics: &[topic], deadline: until, done, timer_set: false }.await;
        }
        let answer = self.call(service, what).map(|mut world| {
            let value = read(&mut world);
            Indexed { index: index(&world), value }
        });
        self.survive(led, what).await;
        self.travel().await;
        answer
    }
}

/// Completes at a moment, or earlier when a condition holds that changes of a topic may bring about.
pub(crate) struct Until<'w, F> {
    pub(crate) world: &'w Rc<RefCell<World>>,
    pub(crate) topics: &'w [Topic],
    pub(crate) deadline: Millis,
    pub(crate) done: F,
    pub(crate) timer_set: bool,
}

impl<F: Fn(&World) -> bool + Unpin> Future for Until<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.borrow_mut();
        if world.now >= self.deadline || (self.done)(&world) {
            return Poll::Ready(());
        }
        for topic in self.topics {
            world.await_change(*topic, context.waker());
        }
        let set = self.timer_set;
        if !set {
            world.schedule(self.deadline, Happening::Wake(context.waker().clone()));
        }
        drop(world);
        self.timer_set = true;
        Poll::Pending
    }
}

impl Observer for SimObserver {
    fn observe(&self, _: Timestamp, event: &Event) {
        self.world.borrow_mut().hear(self.agent, event);
    }
}

impl Ports for SimPorts {
    type Clock = Self;
    type Nomad = Self;
    type Consul = Self;
    type Cloud = Self;

    fn clock(&self) -> &Self {
        self
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

impl Clock for SimPorts {
    fn wall(&self) -> Timestamp {
        self.world.borrow().wall(self.agent)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::at(self.world.borrow().now.into())
    }

    async fn sleep_until(&self, deadline: Monotonic) {
        let until = Millis::from(deadline.since_start());
        Until { world: &self.world, topics: &[], deadline: until, done: |_: &World| false, timer_set: false }.await;
    }
}

fn not_found(service: Service, what: &str) -> PortError {
    PortError::new(service, what, ErrorKind::NotFound, "there is no such thing")
}

impl Nomad for SimPorts {
    async fn jobs(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[JobSummary]>>, PortError> {
        let read = |world: &mut World| {
            let listed = world.nomad.lists.jobs.take();
            let list = listed.unwrap_or_else(|| (0..world.plan.jobs.len()).map(|job| world.job_summary(job)).collect());
            world.nomad.lists.jobs.insert(list).clone()
        };
        self.blocking(Service::Nomad, "list jobs", Topic::Jobs, wait, |world| world.nomad.indexes.jobs, read).await
    }

    async fn job(&self, key: &JobKey) -> Result<Arc<Job>, PortError> {
        self.served(Service::Nomad, "read job", |world| {
            let job = world.job_number(key).ok_or_else(|| not_found(Service::Nomad, "read job"))?;
            Ok(world.job_detail(job))
        })
        .await
    }

    async fn nodes(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[NodeSummary]>>, PortError> {
        let read = |world: &mut World| {
            let listed = world.nomad.lists.nodes.take();
            let list =
                listed.unwrap_or_else(|| (0..world.nomad.nodes.len()).map(|node| world.node_summary(node)).collect());
            world.nomad.lists.nodes.insert(list).clone()
        };
        self.blocking(Service::Nomad, "list nodes", Topic::Nodes, wait, |world| world.nomad.indexes.nodes, read).await
    }

    async fn node(&self, id: &NodeId) -> Result<Arc<Node>, PortError> {
        self.served(Service::Nomad, "read node", |world| {
            let node = world.find_node(id).ok_or_else(|| not_found(Service::Nomad, "read node"))?;
            Ok(Arc::new(world.node_detail(node)))
        })
        .await
    }

    async fn nodes_on(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError> {
        self.served(Service::Nomad, "list nodes", |world| {
            let found = world.cloud.instances.iter().find(|it| it.id == *instance).and_then(|it| it.node);
            Ok(found.into_iter().map(|node| Arc::new(world.node_detail(node))).collect())
        })
        .await
    }

    async fn allocations(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Arc<Allocation>]>>, PortError> {
        let read = |world: &mut World| {
            let list = world.nomad.lists.allocations.take().unwrap_or_else(|| {
                let live: Vec<usize> = world.nomad.live.iter().copied().collect();
                live.into_iter().map(|allocation| world.listed_allocation(allocation)).collect()
            });
            world.nomad.lists.allocations.insert(list).clone()
        };
        let index = |world: &World| world.nomad.indexes.allocations;
        self.blocking(Service::Nomad, "list allocations", Topic::Allocations, wait, index, read).await
    }

    async fn occupants(&self, node: &NodeId) -> Result<Vec<Occupant>, PortError> {
        self.served(Service::Nomad, "read allocations of node", |world| {
            let Some(node) = world.find_node(node) else { return Ok(Vec::new()) };
            let there: Vec<usize> = world.nomad.nodes[node].allocations.iter().copied().collect();
            let occupant = |world: &mut World, number: usize| Occupant {
                allocation: (*world.listed_allocation(number)).clone(),
                needs: world.needs_of(world.nomad.allocations[number].group),
            };
            let lingering: Vec<usize> = world.nomad.nodes[node].lingering.iter().copied().collect();
            let mut occupants: Vec<Occupant> = there.into_iter().map(|number| occupant(world, number)).collect();
            for number in lingering {
                let mut left = occupant(world, number);
                left.allocation.lingers = true;
                occupants.push(left);
            }
            Ok(occupants)
        })
        .await
    }

    async fn ailing(&self, _: &GroupKey) -> Result<Option<Ailing>, PortError> {
        // Allocations here always start, where there is room.
        self.served(Service::Nomad, "read allocations of job", |_| Ok(None)).await
    }

    async fn blocked(&self) -> Result<Vec<BlockedWork>, PortError> {
        self.served(Service::Nomad, "list blocked evaluations", |world| Ok(world.blocked_work())).await
    }

    async fn allocation_stats(&self, id: &AllocationId) -> Result<AllocationStats, PortError> {
        self.served(Service::Nomad, "read statistics", |world| {
            let number = number_of(id.as_str()).filter(|number| *number < world.nomad.allocations.len());
            let number = number.ok_or_else(|| not_found(Service::Nomad, "read statistics"))?;
            let it = &world.nomad.allocations[number];
            let reachable = world.client_answers(it.node) && world.outages.statistics[it.group] == 0;
            if !reachable || it.client != ClientStatus::Running {
                let message = "the client does not answer";
                return Err(PortError::new(Service::Nomad, "read statistics", ErrorKind::Unreachable, message));
            }
            Ok(world.statistics(number))
        })
        .await
    }

    async fn deployments(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Deployment]>>, PortError> {
        let read = |world: &mut World| {
            let listed = world.nomad.lists.deployments.take();
            let list = listed.unwrap_or_else(|| {
                // Older ones are collected as garbage.
                let latest = world.nomad.jobs.iter().filter_map(|job| job.deployment);
                latest.map(|number| world.deployment(number)).collect()
            });
            world.nomad.lists.deployments.insert(list).clone()
        };
        let index = |world: &World| world.nomad.indexes.deployments;
        self.blocking(Service::Nomad, "list deployments", Topic::Deployments, wait, index, read).await
    }

    async fn latest_deployment(&self, key: &JobKey) -> Result<Option<Deployment>, PortError> {
        self.served(Service::Nomad, "read deployment", |world| {
            let number = world.job_number(key).and_then(|job| world.nomad.jobs[job].deployment);
            Ok(number.map(|number| world.deployment(number)))
        })
        .await
    }

    async fn evaluation(&self, _: &JobKey, id: &EvaluationId) -> Result<Evaluation, PortError> {
        self.served(Service::Nomad, "read evaluation", |world| {
            let found = number_of(id.as_str()).and_then(|number| world.nomad.evaluations.get(number));
            let it = found.ok_or_else(|| not_found(Service::Nomad, "read evaluation"))?;
            let status = match it.course {
                Course::Pending | Course::Blocked => EvaluationStatus::Pending,
                Course::Complete => EvaluationStatus::Complete,
                Course::Cancelled => EvaluationStatus::Cancelled,
            };
            Ok(Evaluation {
                id: it.id.clone(),
                status,
                deployment: it.deployment.map(|number| world.nomad.deployments[number].id.clone()),
                modified: None,
            })
        })
        .await
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError> {
        self.served(Service::Nomad, "scale", |world| {
            let group = world.find_group(&request.group).ok_or_else(|| not_found(Service::Nomad, "scale"))?;
            let job = world.plan.groups[group].job;
            let conflict = |message: &str| PortError::new(Service::Nomad, "scale", ErrorKind::Conflict, message);
            if world.nomad.jobs[job].modify_index != request.modify_index {
                return Err(conflict("the job changed meanwhile"));
            }
            if world.active_deployment(job).is_some() {
                return Err(conflict(&CountRefused::Deploying.to_words(request.count)));
            }
            world.check_bounds(group, request.count).map_err(|refused| {
                let words = refused.to_words(request.count);
                PortError::new(Service::Nomad, "scale", ErrorKind::Refused, words)
            })?;
            let from = world.nomad.groups[group].count;
            let act = Act::Scale { agent: self.agent, group: &request.group, from, to: request.count };
            world.act_as_leader(self.agent, &act);
            let modify_index = world.set_count(group, request.count);
            let evaluation = world.evaluate_soon(job, Trigger::Scaling);
            Ok(ScaleAccepted { evaluation: world.nomad.evaluations[evaluation].id.clone(), modify_index })
        })
        .await
    }

    async fn drain(&self, order: &DrainOrder) -> Result<(), PortError> {
        self.served(Service::Nomad, "drain", |world| {
            let number = world.find_node(&order.node).ok_or_else(|| not_found(Service::Nomad, "drain"))?;
            let pool = world.plan.pools[world.nomad.nodes[number].pool].name.clone();
            let own_node = world.agents[self.agent].allocation.map(|own| world.nomad.allocations[own].node);
            let act = Act::Drain { agent: self.agent, pool: &pool, own: own_node == Some(number) };
            world.act_as_leader(self.agent, &act);
            world.nomad.nodes[number].drained_by_agent = true;
            world.start_drain(number, BTreeMap::from([(DRAIN_OPERATION.to_owned(), order.operation.clone())]));
            Ok(())
        })
        .await
    }

    async fn cancel_drain(&self, node: &NodeId) -> Result<(), PortError> {
        self.served(Service::Nomad, "call off drain", |world| {
            let number = world.find_node(node).ok_or_else(|| not_found(Service::Nomad, "call off drain"))?;
            let pool = world.plan.pools[world.nomad.nodes[number].pool].name.clone();
            world.act_as_leader(self.agent, &Act::Other { agent: self.agent, pool: &pool });
            world.cancel_drain(number);
            Ok(())
        })
        .await
    }
}

impl Consul for SimPorts {
    async fn create_session(&self, request: &SessionRequest) -> Result<SessionId, PortError> {
        self.served(Service::Consul, "create session", |world| Ok(world.create_session(self.agent, request))).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.served(Service::Consul, "renew session", |world| {
            world.renew_session(session).then_some(()).ok_or_else(|| not_found(Service::Consul, "renew session"))
        })
        .await
    }

    async fn destroy_session(&self, session: &SessionId) -> Result<(), PortError> {
        self.served(Service::Consul, "destroy session", |world| {
            world.destroy_session(session);
            Ok(())
        })
        .await
    }

    async fn acquire(&self, key: &str, session: &SessionId) -> Result<bool, PortError> {
        let invalid = || PortError::new(Service::Consul, "acquire lock", ErrorKind::Other, "invalid session");
        self.served(Service::Consul, "acquire lock", |world| world.acquire(key, session).ok_or_else(invalid)).await
    }

    async fn release(&self, key: &str, session: &SessionId) -> Result<(), PortError> {
        self.served(Service::Consul, "release lock", |world| {
            world.release(key, session);
            Ok(())
        })
        .await
    }

    async fn lock(&self, key: &str, wait: Option<Wait>) -> Result<Indexed<LockState>, PortError> {
        let index = |world: &World| world.consul.key_index(key);
        let read = |world: &mut World| world.consul.lock_state(key);
        self.blocking(Service::Consul, "read lock", Topic::Consul, wait, index, read).await
    }

    async fn list(&self, prefix: &str, wait: Option<Wait>) -> Result<Indexed<Vec<KvEntry>>, PortError> {
        let index = |world: &World| world.consul.prefix_index(prefix);
        let read = |world: &mut World| {
            if state_root().starts_with(prefix) {
                world.act(&Act::ReadStates { agent: self.agent });
            }
            world.consul.list(prefix)
        };
        self.blocking(Service::Consul, "list keys", Topic::Consul, wait, index, read).await
    }

    async fn write(&self, write: &Write) -> Result<WriteOutcome, PortError> {
        self.served(Service::Consul, "write key", |world| Ok(world.write(self.agent, write))).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<WriteOutcome, PortError> {
        self.served(Service::Consul, "delete key", |world| Ok(world.delete(deletion))).await
    }
}

/// What a desired capacity is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// More instances.
    New,
    /// What was asked for before is not wanted any more.
    TakenBack,
}

/// What becomes of an instance that is detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is terminated next.
    Ended,
    /// Somebody will look into it.
    Kept,
}

impl SimPorts {
    /// Sets a pool's desired capacity.
    async fn set_desired(&self, target: &PoolTarget, to: u32, wish: Wish) -> Result<(), PortError> {
        self.served(Service::Cloud, "set desired capacity", |world| {
            let pool = world.find_pool(target).ok_or_else(|| not_found(Service::Cloud, "set desired capacity"))?;
            let from = world.cloud.groups[pool].desired;
            let undoes = wish == Wish::TakenBack;
            let act = Act::SetDesired { agent: self.agent, pool: &target.name, from, to, undoes };
            world.act_as_leader(self.agent, &act);
            world.set_desired(pool, to);
            Ok(())
        })
        .await
    }

    /// Detaches an instance.
    async fn detach(
        &self,
        target: &PoolTarget,
        instance: &InstanceId,
        fate: Fate,
    ) -> Result<Option<ActivityId>, PortError> {
        self.served(Service::Cloud, "detach instance", |world| {
            let number = world.cloud.find(instance).ok_or_else(|| not_found(Service::Cloud, "detach instance"))?;
            let it = &world.cloud.instances[number];
            let is_member = world.cloud.groups[it.pool].members.contains(&number);
            if !is_member || it.lifecycle == Lifecycle::Detaching {
                let message = "the instance is not part of the group";
                return Err(PortError::new(Service::Cloud, "detach instance", ErrorKind::Conflict, message));
            }
            let from = world.cloud.groups[it.pool].desired;
            let undoes = fate == Fate::Kept;
            let least = world.plan.pools[it.pool].min;
            // As AWS has it. What an agent asks for is judged all the same, but where it was told a lie about the bounds.
            let refused = !undoes && from <= least;
            if !refused || world.tells_the_truth() {
                let act = Act::Detach { agent: self.agent, pool: &target.name, from, undoes };
                world.act_as_leader(self.agent, &act);
            }
            if refused {
                let message = format!("the group wants {from} members, and its minimum is {least}");
                return Err(PortError::new(Service::Cloud, "detach instance", ErrorKind::Refused, message));
            }
            world.cloud.instances[number].taken_out = fate == Fate::Ended;
            Ok(Some(world.detach_instance(number)))
        })
        .await
    }
}

impl Cloud for SimPorts {
    fn offers(&self, provider: &ProviderName) -> Offer {
        let known = self.world.borrow().plan.pools.iter().any(|pool| pool.policy.target.provider == *provider);
        if known { Offer::Yes } else { Offer::Unknown }
    }

    async fn look(&self, target: &PoolTarget) -> Result<PoolSnapshot, PortError> {
        self.served(Service::Cloud, "describe group", |world| {
            let pool = world.find_pool(target).ok_or_else(|| not_found(Service::Cloud, "describe group"))?;
            let (plan, group) = (&world.plan.pools[pool], &world.cloud.groups[pool]);
            let member = |instance: &usize| {
                let it = &world.cloud.instances[*instance];
                PoolInstance {
                    id: it.id.clone(),
                    lifecycle: it.lifecycle,
                    protected: it.protected,
                    zone: plan.zones.get(it.zone).cloned(),
                }
            };
            Ok(PoolSnapshot {
                min: plan.min,
                max: plan.max,
                desired: group.desired,
                instances: group.members.iter().map(member).collect(),
                suspended: Vec::new(),
                weighted: plan.weighted,
                overhaul: None,
            })
        })
        .await
    }

    async fn grow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.set_desired(target, to, Wish::New).await
    }

    async fn ungrow(&self, target: &PoolTarget, to: u32) -> Result<(), PortError> {
        self.set_desired(target, to, Wish::TakenBack).await
    }

    async fn instances(&self, _: &PoolTarget, ids: &[InstanceId]) -> Result<Vec<Instance>, PortError> {
        self.served(Service::Cloud, "describe instances", |world| {
            let instance = |id: &InstanceId| {
                let it = &world.cloud.instances[world.cloud.find(id)?];
                Some(Instance { id: it.id.clone(), state: it.state, addresses: vec![it.address.clone()] })
            };
            Ok(ids.iter().filter_map(instance).collect())
        })
        .await
    }

    async fn take_out(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.detach(target, instance, Fate::Ended).await
    }

    async fn let_go(&self, target: &PoolTarget, instance: &InstanceId) -> Result<Option<ActivityId>, PortError> {
        self.detach(target, instance, Fate::Kept).await
    }

    async fn activities(&self, target: &PoolTarget) -> Result<Vec<Activity>, PortError> {
        self.served(Service::Cloud, "describe activities", |world| {
            let pool = world.find_pool(target).ok_or_else(|| not_found(Service::Cloud, "describe activities"))?;
            Ok(world.cloud.groups[pool].activities.iter().map(|it| it.activity.clone()).collect())
        })
        .await
    }

    async fn end(&self, target: &PoolTarget, instance: &InstanceId) -> Result<(), PortError> {
        self.served(Service::Cloud, "terminate instance", |world| {
            let number = world.cloud.find(instance).ok_or_else(|| not_found(Service::Cloud, "terminate instance"))?;
            let again = !matches!(world.cloud.instances[number].state, InstanceState::Pending | InstanceState::Running);
            let migratable = world.migratable_on(number);
            let it = &world.cloud.instances[number];
            let member = world.cloud.groups[it.pool].members.contains(&number) && it.lifecycle != Lifecycle::Detaching;
            let (agent, pool) = (self.agent, &target.name);
            let act = Act::Terminate(Termination { agent, pool, instance, again, member, migratable });
            world.act_as_leader(self.agent, &act);
            world.kill_instance(number);
            Ok(())
        })
        .await
    }
}

impl World {
    pub(super) fn find_group(&self, key: &replicator::domain::GroupKey) -> Option<usize> {
        self.plan.groups.iter().position(|group| group.key == *key)
    }

    fn find_node(&self, id: &NodeId) -> Option<usize> {
        number_of(id.as_str()).filter(|number| *number < self.nomad.nodes.len())
    }

    fn find_pool(&self, target: &PoolTarget) -> Option<usize> {
        self.plan.pools.iter().position(|pool| pool.policy.target == *target)
    }

    fn deployment(&self, number: usize) -> Deployment {
        let it = &self.nomad.deployments[number];
        Deployment {
            id: it.id.clone(),
            job: self.plan.jobs[it.job].key.clone(),
            job_modify_index: it.job_modify_index,
            create_index: it.create_index,
            status: it.status,
            hang: None,
        }
    }

    /// How many allocations of services live on an instance's node: they could still be migrated, or end by themselves.
    fn migratable_on(&self, instance: usize) -> usize {
        let Some(node) = self.cloud.instances[instance].node else { return 0 };
        let is_service = |allocation: &&usize| {
            let group = self.nomad.allocations[**allocation].group;
            self.plan.jobs[self.plan.groups[group].job].kind == replicator::domain::JobKind::Service
        };
        if self.nomad.nodes[node].alive {
            let it = &self.nomad.nodes[node];
            it.allocations.iter().chain(&it.lingering).filter(is_service).count()
        } else {
            0
        }
    }

    /// Checks an act of an agent, and that nobody else leads.
    fn act_as_leader(&mut self, agent: usize, act: &Act<'_>) {
        let leader = self.leader_session().cloned();
        let of_another = |slot: &super::AgentSlot| slot.session == leader;
        let other = leader.is_some() && self.agents[agent].session != leader;
        if other {
            let holder = self.agents.iter().position(of_another);
            self.act(&Act::WhileAnotherLeads { agent, leader: holder });
        }
        self.act(act);
    }
}
