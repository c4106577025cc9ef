//! Auto Scaling groups and their instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use replicator::domain::{Activity, ActivityId, ActivityStatus, InstanceId, InstanceState, Lifecycle, PoolSnapshot};

use super::nomad::number_of;
use super::{Happening, World};
use crate::kernel::time::Millis;
use crate::plan::Plan;

/// How soon a group acts on a difference between what it has and what it should have.
const RECONCILES_AFTER: Millis = Millis::secs(2);
/// How long a group waits after a launch that failed.
const RETRIES_AFTER: Millis = Millis::secs(60);
/// How long after a member's death its group notices.
const NOTICES_AFTER: Millis = Millis::secs(60);
/// How long an instance takes to shut down.
const SHUTDOWN_TAKES: Millis = Millis::secs(25);
/// How long an instance takes to be detached.
const DETACH_TAKES: Millis = Millis::secs(5);
/// How many activities a group remembers.
const ACTIVITIES: usize = 20;

/// The provider's tables.
pub(super) struct Cloud {
    pub(super) groups: Vec<SimPool>,
    pub(super) instances: Vec<SimInstance>,
    activities_made: usize,
}

pub(super) struct SimPool {
    pub(super) desired: u32,
    /// Members, by instance.
    pub(super) members: Vec<usize>,
    /// The newest first.
    pub(super) activities: Vec<SimActivity>,
    /// How many faults keep it from launching.
    pub(super) no_capacity: u32,
    /// How many faults keep what it launches from joining.
    pub(super) never_join: u32,
    /// How many faults are on each zone.
    pub(super) zones_down: BTreeMap<String, u32>,
    reconciling: bool,
    /// As it was last looked at, in which version of the world.
    pub(super) looked_at: Option<(u64, Arc<PoolSnapshot>)>,
    /// What somebody wrote on it, by key: a value, and whether instances that it launches get it, too.
    pub(super) tags: BTreeMap<String, (String, bool)>,
}

/// What a group did, or does.
pub(super) struct SimActivity {
    pub(super) activity: Activity,
    pub(super) ended: Option<Timestamp>,
}

pub(super) struct SimInstance {
    pub(super) id: InstanceId,
    pub(super) pool: usize,
    pub(super) zone: usize,
    pub(super) state: InstanceState,
    pub(super) lifecycle: Lifecycle,
    pub(super) protected: bool,
    pub(super) address: String,
    pub(super) node: Option<usize>,
    pub(super) launched: Millis,
    joins: bool,
    /// Whether an agent detached it, to terminate it next.
    pub(super) taken_out: bool,
    /// The activity that detaches or terminates it.
    leaves_by: Option<ActivityId>,
}

impl SimInstance {
    pub(super) fn runs(&self) -> bool {
        matches!(self.state, InstanceState::Pending | InstanceState::Running)
    }
}

impl Cloud {
    pub(super) fn new(plan: &Plan) -> Self {
        let group = |desired| SimPool {
            desired,
            members: Vec::new(),
            activities: Vec::new(),
            no_capacity: 0,
            never_join: 0,
            zones_down: BTreeMap::new(),
            reconciling: false,
            looked_at: None,
            tags: BTreeMap::new(),
        };
        Self {
            groups: plan.pools.iter().map(|pool| group(pool.nodes)).collect(),
            instances: Vec::new(),
            activities_made: 0,
        }
    }

    /// Whether the node of an instance can join now.
    pub(super) fn may_join(&self, instance: usize) -> bool {
        let it = &self.instances[instance];
        it.joins && it.runs() && it.node.is_none()
    }

    pub(super) fn find(&self, id: &InstanceId) -> Option<usize> {
        let number = id.as_str().strip_prefix("i-").and_then(number_of)?;
        self.instances.get(number).filter(|instance| instance.id == *id).map(|_| number)
    }

    /// Members that run, or are about to.
    pub(super) fn active(&self, pool: usize) -> usize {
        let counts =
            |member: &&usize| !matches!(self.instances[**member].lifecycle, Lifecycle::Detaching | Lifecycle::Standby);
        self.groups[pool].members.iter().filter(counts).count()
    }
}

impl World {
    pub(super) fn begin_activity(&mut self, pool: usize, status: ActivityStatus, message: String) -> ActivityId {
        self.cloud.activities_made += 1;
        let id = ActivityId::from(super::nomad::uuid(6, self.cloud.activities_made));
        let began = self.true_time();
        let ended = (status != ActivityStatus::InProgress).then_some(began);
        let activity = Activity { id: id.clone(), began, status, message };
        let activities = &mut self.cloud.groups[pool].activities;
        activities.insert(0, SimActivity { activity, ended });
        activities.truncate(ACTIVITIES);
        id
    }

    /// A member that is there from the start, its node joined.
    pub(super) fn start_with_instance(&mut self, pool: usize) {
        let instance = self.make_instance(pool);
        self.cloud.instances[instance].state = InstanceState::Running;
        self.cloud.instances[instance].lifecycle = Lifecycle::InService;
        self.node_joins(instance);
    }

    fn make_instance(&mut self, pool: usize) -> usize {
        let number = self.cloud.instances.len();
        let zone = self.emptiest_zone(pool);
        let joins = self.cloud.groups[pool].never_join == 0;
        self.cloud.instances.push(SimInstance {
            id: format!("i-{number:08x}{pool:09x}").into(),
            pool,
            zone,
            state: InstanceState::Pending,
            lifecycle: Lifecycle::Pending,
            protected: false,
            address: format!("10.{}.{}.{}", number / 65_536 % 256, number / 256 % 256, number % 256),
            node: None,
            launched: self.now,
            joins,
            taken_out: false,
            leaves_by: None,
        });
        self.cloud.groups[pool].members.push(number);
        number
    }

    /// The zone with the fewest members, among those that can launch.
    fn emptiest_zone(&self, pool: usize) -> usize {
        let group = &self.cloud.groups[pool];
        let zones = &self.plan.pools[pool].zones;
        let members =
            |zone: &usize| group.members.iter().filter(|member| self.cloud.instances[**member].zone == *zone).count();
        let up = |zone: &usize| !group.zones_down.contains_key(&zones[*zone]);
        (0..zones.len()).filter(up).min_by_key(members).unwrap_or(0)
    }

    pub(super) fn set_desired(&mut self, pool: usize, desired: u32) {
        self.touch();
        self.cloud.groups[pool].desired = desired;
        let name = self.plan.pools[pool].name.clone();
        self.note(|| format!("pool {name} shall have {desired}"));
        self.reconcile_pool_soon(pool, RECONCILES_AFTER);
    }

    fn reconcile_pool_soon(&mut self, pool: usize, after: Millis) {
        if !std::mem::replace(&mut self.cloud.groups[pool].reconciling, true) {
            self.schedule(self.now + after, Happening::GroupReconciles(pool));
        }
    }

    pub(super) fn reconcile_pool(&mut self, pool: usize) {
        self.cloud.groups[pool].reconciling = false;
        let desired = self.cloud.groups[pool].desired as usize;
        while self.cloud.active(pool) < desired {
            let group = &self.cloud.groups[pool];
            let all_zones_down = group.zones_down.len() >= self.plan.pools[pool].zones.len();
            if group.no_capacity > 0 || all_zones_down {
                let message = "We currently do not have sufficient capacity for the instance type you requested";
                self.begin_activity(pool, ActivityStatus::NoCapacity, message.to_owned());
                let name = self.plan.pools[pool].name.clone();
                self.note(|| format!("pool {name} could not launch: no capacity"));
                return self.reconcile_pool_soon(pool, RETRIES_AFTER);
            }
            self.launch(pool);
        }
        while self.cloud.active(pool) > desired {
            let Some(oldest) = self.oldest_unprotected(pool) else { return };
            self.kill_instance(oldest);
            self.forget_member(oldest);
        }
    }

    fn launch(&mut self, pool: usize) {
        let instance = self.make_instance(pool);
        let id = self.cloud.instances[instance].id.clone();
        self.begin_activity(pool, ActivityStatus::Successful, format!("Launching a new EC2 instance: {id}"));
        let name = self.plan.pools[pool].name.clone();
        self.note(|| format!("pool {name} launches {id}"));
        let (launch, boot) = (self.plan.pools[pool].launch, self.plan.pools[pool].boot);
        let in_service = self.now + launch.draw(&mut self.streams.boot[pool]);
        let joins = in_service + boot.draw(&mut self.streams.boot[pool]);
        self.schedule(in_service, Happening::InstanceInService(instance));
        self.schedule(joins, Happening::NodeJoins(instance));
    }

    fn oldest_unprotected(&self, pool: usize) -> Option<usize> {
        let may_go = |member: &&usize| {
            let instance = &self.cloud.instances[**member];
            !instance.protected && !matches!(instance.lifecycle, Lifecycle::Detaching | Lifecycle::Standby)
        };
        self.cloud.groups[pool].members.iter().find(may_go).copied()
    }

    pub(super) fn instance_in_service(&mut self, instance: usize) {
        let it = &mut self.cloud.instances[instance];
        if it.state == InstanceState::Pending {
            it.state = InstanceState::Running;
            it.lifecycle = Lifecycle::InService;
        }
    }

    /// An instance is terminated, by whomever: its client is gone at once, its group notices later.
    pub(super) fn kill_instance(&mut self, instance: usize) {
        self.touch();
        if !self.cloud.instances[instance].runs() {
            return;
        }
        self.cloud.instances[instance].state = InstanceState::ShuttingDown;
        let id = self.cloud.instances[instance].id.clone();
        self.note(|| format!("{id} shuts down"));
        if let Some(node) = self.cloud.instances[instance].node {
            self.client_dies(node);
        }
        self.schedule(self.now + SHUTDOWN_TAKES, Happening::InstanceGone(instance));
        self.schedule(self.now + NOTICES_AFTER, Happening::GroupNotices(instance));
    }

    pub(super) fn instance_gone(&mut self, instance: usize) {
        self.cloud.instances[instance].state = InstanceState::Terminated;
        self.end_activity(instance);
    }

    pub(super) fn group_notices(&mut self, instance: usize) {
        if self.forget_member(instance) {
            self.reconcile_pool_soon(self.cloud.instances[instance].pool, RECONCILES_AFTER);
        }
    }

    /// Whether it was a member.
    pub(super) fn forget_member(&mut self, instance: usize) -> bool {
        let members = &mut self.cloud.groups[self.cloud.instances[instance].pool].members;
        let before = members.len();
        members.retain(|member| *member != instance);
        self.cloud.instances[instance].lifecycle = Lifecycle::Other;
        members.len() < before
    }

    /// Begins to detach a member, and lowers the desired capacity at once.
    pub(super) fn detach_instance(&mut self, instance: usize) -> ActivityId {
        self.touch();
        let pool = self.cloud.instances[instance].pool;
        let id = self.cloud.instances[instance].id.clone();
        let activity = self.begin_activity(pool, ActivityStatus::InProgress, format!("Detaching EC2 instance: {id}"));
        let desired = self.cloud.groups[pool].desired.saturating_sub(1);
        self.cloud.groups[pool].desired = desired;
        self.cloud.instances[instance].lifecycle = Lifecycle::Detaching;
        self.cloud.instances[instance].leaves_by = Some(activity.clone());
        let name = self.plan.pools[pool].name.clone();
        self.note(|| format!("pool {name} detaches {id} and shall have {desired}"));
        self.schedule(self.now + DETACH_TAKES, Happening::InstanceDetached(instance));
        activity
    }

    pub(super) fn instance_detached(&mut self, instance: usize) {
        self.forget_member(instance);
        self.end_activity(instance);
    }

    /// Terminates a member at somebody's order; its place is filled again, or given up.
    pub(super) fn terminate_member(&mut self, instance: usize, gives_up_place: bool) -> ActivityId {
        let pool = self.cloud.instances[instance].pool;
        let id = self.cloud.instances[instance].id.clone();
        let message = format!("Terminating EC2 instance: {id}");
        let activity = self.begin_activity(pool, ActivityStatus::InProgress, message);
        if gives_up_place {
            self.cloud.groups[pool].desired = self.cloud.groups[pool].desired.saturating_sub(1);
        }
        self.kill_instance(instance);
        self.forget_member(instance);
        self.cloud.instances[instance].leaves_by = Some(activity.clone());
        self.reconcile_pool_soon(pool, RECONCILES_AFTER);
        activity
    }

    /// The activity that an instance leaves by is over.
    fn end_activity(&mut self, instance: usize) {
        let Some(by) = self.cloud.instances[instance].leaves_by.take() else { return };
        let (pool, now) = (self.cloud.instances[instance].pool, self.true_time());
        if let Some(it) = self.cloud.groups[pool].activities.iter_mut().find(|it| it.activity.id == by) {
            it.activity.status = ActivityStatus::Successful;
            it.ended = Some(now);
        }
    }
}
