//! A stand-in for Nomad: one region that places everything at once. It speaks as much of the API, in the recorded shapes,
//! as an autoscaler of jobs needs, and remembers who scaled what.

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

const NODE: &str = "08b03c90-4f15-337c-8e23-25a653aa66fe";
/// How long a deployment runs.
const DEPLOYS_FOR: Duration = Duration::from_millis(300);

/// A change of count that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scaled {
    pub(crate) job: String,
    pub(crate) count: u64,
    pub(crate) message: String,
}

/// A job of one group, `front`.
struct Job {
    count: u64,
    modify_index: u64,
    meta: Value,
    /// What each allocation uses, in MHz of the 1000 that it asks for.
    uses: f64,
    deployed: Option<(u64, Instant)>,
}

#[derive(Default)]
struct Cluster {
    index: u64,
    jobs: BTreeMap<String, Job>,
    scaled: Vec<Scaled>,
    calls: BTreeMap<String, u64>,
}

/// What the handlers share.
#[derive(Default)]
struct Shared {
    cluster: Mutex<Cluster>,
    changed: Notify,
}

/// A running stand-in.
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    port: u16,
    _runtime: tokio::runtime::Runtime,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        shared.cluster.lock().unwrap().index = 10;
        let port = free_port();
        let routes = Router::new()
            .route("/v1/jobs", get(jobs))
            .route("/v1/job/{id}", get(job))
            .route("/v1/job/{id}/deployment", get(latest_deployment))
            .route("/v1/job/{id}/scale", post(scale))
            .route("/v1/nodes", get(nodes))
            .route("/v1/node/{id}", get(node))
            .route("/v1/allocations", get(allocations))
            .route("/v1/client/allocation/{id}/stats", get(statistics))
            .route("/v1/deployments", get(deployments))
            .route("/v1/evaluation/{id}", get(evaluation))
            .layer(axum::middleware::from_fn_with_state(shared.clone(), count_call))
            .with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { shared, port, _runtime: runtime }
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
            let job = Job { count, modify_index: cluster.index, meta, uses, deployed: None };
            cluster.jobs.insert(id.to_owned(), job);
        });
    }

    /// What each allocation of a job uses from now on, in percent of its CPU.
    pub(crate) fn load(&self, id: &str, percent: f64) {
        self.shared.cluster.lock().unwrap().jobs.get_mut(id).unwrap().uses = percent * 10.0;
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

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.cluster.lock().unwrap();
        cluster.index += 1;
        let result = change(&mut cluster);
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

impl Job {
    fn page(&self, id: &str) -> Value {
        json!({
            "ID": id, "Name": id, "Namespace": "default", "Type": "service", "Stop": false, "ParentID": "",
            "Periodic": null, "ParameterizedJob": null, "JobModifyIndex": self.modify_index,
            "TaskGroups": [{
                "Name": "front", "Count": self.count, "Meta": self.meta, "EphemeralDisk": {"SizeMB": 10},
                "Tasks": [{"Name": "server", "Resources": {"CPU": 1000, "MemoryMB": 100}, "Lifecycle": null}],
            }],
        })
    }

    fn deployment(&self, id: &str) -> Option<Value> {
        let (index, began) = self.deployed?;
        let status = if began.elapsed() < DEPLOYS_FOR { "running" } else { "successful" };
        Some(json!({
            "ID": format!("d-{id}-{index}"), "JobID": id, "Namespace": "default", "Status": status,
            "JobModifyIndex": index, "JobSpecModifyIndex": index, "CreateIndex": index,
        }))
    }
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
    let node = json!({
        "ID": NODE, "Name": "tb1", "Status": "ready", "Drain": false, "SchedulingEligibility": "eligible", "ModifyIndex": 7,
    });
    shared.answer(&query, |_| json!([node])).await
}

async fn node(Path(id): Path<String>) -> Response {
    Json(json!({
        "ID": id, "Name": "tb1", "Status": "ready", "Drain": false, "SchedulingEligibility": "eligible", "ModifyIndex": 7,
        "HTTPAddr": "127.0.0.1:4646", "Attributes": {}, "Meta": {},
        "NodeResources": {"Cpu": {"CpuShares": 40000}, "Memory": {"MemoryMB": 64000}, "Disk": {"DiskMB": 90000}},
        "ReservedResources": {"Cpu": {"CpuShares": 0}, "Memory": {"MemoryMB": 0}, "Disk": {"DiskMB": 0}},
    }))
    .into_response()
}

async fn allocations(State(shared): Shares, Query(query): Queries) -> Response {
    shared
        .answer(&query, |cluster| {
            let of_job =
                |(id, job): (&String, &Job)| {
                    let id = id.clone();
                    (0..job.count).map(move |number| {
                    json!({
                        "ID": format!("a.{id}.{number}"), "JobID": id, "Namespace": "default", "JobType": "service",
                        "TaskGroup": "front", "NodeID": NODE, "DesiredStatus": "run", "ClientStatus": "running",
                        "AllocatedResources": {
                            "Tasks": {"server": {"Cpu": {"CpuShares": 1000}, "Memory": {"MemoryMB": 100}}},
                            "TaskLifecycles": {"server": null}, "Shared": {"DiskMB": 10},
                        },
                    })
                }).collect::<Vec<_>>()
                };
            cluster.jobs.iter().flat_map(of_job).collect()
        })
        .await
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
