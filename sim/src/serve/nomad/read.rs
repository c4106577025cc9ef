//! Nomad's pages: which request asks for which, and what a blocking query on it waits for.

use replicator::domain::JobKey;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::exchange::{Asked, Reply};
use super::choice::Choice;
use super::{check_id, clients, is_modern, job_key, namespace, stream, with_index};
use crate::world::api::{Extra, POOLS_INDEX, node_pool_page, node_pools_page};
use crate::world::{Topic, World};

/// The list of jobs tells what runs of each, so it changes with that.
const JOBS_LISTED: &[Topic] = &[Topic::Jobs, Topic::Allocations];
/// What a job's counts come to changes with its allocations; its index does not.
const JOBS: &[Topic] = &[Topic::Jobs];
/// That it proved stable is a change of a job, too, and comes with the end of its deployment.
const JOB: &[Topic] = &[Topic::Jobs, Topic::Deployments];
const NODES: &[Topic] = &[Topic::Nodes];
const ALLOCATIONS: &[Topic] = &[Topic::Allocations];
const DEPLOYMENTS: &[Topic] = &[Topic::Deployments];
const EVALUATIONS: &[Topic] = &[Topic::Evaluations];

pub(super) async fn page(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    match *path {
        ["jobs", "statuses"] if is_modern(shared) => statuses(shared, asked, &[]),
        ["job", ..] | ["jobs"] => of_jobs(shared, asked, path).await,
        ["node", "pool" | "pools", ..] if is_modern(shared) => of_pools(shared, asked, path).await,
        ["node", ..] | ["nodes"] => of_nodes(shared, asked, path).await,
        ["evaluation" | "deployment" | "evaluations" | "deployments", ..] => of_changes(shared, asked, path).await,
        ["scaling", ..] => of_scaling(shared, asked, path).await,
        ["allocations"] => {
            let (namespace, prefix, with) = (namespace(asked), asked.param("prefix"), extra(asked));
            let page = |world: &World| world.allocations_in(namespace, prefix, with);
            let whole = |world: &World, entry: &Value| world.allocation_page(entry["ID"].as_str()?);
            chosen(shared, asked, ALLOCATIONS, page, whole).await
        }
        ["allocation", id] => {
            check_id("alloc", id)?;
            one(shared, asked, ALLOCATIONS, "alloc not found", |world| world.allocation_page(id)).await
        }
        ["client", ..] => clients::page(shared, asked, path).await,
        ["event", "stream"] => stream::open(shared, asked),
        ["status" | "agent" | "regions" | "operator", ..] => of_servers(shared, path),
        _ => Err(not_modelled(path)),
    }
}

pub(super) fn not_modelled(path: &[&str]) -> Reply {
    Reply::not_modelled(&format!("GET /v1/{}", path.join("/")))
}

fn extra(asked: &Asked) -> Extra {
    Extra { resources: asked.is_set("resources"), task_states: asked.param("task_states") != "false" }
}

async fn of_jobs(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    const MISSING: &str = "job not found";
    let ["job", id, verb @ ..] = path else {
        let (namespace, prefix) = (namespace(asked), asked.param("prefix"));
        let whole = |world: &World, entry: &Value| {
            world.job_page(&JobKey { namespace: entry["Namespace"].as_str()?.into(), id: entry["ID"].as_str()?.into() })
        };
        return chosen(shared, asked, JOBS_LISTED, |world| world.jobs_page(namespace, prefix), whole).await;
    };
    let key = &job_key(asked, id);
    match verb {
        [] => {
            let index = |world: &World| {
                let page = world.job_page(key);
                page.and_then(|page| page["ModifyIndex"].as_u64()).unwrap_or_else(|| last_index(world, JOBS))
            };
            waited(shared, asked, JOB, index, |world| world.job_page(key).ok_or(MISSING)).await
        }
        ["summary"] => one(shared, asked, ALLOCATIONS, MISSING, |world| world.summary_page(key)).await,
        ["scale"] => {
            let index = |world: &World| world.scale_index(key);
            waited(shared, asked, JOB, index, |world| world.scale_page(key).ok_or(MISSING)).await
        }
        ["allocations"] => {
            // This list has no resources, whoever asks for them.
            let with = Extra { resources: false, ..extra(asked) };
            list(shared, asked, ALLOCATIONS, |world| world.job_allocations_page(key, with).into()).await
        }
        ["deployment"] => list(shared, asked, DEPLOYMENTS, |world| world.latest_deployment_page(key)).await,
        ["deployments"] => list(shared, asked, DEPLOYMENTS, |world| world.job_deployments_page(key).into()).await,
        ["evaluations"] => list(shared, asked, EVALUATIONS, |world| world.job_evaluations_page(key).into()).await,
        _ => Err(not_modelled(path)),
    }
}

async fn of_nodes(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    let ["node", id, verb @ ..] = path else {
        let (prefix, with) = (asked.param("prefix"), extra(asked));
        return chosen(shared, asked, NODES, |world| world.nodes_page(prefix, with), whole_node).await;
    };
    check_id("node", id)?;
    match verb {
        [] => one(shared, asked, NODES, "node not found", |world| world.node_page(id)).await,
        ["allocations"] => list(shared, asked, ALLOCATIONS, |world| world.node_allocations_page(id).into()).await,
        _ => Err(not_modelled(path)),
    }
}

/// What an expression about a node asks.
fn whole_node(world: &World, stub: &Value) -> Option<Value> {
    world.node_page(stub["ID"].as_str()?)
}

/// Node pools.
async fn of_pools(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    match *path {
        ["node", "pools"] => Ok(with_index(Reply::json(node_pools_page()), POOLS_INDEX)),
        ["node", "pool", name, ref verb @ ..] => {
            let Some(page) = node_pool_page(name) else {
                return Err(with_index(Reply::text(404, "node pool not found"), POOLS_INDEX));
            };
            match verb {
                [] => Ok(with_index(Reply::json(page), POOLS_INDEX)),
                ["nodes"] => {
                    let page = |world: &World| world.nodes_page("", extra(asked));
                    chosen(shared, asked, NODES, page, whole_node).await
                }
                _ => Err(not_modelled(path)),
            }
        }
        _ => Err(not_modelled(path)),
    }
}

/// `GET` and `POST /v1/jobs/statuses`: all jobs of a namespace, or those that are named.
pub(super) fn statuses(shared: &Shared, asked: &Asked, named: &[JobKey]) -> Result<Reply, Reply> {
    let world = shared.world.borrow();
    let all = world.statuses_page(namespace(asked), named);
    let (wanted, next) = Choice::read(asked, true)?.of(all, |_| None)?;
    let reply = with_index(Reply::json(wanted), last_index(&world, JOB));
    Ok(with_next(reply, next))
}

/// Evaluations and deployments.
async fn of_changes(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    let (namespace, prefix) = (namespace(asked), asked.param("prefix"));
    match *path {
        ["evaluations"] => {
            let page = |world: &World| world.evaluations_page(namespace, prefix);
            chosen(shared, asked, EVALUATIONS, page, |_, _| None).await
        }
        ["evaluations", "count"] if is_modern(shared) => {
            let world = shared.world.borrow();
            let all = world.evaluations_page(namespace, prefix);
            let (wanted, _) = Choice::read(asked, false)?.of(all, |_| None)?;
            let index = last_index(&world, EVALUATIONS);
            let page = json!({
                "Count": wanted.len(), "Index": index, "LastContact": 0, "KnownLeader": true, "NextToken": "",
            });
            Ok(with_index(Reply::json(page), index))
        }
        ["evaluation", id] => {
            check_id("eval", id)?;
            one(shared, asked, EVALUATIONS, "eval not found", |world| world.evaluation_page(id)).await
        }
        ["evaluation", id, "allocations"] => {
            list(shared, asked, ALLOCATIONS, |world| world.evaluation_allocations_page(id).into()).await
        }
        ["deployments"] => {
            let page = |world: &World| world.deployments_page(namespace, prefix);
            chosen(shared, asked, DEPLOYMENTS, page, |_, _| None).await
        }
        ["deployment", id] => {
            check_id("deployment", id)?;
            one(shared, asked, DEPLOYMENTS, "deployment not found", |world| world.deployment_page(id)).await
        }
        ["deployment", "allocations", id] => {
            list(shared, asked, ALLOCATIONS, |world| world.deployment_allocations_page(id).into()).await
        }
        _ => Err(not_modelled(path)),
    }
}

/// Policies stay as the scenario has them: who waits for one to change waits for as long as he likes.
async fn of_scaling(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    let page = |world: &World| match *path {
        ["scaling", "policies"] => {
            let (job, kind, prefix) = (asked.param("job"), asked.param("type"), asked.param("prefix"));
            Some(Ok(world.scaling_policies_page(namespace(asked), job, kind, prefix).into()))
        }
        ["scaling", "policy", id] => Some(world.scaling_policy_page(id).ok_or("policy not found")),
        _ => None,
    };
    if page(&shared.world.borrow()).is_none() {
        return Err(not_modelled(path));
    }
    waited(shared, asked, &[], World::scaling_policies_index, |world| page(world).unwrap_or(Err("policy not found")))
        .await
}

/// What the servers tell of themselves.
pub(super) fn of_servers(shared: &Shared, path: &[&str]) -> Result<Reply, Reply> {
    let address = shared.addresses.nomad;
    let (host, port) = (address.ip().to_string(), address.port());
    let rpc = "127.0.0.1:4647";
    let modern = is_modern(shared);
    let version = shared.options.nomad_version.release();
    let member = json!({
        "Name": "testbed.global", "Addr": host, "Port": 4648, "Status": "alive", "ProtocolMin": 1, "ProtocolMax": 5,
        "ProtocolCur": 2, "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4,
        "Tags": {
            "bootstrap": "1", "build": version, "dc": "dc1", "expect": "1", "id": "", "mvn": "1", "port": "4647",
            "raft_vsn": "2", "region": "global", "role": "nomad", "rpc_addr": host, "vsn": "1",
        },
    });
    let page = match *path {
        ["status", "leader"] => json!(rpc),
        ["status", "peers"] => json!([rpc]),
        ["regions"] => json!(["global"]),
        ["agent", "health"] => {
            let fine = json!({"message": "ok", "ok": true});
            if modern { json!({"server": fine}) } else { json!({"client": fine, "server": fine}) }
        }
        ["agent", "members"] => {
            json!({"Members": [member], "ServerDC": "dc1", "ServerName": "testbed", "ServerRegion": "global"})
        }
        ["agent", "self"] => json!({
            "config": {
                "ACL": {"Enabled": shared.options.nomad_token.is_some()}, "Datacenter": "dc1", "Region": "global",
                "NodeName": "testbed", "Ports": {"HTTP": port}, "Server": {"Enabled": true},
                "Version": {"Version": version, "Revision": "", "VersionPrerelease": "", "VersionMetadata": ""},
            },
            "member": member, "stats": {"nomad": {"leader": "true", "leader_addr": rpc, "known_regions": "1"}},
        }),
        ["operator", "scheduler", "configuration"] if modern => json!({
            "Index": 5, "KnownLeader": true, "LastContact": 0, "NextToken": "",
            "SchedulerConfig": {
                "CreateIndex": 5, "ModifyIndex": 5, "MemoryOversubscriptionEnabled": false,
                "NodeLimitForFeasibilityChecks": 0, "PauseEvalBroker": false, "RejectJobRegistration": false,
                "PreemptionConfig": {
                    "BatchSchedulerEnabled": false, "ServiceSchedulerEnabled": false,
                    "SysBatchSchedulerEnabled": false, "SystemSchedulerEnabled": false,
                },
                "SchedulerAlgorithm": "binpack",
            },
        }),
        ["operator", "scheduler", "configuration"] => json!({
            "Index": 5, "KnownLeader": true, "LastContact": 0,
            "SchedulerConfig": {
                "CreateIndex": 5, "ModifyIndex": 5, "MemoryOversubscriptionEnabled": false,
                "PreemptionConfig": {
                    "BatchSchedulerEnabled": false, "ServiceSchedulerEnabled": false, "SystemSchedulerEnabled": false,
                },
                "SchedulerAlgorithm": "binpack",
            },
        }),
        _ => return Err(not_modelled(path)),
    };
    let reply = Reply::json(page);
    Ok(if path[0] == "operator" { with_index(reply, 5) } else { reply })
}

/// A list whose entries can be chosen by what `whole` tells of each, in a version that can; every entry in one that cannot.
async fn chosen(
    shared: &Shared,
    asked: &Asked,
    topics: &[Topic],
    page: impl Fn(&World) -> Vec<Value>,
    whole: impl Fn(&World, &Value) -> Option<Value>,
) -> Result<Reply, Reply> {
    if !is_modern(shared) {
        return list(shared, asked, topics, |world| page(world).into()).await;
    }
    let choice = Choice::read(asked, topics == JOBS_LISTED)?;
    let index = |world: &World| last_index(world, topics);
    shared.blocking(asked, topics, index).await?;
    let world = shared.world.borrow();
    let (wanted, next) = choice.of(page(&world), |entry| whole(&world, entry))?;
    Ok(with_next(with_index(Reply::json(wanted), index(&world)), next))
}

/// With where a list goes on, if it does.
fn with_next(reply: Reply, next: Option<String>) -> Reply {
    match next {
        Some(token) => reply.with("x-nomad-nexttoken", token),
        None => reply,
    }
}

/// The index of the last change of these tables.
fn last_index(world: &World, topics: &[Topic]) -> u64 {
    topics.iter().map(|topic| world.nomad_index(*topic)).max().unwrap_or(0)
}

/// Something that is always there, if only as an empty list: its index is that of its tables.
async fn list(
    shared: &Shared,
    asked: &Asked,
    topics: &[Topic],
    page: impl Fn(&World) -> Value,
) -> Result<Reply, Reply> {
    waited(shared, asked, topics, |world| last_index(world, topics), |world| Ok(page(world))).await
}

/// Something that may not be there: its index is its own, and that of its table while it is not.
async fn one(
    shared: &Shared,
    asked: &Asked,
    topics: &[Topic],
    missing: &'static str,
    page: impl Fn(&World) -> Option<Value>,
) -> Result<Reply, Reply> {
    let own = |world: &World| page(world).and_then(|page| page["ModifyIndex"].as_u64());
    let index = |world: &World| own(world).unwrap_or_else(|| last_index(world, topics));
    waited(shared, asked, topics, index, |world| page(world).ok_or(missing)).await
}

/// A page, once its index has gone past the one that is known.
async fn waited(
    shared: &Shared,
    asked: &Asked,
    topics: &[Topic],
    index: impl Fn(&World) -> u64,
    page: impl Fn(&World) -> Result<Value, &'static str>,
) -> Result<Reply, Reply> {
    shared.blocking(asked, topics, &index).await?;
    let world = shared.world.borrow();
    let reply = page(&world).map_or_else(|missing| Reply::text(404, missing), Reply::json);
    Ok(with_index(reply, index(&world)))
}
