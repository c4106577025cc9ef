//! The four ports of the core, bound to the simulated world.

mod cloud;
mod consul;
mod nomad;

use std::cell::{RefCell, RefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use replicator::agent::{Event, Observer};
use replicator::domain::{Deployment, GroupKey, Monotonic, NodeId, PoolTarget};
use replicator::ports::{Clock, ErrorKind, Indexed, PortError, Ports, Service, Wait};

use super::nomad::number_of;
use super::{Happening, Topic, World};
use crate::judge::invariants::Act;
use crate::kernel::time::Millis;

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
            Until::new(&self.world, &[], until, |_: &World| false).await;
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
            Until::new(&self.world, &[topic], until, done).await;
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

/// Completes at a moment, or earlier when a condition holds that changes of some topics may bring about, or faults.
pub(crate) struct Until<'w, F> {
    world: &'w Rc<RefCell<World>>,
    topics: &'w [Topic],
    deadline: Millis,
    done: F,
    /// How often the topics had changed when the condition was last looked at, and who is woken when they change.
    looked: Option<(u64, Waker)>,
}

impl<'w, F: Fn(&World) -> bool> Until<'w, F> {
    pub(crate) fn new(world: &'w Rc<RefCell<World>>, topics: &'w [Topic], deadline: Millis, done: F) -> Self {
        Self { world, topics, deadline, done, looked: None }
    }
}

impl<F: Fn(&World) -> bool + Unpin> Future for Until<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.borrow_mut();
        if world.now >= self.deadline {
            return Poll::Ready(());
        }
        let revision = world.revision(self.topics);
        if let Some((looked, waker)) = &self.looked
            && *looked == revision
            && waker.will_wake(context.waker())
        {
            return Poll::Pending;
        }
        if (self.done)(&world) {
            return Poll::Ready(());
        }
        for topic in self.topics {
            world.await_change(*topic, context.waker());
        }
        if self.looked.is_none() {
            world.schedule(self.deadline, Happening::Wake(context.waker().clone()));
        }
        drop(world);
        self.looked = Some((revision, context.waker().clone()));
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
        Until::new(&self.world, &[], until, |_: &World| false).await;
    }
}

fn not_found(service: Service, what: &str) -> PortError {
    PortError::new(service, what, ErrorKind::NotFound, "there is no such thing")
}

impl World {
    pub(super) fn find_group(&self, key: &GroupKey) -> Option<usize> {
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
