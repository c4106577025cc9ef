//! Nomad's HTTP API, as the core's port wants it. Versions 0.8 to today: old servers have no scale call and other
//! resource shapes.
//!
//! - `wire`: the JSON, translated; `resources`: what nodes offer and allocations take, in both shapes; `amount`: numbers
//!   from outside.
//! - `named`: what is listed and makes no sense.
//! - `nodes`: lists of nodes, of which the server chooses.
//! - `refusal`: what a server means when it refuses.
//! - `scale`: changing a group's count.
//! - `namespaces`: allocations of all namespaces, where the server lists them.
//! - `blocked`: work that could not be placed.
//! - `legacy`: resources of allocations where a list does not bring them.
//! - `ailing`: why an allocation does not run, for people.

mod ailing;
mod amount;
mod blocked;
mod legacy;
mod named;
mod namespaces;
mod nodes;
mod refusal;
mod resources;
mod scale;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use super::http::{Answer, ConnectError, Endpoint, Http, Request};
use crate::domain::{
    Ailing, Allocation, AllocationId, AllocationStats, BlockedWork, Deployment, Evaluation, EvaluationId, GroupKey,
    InstanceId, Job, JobKey, JobSummary, Namespace, Node, NodeId, NodeSummary, Occupant,
};
use crate::ports::{
    DRAIN_OPERATION, DrainOrder, ErrorKind, Indexed, Nomad, PortError, ScaleAccepted, ScaleRequest, Service, Wait,
};
use refusal::kind_of;

/// How to reach Nomad, and which part of it.
#[derive(Debug, Clone)]
pub struct NomadSettings {
    /// The server or agent.
    pub endpoint: Endpoint,
    /// The region; that of the server where there is none.
    pub region: Option<String>,
    /// The namespace, several with commas between them, or `*` for all; the default one where there is none.
    pub namespace: Option<String>,
}

/// A client of Nomad.
pub struct NomadClient {
    session: RefCell<Rc<Session>>,
    /// Whether the server has a scale call; unknown until one was tried.
    can_scale: Cell<Option<bool>>,
    /// What allocations take, where lists do not tell.
    legacy: RefCell<legacy::Known>,
    /// What was listed and made no sense.
    named: named::Named,
}

/// One connection with what every call carries.
struct Session {
    http: Http,
    region: Option<String>,
    namespace: Option<String>,
    /// The namespaces whose jobs are looked at, where they are several of all.
    several: Option<BTreeSet<Namespace>>,
    /// Whether the server lists the allocations of all namespaces when asked to; unknown until its answers told.
    lists_all: Cell<Option<bool>>,
    /// Whether it is known to list the evaluations of all namespaces, which servers came to do later.
    evaluates_all: Cell<bool>,
    /// Whether the server may choose nodes by a filter: until it refuses one. Servers before 1.3 list all, whatever they are
    /// given.
    chooses_nodes: Cell<bool>,
}

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consistency {
    /// What the leader knows.
    Leader,
    /// What any server knows, if it is in touch with its leader. For what is watched: it is a moment old in any case.
    Stale,
}

impl NomadClient {
    /// A client with these settings.
    ///
    /// # Errors
    ///
    /// When a certificate, a key or the token is of no use.
    pub fn new(settings: NomadSettings) -> Result<Self, ConnectError> {
        let session = RefCell::new(Rc::new(Session::new(settings)?));
        Ok(Self { session, can_scale: Cell::new(None), legacy: RefCell::default(), named: named::Named::default() })
    }

    /// Makes later calls with other settings. Calls under way go on with those that they began with.
    ///
    /// # Errors
    ///
    /// When a certificate, a key or the token is of no use; the old settings stay then.
    pub fn reconnect(&self, settings: NomadSettings) -> Result<(), ConnectError> {
        self.session.replace(Rc::new(Session::new(settings)?));
        self.can_scale.set(None);
        self.legacy.borrow_mut().clear();
        Ok(())
    }

    fn session(&self) -> Rc<Session> {
        self.session.borrow().clone()
    }

    /// A list, which a blocking query may follow. An empty one is only believed of the leader: a server that lost its
    /// state, or has not caught up yet, knows of nothing too.
    async fn list(&self, what: &str, wait: Option<Wait>) -> Result<(Answer, Rc<Session>), PortError> {
        let session = self.session();
        let request = |freshness| session.get(&["v1", what], format!("list {what}"), None, freshness);
        let answer = believed_list(wait, request).await?;
        Ok((answer, session))
    }
}

/// A list, asked for by `request`: of any server, and, where that one lists nothing, of the leader.
async fn believed_list<'s>(
    wait: Option<Wait>,
    request: impl Fn(Consistency) -> Request<'s>,
) -> Result<Answer, PortError> {
    let answer = request(Consistency::Stale).wait(wait).send().await?;
    if answer.is_empty_list() { request(Consistency::Leader).send().await } else { Ok(answer) }
}

impl Session {
    fn new(settings: NomadSettings) -> Result<Self, ConnectError> {
        let http = Http::new(Service::Nomad, &settings.endpoint, "x-nomad-token")?;
        let several = settings.namespace.as_deref().and_then(namespaces::several);
        // A list is asked for as a part of all.
        let is_list = settings.namespace.as_ref().is_some_and(|name| name.contains(','));
        let namespace = if is_list { Some(namespaces::ALL.to_owned()) } else { settings.namespace };
        Ok(Self {
            http,
            region: settings.region,
            namespace,
            several,
            lists_all: Cell::new(None),
            evaluates_all: Cell::new(false),
            chooses_nodes: Cell::new(true),
        })
    }

    fn request(&self, method: Method, path: &[&str], call: String, namespace: Option<&Namespace>) -> Request<'_> {
        let namespace = namespace.map(Namespace::as_str).or(self.namespace.as_deref());
        let request = self.http.request(method, path, call, kind_of);
        request.query_some("region", self.region.as_deref()).query_some("namespace", namespace)
    }

    fn get(&self, path: &[&str], call: String, namespace: Option<&Namespace>, consistency: Consistency) -> Request<'_> {
        let request = self.request(Method::GET, path, call, namespace);
        if consistency == Consistency::Stale { request.query("stale", "") } else { request }
    }

    /// The namespace of what old servers list without one.
    fn default_namespace(&self) -> Namespace {
        let named = self.namespace.as_deref().filter(|name| *name != "*");
        Namespace::from(named.unwrap_or(Namespace::DEFAULT))
    }
}

impl Nomad for NomadClient {
    async fn is_led(&self) -> Result<(), PortError> {
        let session = self.session();
        let path = ["v1", "status", "leader"];
        let answer = session.get(&path, "ask who leads".to_owned(), None, Consistency::Leader).send().await?;
        let leader: String = answer.json()?;
        let nobody = || answer.error(ErrorKind::Unreachable, "no server leads".to_owned());
        if leader.is_empty() { Err(nobody()) } else { Ok(()) }
    }

    async fn jobs(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[JobSummary]>>, PortError> {
        let (answer, session) = self.list("jobs", wait).await?;
        let mut jobs =
            wire::each(&answer, &self.named, |stub: wire::JobStub| stub.into_summary(&session.default_namespace()))?;
        if let Some(several) = &session.several {
            jobs.retain(|job| several.contains(&job.key.namespace));
        }
        Ok(Indexed { index: answer.index(), value: jobs.into() })
    }

    async fn job(&self, key: &JobKey) -> Result<Arc<Job>, PortError> {
        let answer = self.session().read_job(key).await?;
        let job: wire::Job = answer.json()?;
        job.into_domain(key).map(Arc::new).map_err(|problem| answer.error(ErrorKind::Other, problem))
    }

    async fn nodes(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[NodeSummary]>>, PortError> {
        let session = self.session();
        let answer = session.list_nodes(wait).await?;
        let nodes = wire::each(&answer, &self.named, wire::NodeHead::into_summary)?;
        Ok(Indexed { index: answer.index(), value: nodes.into() })
    }

    async fn node(&self, id: &NodeId) -> Result<Arc<Node>, PortError> {
        self.session().read_node(id).await
    }

    async fn nodes_on(&self, instance: &InstanceId) -> Result<Vec<Arc<Node>>, PortError> {
        self.nodes_on_instance(instance).await
    }

    async fn allocations(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Arc<Allocation>]>>, PortError> {
        let session = self.session();
        let (index, answer) = self.list_allocations(&session, wait).await?;
        let stubs = wire::stubs(&answer)?;
        let list = self.with_resources(&session, &answer, stubs).await?;
        Ok(Indexed { index, value: list.into() })
    }

    async fn occupants(&self, node: &NodeId) -> Result<Vec<Occupant>, PortError> {
        let session = self.session();
        let path = ["v1", "node", node.as_str(), "allocations"];
        let call = format!("list allocations of node {node}");
        let answer = session.get(&path, call, None, Consistency::Leader).send().await?;
        let default = session.default_namespace();
        let mut occupants = Vec::new();
        // Entry by entry: one that makes no sense makes the whole answer useless, since the node would look emptier.
        for entry in answer.json::<Vec<serde_json::Value>>()? {
            let page = serde_json::from_value::<wire::AllocationPage>(entry).map_err(|error| error.to_string());
            let occupant = page.and_then(|page| page.into_occupant(node, &default));
            let Some((occupant, problem)) = occupant.map_err(|problem| answer.error(ErrorKind::Other, problem))? else {
                continue;
            };
            if let Some(problem) = problem {
                self.named.doubtful(answer.call(), &problem);
            }
            occupants.push(occupant);
        }
        Ok(occupants)
    }

    async fn ailing(&self, group: &GroupKey) -> Result<Option<Ailing>, PortError> {
        self.ailing_of(group).await
    }

    async fn blocked(&self) -> Result<Vec<BlockedWork>, PortError> {
        self.blocked_work().await
    }

    async fn allocation_stats(&self, id: &AllocationId) -> Result<AllocationStats, PortError> {
        let session = self.session();
        let path = ["v1", "client", "allocation", id.as_str(), "stats"];
        let call = format!("read statistics of allocation {id}");
        let answer = session.get(&path, call, None, Consistency::Leader).last().send().await?;
        Ok(answer.json::<wire::Statistics>()?.into())
    }

    async fn deployments(&self, wait: Option<Wait>) -> Result<Indexed<Arc<[Deployment]>>, PortError> {
        let (answer, _) = self.list("deployments", wait).await?;
        let deployments = wire::each(&answer, &self.named, wire::Deployment::into_domain)?;
        Ok(Indexed { index: answer.index(), value: deployments.into() })
    }

    async fn latest_deployment(&self, key: &JobKey) -> Result<Option<Deployment>, PortError> {
        self.session().latest_deployment(key).await
    }

    async fn evaluation(&self, job: &JobKey, id: &EvaluationId) -> Result<Evaluation, PortError> {
        let session = self.session();
        let path = ["v1", "evaluation", id.as_str()];
        let call = format!("read evaluation {id} of {job}");
        let answer = session.get(&path, call, Some(&job.namespace), Consistency::Leader).send().await?;
        let evaluation: wire::Evaluation = answer.json()?;
        evaluation.into_domain().map_err(|problem| answer.error(ErrorKind::Other, problem))
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<ScaleAccepted, PortError> {
        self.scale_group(request).await
    }

    async fn drain(&self, order: &DrainOrder) -> Result<(), PortError> {
        let DrainOrder { node, operation, agent, message } = order;
        // Deadline 0 is none; system jobs are drained too, after the others. Servers before 1.1 ignore the meta; `message`
        // is the key that Nomad's own tool and pages use.
        let spec = json!({
            "DrainSpec": { "Deadline": 0, "IgnoreSystemJobs": false },
            "MarkEligible": false,
            "Meta": { "message": message, DRAIN_OPERATION: operation, "replicator_agent": agent },
        });
        self.session().set_drain(node, format!("drain node {node}"), &spec).await
    }

    async fn cancel_drain(&self, node: &NodeId) -> Result<(), PortError> {
        let spec = json!({ "DrainSpec": null, "MarkEligible": true });
        self.session().set_drain(node, format!("call off the drain of node {node}"), &spec).await
    }
}

impl Session {
    async fn read_job(&self, key: &JobKey) -> Result<Answer, PortError> {
        let path = ["v1", "job", key.id.as_str()];
        self.get(&path, format!("read job {key}"), Some(&key.namespace), Consistency::Leader).send().await
    }

    async fn latest_deployment(&self, key: &JobKey) -> Result<Option<Deployment>, PortError> {
        let path = ["v1", "job", key.id.as_str(), "deployment"];
        let call = format!("read latest deployment of {key}");
        let answer = self.get(&path, call, Some(&key.namespace), Consistency::Leader).send().await?;
        let found: Option<wire::Deployment> = answer.json()?;
        found.map(wire::Deployment::into_domain).transpose().map_err(|problem| answer.error(ErrorKind::Other, problem))
    }

    async fn set_drain(&self, node: &NodeId, call: String, spec: &serde_json::Value) -> Result<(), PortError> {
        let path = ["v1", "node", node.as_str(), "drain"];
        self.request(Method::POST, &path, call, None).json(spec)?.send().await?;
        Ok(())
    }
}
