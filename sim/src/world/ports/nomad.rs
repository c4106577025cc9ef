//! Nomad, as the core meets it here.

use std::collections::BTreeMap;
use std::sync::Arc;

use replicator::domain::{
    Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, Deployment, Evaluation, EvaluationId,
    EvaluationStatus, GroupKey, InstanceId, Job, JobKey, JobSummary, Node, NodeId, NodeSummary, Occupant,
};
use replicator::ports::{
    DRAIN_OPERATION, DrainOrder, ErrorKind, InTurn, Indexed, Nomad, PortError, ScaleAccepted, ScaleRequest, Service,
    StatsAnswer, Wait,
};

use super::super::Topic;
use super::super::World;
use super::super::evaluations::Course;
use super::super::evaluations::Trigger;
use super::super::nomad::number_of;
use super::super::orders::CountRefused;
use super::SimPorts;
use super::not_found;
use crate::judge::invariants::Act;
use crate::kernel::time::Millis;

impl Nomad for SimPorts {
    async fn is_led(&self) -> Result<(), PortError> {
        self.served(Service::Nomad, "ask who leads", |_| Ok(())).await
    }

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
            world.answer_statistics(id).map(|stats| AllocationStats::clone(&stats))
        })
        .await
    }

    async fn statistics(&self, of: &Arc<[Arc<Allocation>]>, in_turn: &impl InTurn) -> Arc<[StatsAnswer]> {
        // Calls that take time are made one by one, so that they wait for their places, and for one another.
        if self.way > Millis(0) {
            return in_turn.each(of, |allocation| self.allocation_stats(&allocation.id)).await.into();
        }
        let what = "read statistics";
        let led = self.survive(None, what).await;
        let answers = match self.call(Service::Nomad, what) {
            Ok(mut world) => {
                world.agents[self.agent].calls += (of.len() as u64).saturating_sub(1);
                world.answer_all_statistics(of)
            }
            Err(error) => of.iter().map(|_| Some(Err(error.clone()))).collect(),
        };
        self.survive(led, what).await;
        answers
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
