//! Nomad's API, version 1.1.

use hyper::Method;
use replicator::domain::{Eligibility, JobKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::exchange::{Asked, Reply};
use crate::world::api::{Extra, NodeChange, ScaleOrder, ScaleRefused};
use crate::world::{Topic, World};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScaleBody {
    count: Option<i64>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    group: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DrainBody {
    #[serde(default)]
    drain_spec: Option<Value>,
    #[serde(default)]
    mark_eligible: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EligibilityBody {
    #[serde(default)]
    eligibility: String,
}

/// Answers one request.
pub(super) async fn answer(shared: &Shared, asked: &Asked) -> Reply {
    let given = asked.header("x-nomad-token");
    let bearer = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    if let Some(token) = &shared.options.nomad_token
        && given != token
        && bearer != token
    {
        return Reply::text(403, if given.is_empty() { "Permission denied" } else { "ACL token not found" });
    }
    route(shared, asked).await.unwrap_or_else(|reply| reply)
}

async fn route(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    let path = asked.segments();
    let Some((&"v1", path)) = path.split_first() else { return Err(Reply::text(404, "")) };
    let key = |id: &str| JobKey { namespace: namespace(asked).into(), id: id.into() };
    if asked.method == Method::GET {
        return read(shared, asked, path).await;
    }
    if asked.method != Method::PUT && asked.method != Method::POST {
        return Err(Reply::text(405, "Invalid method"));
    }
    match path {
        ["job", id, "scale"] => scale(shared, &key(id), &asked.json()?),
        ["node", id, "drain"] => {
            let body: DrainBody = asked.json()?;
            let drains = body.drain_spec.is_some_and(|spec| !spec.is_null());
            let change = if drains { NodeChange::Drain } else { NodeChange::CallOff { eligible: body.mark_eligible } };
            change_node(shared, id, change)
        }
        ["node", id, "eligibility"] => match asked.json::<EligibilityBody>()?.eligibility.as_str() {
            "eligible" => change_node(shared, id, NodeChange::Eligibility(Eligibility::Eligible)),
            "ineligible" => change_node(shared, id, NodeChange::Eligibility(Eligibility::Ineligible)),
            other => Err(Reply::text(500, format!("invalid scheduling eligibility {other:?}"))),
        },
        _ => Err(Reply::not_modelled(&format!("{} /v1/{}", asked.method, path.join("/")))),
    }
}

fn namespace(asked: &Asked) -> &str {
    match asked.param("namespace") {
        "" => "default",
        named => named,
    }
}

async fn read(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    let (prefix, namespace) = (asked.param("prefix"), namespace(asked));
    let key = |id: &str| JobKey { namespace: namespace.into(), id: id.into() };
    let with = Extra { resources: asked.is_set("resources"), task_states: asked.param("task_states") != "false" };
    match *path {
        ["jobs"] => list(shared, asked, Topic::Jobs, |world| world.jobs_page(namespace, prefix).into()).await,
        ["nodes"] => list(shared, asked, Topic::Nodes, |world| world.nodes_page(prefix).into()).await,
        ["allocations"] => {
            list(shared, asked, Topic::Allocations, |world| world.allocations_in(namespace, prefix, with).into()).await
        }
        ["deployments"] => {
            list(shared, asked, Topic::Deployments, |world| world.deployments_page(namespace).into()).await
        }
        ["job", id] => one(shared, asked, Topic::Jobs, "job not found", |world| world.job_page(&key(id))).await,
        ["job", id, "summary"] => {
            one(shared, asked, Topic::Allocations, "job not found", |world| world.summary_page(&key(id))).await
        }
        ["job", id, "scale"] => {
            one(shared, asked, Topic::Jobs, "job not found", |world| world.scale_page(&key(id))).await
        }
        ["job", id, "allocations"] => {
            list(shared, asked, Topic::Allocations, |world| world.job_allocations_page(&key(id), with).into()).await
        }
        ["job", id, "deployment"] => {
            list(shared, asked, Topic::Deployments, |world| world.latest_deployment_page(&key(id))).await
        }
        ["job", id, "deployments"] => {
            list(shared, asked, Topic::Deployments, |world| world.job_deployments_page(&key(id)).into()).await
        }
        ["job", id, "evaluations"] => {
            list(shared, asked, Topic::Jobs, |world| world.job_evaluations_page(&key(id)).into()).await
        }
        ["node", id] => {
            check_id("node", id)?;
            one(shared, asked, Topic::Nodes, "node not found", |world| world.node_page(id)).await
        }
        ["node", id, "allocations"] => {
            list(shared, asked, Topic::Allocations, |world| world.node_allocations_page(id).into()).await
        }
        ["allocation", id] => {
            check_id("alloc", id)?;
            one(shared, asked, Topic::Allocations, "alloc not found", |world| world.allocation_page(id)).await
        }
        ["client", "allocation", id, "stats"] => {
            check_id("alloc", id)?;
            let page = shared.world().statistics_page(id);
            page.map(|page| Reply::json(&page)).ok_or_else(|| Reply::text(404, format!("Unknown allocation {id:?}")))
        }
        ["deployment", id] => {
            check_id("deployment", id)?;
            one(shared, asked, Topic::Deployments, "deployment not found", |world| world.deployment_page(id)).await
        }
        ["evaluation", id] => {
            check_id("eval", id)?;
            one(shared, asked, Topic::Jobs, "eval not found", |world| world.evaluation_page(id)).await
        }
        ["evaluation", id, "allocations"] => {
            list(shared, asked, Topic::Allocations, |world| world.evaluation_allocations_page(id).into()).await
        }
        ["deployment", "allocations", id] => {
            list(shared, asked, Topic::Allocations, |world| world.deployment_allocations_page(id).into()).await
        }
        ["status", "leader"] => Ok(Reply::json(&json!("127.0.0.1:4647"))),
        ["status", "peers"] => Ok(Reply::json(&json!(["127.0.0.1:4647"]))),
        ["regions"] => Ok(Reply::json(&json!(["global"]))),
        ["agent", "health"] => {
            let fine = json!({"message": "ok", "ok": true});
            Ok(Reply::json(&json!({"client": fine, "server": fine})))
        }
        _ => Err(Reply::not_modelled(&format!("GET /v1/{}", path.join("/")))),
    }
}

fn check_id(what: &str, id: &str) -> Result<(), Reply> {
    if id.len() == 36 {
        return Ok(());
    }
    Err(Reply::text(500, format!("{what} lookup failed: index error: UUID must be 36 characters")))
}

/// Something that is always there, if only as an empty list.
async fn list(shared: &Shared, asked: &Asked, topic: Topic, page: impl Fn(&World) -> Value) -> Result<Reply, Reply> {
    shared.blocking(asked, topic, |world| world.nomad_index(topic)).await?;
    let world = shared.world.borrow();
    Ok(with_index(Reply::json(&page(&world)), world.nomad_index(topic)))
}

/// Something that may not be there.
async fn one(
    shared: &Shared,
    asked: &Asked,
    topic: Topic,
    missing: &str,
    page: impl Fn(&World) -> Option<Value>,
) -> Result<Reply, Reply> {
    if page(&shared.world.borrow()).is_some() {
        shared.blocking(asked, topic, |world| world.nomad_index(topic)).await?;
    }
    let world = shared.world.borrow();
    let page = page(&world).ok_or_else(|| Reply::text(404, missing))?;
    Ok(with_index(Reply::json(&page), world.nomad_index(topic)))
}

fn with_index(reply: Reply, index: u64) -> Reply {
    reply.with("x-nomad-index", index).with("x-nomad-knownleader", true).with("x-nomad-lastcontact", 0)
}

fn scale(shared: &Shared, job: &JobKey, body: &ScaleBody) -> Result<Reply, Reply> {
    let group = body.target.as_ref().and_then(|target| target.group.clone());
    let group = group.ok_or_else(|| Reply::text(400, "missing task group name for scaling action"))?;
    let mut world = shared.world();
    if !world.has_job(job) {
        return Err(Reply::text(404, format!("job {:?} not found", job.id.as_str())));
    }
    let count = match body.count {
        Some(..0) => return Err(Reply::text(400, "scaling action count can't be negative")),
        None => return Err(Reply::not_modelled("a scaling event without a count")),
        Some(_) if body.error => {
            return Err(Reply::text(400, "scaling action should not contain count if error is true"));
        }
        Some(count) => u32::try_from(count).map_err(|_| Reply::text(400, "the count is too large"))?,
    };
    let order = ScaleOrder { job: job.clone(), group, count, message: body.message.clone() };
    match world.scale_by_order(&order) {
        Ok(page) => Ok(with_index(Reply::json(&page), world.nomad_last_index())),
        Err(ScaleRefused::Deploying) => Err(Reply::text(400, "job scaling blocked due to active deployment")),
        Err(ScaleRefused::NoJob) => Err(Reply::text(404, format!("job {:?} not found", job.id.as_str()))),
        Err(ScaleRefused::NoGroup) => {
            let words = format!("task group {:?} specified for scaling does not exist in job", order.group);
            Err(Reply::text(400, words))
        }
    }
}

fn change_node(shared: &Shared, id: &str, change: NodeChange) -> Result<Reply, Reply> {
    check_id("node", id)?;
    let index = shared.world().change_node(id, change).ok_or_else(|| Reply::text(500, "node not found"))?;
    let page = json!({"EvalCreateIndex": 0, "EvalIDs": null, "Index": index, "NodeModifyIndex": index});
    Ok(with_index(Reply::json(&page), index))
}
