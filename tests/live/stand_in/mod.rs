//! A stand-in for Nomad: one region that places everything at once. It speaks as much of the API, in the recorded shapes,
//! as an autoscaler of jobs needs, and remembers who scaled what.

mod cluster;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::free_port;
#[cfg(feature = "aws")]
use cluster::Node;
use cluster::{Cluster, DEPLOYS_FOR, Job};

/// A change of count that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scaled {
    pub(crate) job: String,
    pub(crate) count: u64,
    pub(crate) message: String,
}

/// What the handlers share.
#[derive(Default)]
struct Shared {
    cluster: Mutex<Cluster>,
    changed: Notify,
}

/// A running stand-in.
#[derive(Clone)]
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    port: u16,
    _runtime: Arc<tokio::runtime::Runtime>,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let port = free_port();
        let routes = Router::new()
            .route("/v1/jobs", get(jobs))
            .route("/v1/job/{id}", get(job))
            .route("/v1/job/{id}/deployment", get(latest_deployment))
            .route("/v1/job/{id}/scale", post(scale))
            .route("/v1/job/{id}/allocations", get(job_allocations))
            .route("/v1/nodes", get(nodes))
            .route("/v1/node/{id}", get(node))
            .route("/v1/node/{id}/allocations", get(occupants))
            .route("/v1/node/{id}/drain", post(drain))
            .route("/v1/allocations", get(allocations))
            .route("/v1/client/allocation/{id}/stats", get(statistics))
            .route("/v1/deployments", get(deployments))
            .route("/v1/evaluations", get(evaluations))
            .route("/v1/evaluation/{id}", get(evaluation))
            .layer(axum::middleware::from_fn_with_state(shared.clone(), count_call))
            .with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { shared, port, _runtime: Arc::new(runtime) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Registers a job, whose group has this count, policy and use.
    pub(crate) fn register(&self, id: &str, count: u64, policy: &[(&str, &str)], uses: f64) {
        let mut meta = json!({
            "replicator_enabled": "true", "replicator_min": "1", "replicator_max": "20",
            "replicator_scalein_cpu": "20", "replicator_scalein_mem": "90",
            "replicator_scaleout_cpu": "80", "replicator_scaleout_mem": "95",
            "replicator_cooldown": "1", "replicator_notification_uid": "REP1",
        });
        for (key, value) in policy {
            meta[format!("replicator_{key}")] = (*value).into();
        }
        self.change(|cluster| {
            let job = Job {
                count,
                modify_index: cluster.index,
                meta,
                uses,
                deployed: None,
                fails: false,
                allocations: Vec::new(),
            };
            cluster.jobs.insert(id.to_owned(), job);
        });
    }

    /// What each allocation of a job uses from now on, in percent of its CPU.
    pub(crate) fn load(&self, id: &str, percent: f64) {
        self.shared.cluster.lock().unwrap().jobs.get_mut(id).unwrap().uses = percent * 10.0;
    }

    /// From now on its deployments fail.
    pub(crate) fn fail(&self, id: &str) {
        self.change(|cluster| cluster.jobs.get_mut(id).unwrap().fails = true);
    }

    pub(crate) fn scaled(&self) -> Vec<Scaled> {
        self.shared.cluster.lock().unwrap().scaled.clone()
    }

    pub(crate) fn count(&self, id: &str) -> u64 {
        self.shared.cluster.lock().unwrap().jobs[id].count
    }

    /// How often each kind of call came, since this was last asked.
    pub(crate) fn take_calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.shared.cluster.lock().unwrap().calls)
    }

    /// The same, and leaves them.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.cluster.lock().unwrap().calls.clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        self.shared.change(change)
    }
}

/// What pools need.
#[cfg(feature = "aws")]
impl StandIn {
    /// Sets a job's count, as its owner would.
    pub(crate) fn set_count(&self, id: &str, count: u64) {
        self.change(|cluster| cluster.jobs.get_mut(id).unwrap().count = count);
    }

    /// A node joins, ready; one that is there already is up again.
    pub(crate) fn join(&self, id: &str, address: &str, meta: Value, attributes: Value) {
        self.change(|cluster| {
            let modify_index = cluster.index;
            let node = Node { meta, attributes, address: address.to_owned(), modify_index, ..Node::default() };
            cluster.nodes.insert(id.to_owned(), node);
        });
    }

    /// A node is not heard of any more.
    pub(crate) fn lose(&self, id: &str) {
        self.change(|cluster| {
            let index = cluster.index;
            if let Some(node) = cluster.nodes.get_mut(id) {
                (node.down, node.modify_index) = (true, index);
            }
        });
    }

    /// Drains of a node do not end from now on.
    pub(crate) fn cling(&self, id: &str) {
        self.change(|cluster| cluster.nodes.get_mut(id).unwrap().stuck = true);
    }

    /// The nodes that take work, but for the first.
    pub(crate) fn eligible(&self) -> Vec<String> {
        let cluster = self.shared.cluster.lock().unwrap();
        let heads = cluster.nodes.iter().filter(|(id, _)| *id != cluster::NODE).map(|(id, node)| (id, node.head(id)));
        heads
            .filter(|(_, head)| {
                head["Status"] == "ready" && head["Drain"] == false && head["SchedulingEligibility"] == "eligible"
            })
            .map(|(id, _)| id.clone())
            .collect()
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.cluster.lock().unwrap();
        cluster.index += 1;
        let result = change(&mut cluster);
        cluster.settle();
        drop(cluster);
        self.changed.notify_waiters();
        result
    }

    /// Waits, as a blocking query does, and answers.
    async fn answer(&self, query: &BTreeMap<String, String>, read: impl Fn(&Cluster) -> Value) -> Response {
        let past: u64 = query.get("index").and_then(|index| index.parse().ok()).unwrap_or(0);
        let wait = query.get("wait").and_then(|wait| wait.strip_suffix("ms")?.parse().ok()).unwrap_or(0);
        let until = tokio::time::Instant::now() + Duration::from_millis(wait);
        loop {
            let changed = self.changed.notified();
            {
                let cluster = self.cluster.lock().unwrap();
                if cluster.index > past || tokio::time::Instant::now() >= until {
                    let head = [
                        ("X-Nomad-Index", cluster.index.to_string()),
                        ("X-Nomad-KnownLeader", "true".to_owned()),
                        ("X-Nomad-LastContact", "0".to_owned()),
                    ];
                    return (head, Json(read(&cluster))).into_response();
                }
            }
            tokio::time::timeout_at(until, changed).await.ok();
        }
    }
}

type Shares = State<Arc<Shared>>;
type Queries = Query<BTreeMap<String, String>>;

async fn count_call(
    State(shared): Shares,
    uri: Uri,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let kind = match uri.path().split('/').collect::<Vec<_>>()[..] {
        [_, _, "client", ..] => "statistics".to_owned(),
        [_, _, kind, _, more] => format!("{kind}/{more}"),
        [_, _, kind, ..] => kind.to_owned(),
        _ => "?".to_owned(),
    };
    let kind =
        if uri.query().is_some_and(|query| query.contains("index=")) { format!("{kind} (blocking)") } else { kind };
    *shared.cluster.lock().unwrap().calls.entry(kind).or_default() += 1;
    next.run(request).await
}

async fn jobs(State(shared): Shares, Query(query): Queries) -> Response {
    shared
        .answer(&query, |cluster| {
            let stub = |(id, job): (&String, &Job)| {
                json!({
                    "ID": id, "Name": id, "Namespace": "default", "Type": "service", "Stop": false, "Periodic": false,
                    "ParameterizedJob": false, "JobModifyIndex": job.modify_index,
                })
            };
            cluster.jobs.iter().map(stub).collect()
        })
        .await
}

async fn job(State(shared): Shares, Path(id): Path<String>) -> Response {
    let page = shared.cluster.lock().unwrap().jobs.get(&id).map(|job| job.page(&id));
    page.map_or_else(|| (StatusCode::NOT_FOUND, "job not found").into_response(), |page| Json(page).into_response())
}

async fn latest_deployment(State(shared): Shares, Path(id): Path<String>) -> Response {
    let cluster = shared.cluster.lock().unwrap();
    Json(cluster.jobs.get(&id).and_then(|job| job.deployment(&id))).into_response()
}

async fn scale(State(shared): Shares, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let later = shared.clone();
    let answer = shared.change(|cluster| {
        let index = cluster.index;
        let Some(job) = cluster.jobs.get_mut(&id) else {
            return (StatusCode::NOT_FOUND, format!("job {id:?} not found")).into_response();
        };
        if job.deployment(&id).is_some_and(|it| it["Status"] == "running") {
            return (StatusCode::BAD_REQUEST, "job scaling blocked due to active deployment").into_response();
        }
        job.count = body["Count"].as_u64().unwrap();
        job.modify_index = index;
        job.deployed = Some((index, Instant::now()));
        let message = body["Message"].as_str().unwrap().to_owned();
        cluster.scaled.push(Scaled { job: id.clone(), count: body["Count"].as_u64().unwrap(), message });
        Json(json!({"EvalID": format!("e-{id}-{index}"), "EvalCreateIndex": index, "JobModifyIndex": index}))
            .into_response()
    });
    tokio::spawn(async move {
        tokio::time::sleep(DEPLOYS_FOR).await;
        later.change(|_| ());
    });
    answer
}

async fn nodes(State(shared): Shares, Query(query): Queries) -> Response {
    shared.answer(&query, |cluster| cluster.nodes.iter().map(|(id, node)| node.head(id)).collect()).await
}

async fn node(State(shared): Shares, Path(id): Path<String>) -> Response {
    let page = shared.cluster.lock().unwrap().nodes.get(&id).map(|node| node.page(&id));
    page.map_or_else(|| (StatusCode::NOT_FOUND, "node not found").into_response(), |page| Json(page).into_response())
}

async fn drain(State(shared): Shares, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let found = shared.change(|cluster| {
        let index = cluster.index;
        let node = cluster.nodes.get_mut(&id)?;
        node.draining = !body["DrainSpec"].is_null();
        node.ineligible = node.draining || !body["MarkEligible"].as_bool().unwrap();
        node.modify_index = index;
        Some(Json(json!({"NodeModifyIndex": index})))
    });
    found.map_or_else(
        || (StatusCode::INTERNAL_SERVER_ERROR, "node not found").into_response(),
        IntoResponse::into_response,
    )
}

async fn allocations(State(shared): Shares, Query(query): Queries) -> Response {
    shared.answer(&query, |cluster| cluster.jobs.iter().flat_map(|(id, job)| job.stubs(id)).collect()).await
}

async fn job_allocations(State(shared): Shares, Path(id): Path<String>) -> Response {
    let cluster = shared.cluster.lock().unwrap();
    Json(cluster.jobs.get(&id).map(|job| job.stubs(&id))).into_response()
}

/// Everything finds its place here, so that no evaluation waits.
async fn evaluations(State(shared): Shares, Query(query): Queries) -> Response {
    shared.answer(&query, |_| json!([])).await
}

async fn occupants(State(shared): Shares, Path(id): Path<String>) -> Response {
    let cluster = shared.cluster.lock().unwrap();
    let with_job = |(name, job): (&String, &cluster::Job)| {
        let page = job.page(name);
        let whole = |mut stub: Value| {
            stub["Job"] = page.clone();
            stub
        };
        job.stubs(name).into_iter().map(whole).collect::<Vec<_>>()
    };
    let pages: Vec<Value> = cluster.jobs.iter().flat_map(with_job).filter(|page| page["NodeID"] == *id).collect();
    Json(pages).into_response()
}

async fn statistics(State(shared): Shares, Path(id): Path<String>) -> Response {
    let job = id.strip_prefix("a.").and_then(|rest| rest.rsplit_once('.')).map(|(job, _)| job);
    let uses = job.and_then(|job| shared.cluster.lock().unwrap().jobs.get(job).map(|job| job.uses));
    let Some(uses) = uses else {
        return (StatusCode::NOT_FOUND, format!("Unknown allocation {id:?}")).into_response();
    };
    let usage = json!({
        "CpuStats": {"TotalTicks": uses, "Measured": ["Percent"]},
        "MemoryStats": {"RSS": 20_971_520, "Usage": 0, "Measured": ["RSS", "Swap"]},
    });
    Json(json!({"Tasks": {"server": {"ResourceUsage": usage}}})).into_response()
}

async fn deployments(State(shared): Shares, Query(query): Queries) -> Response {
    shared.answer(&query, |cluster| cluster.jobs.iter().filter_map(|(id, job)| job.deployment(id)).collect()).await
}

async fn evaluation(Path(id): Path<String>) -> Response {
    let deployment = id.replacen("e-", "d-", 1);
    Json(json!({"ID": id, "Status": "complete", "DeploymentID": deployment})).into_response()
}
