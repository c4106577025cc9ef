//! Changes that are asked of Nomad: counts, drains, eligibility, other versions of jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use replicator::domain::{Eligibility, JobKey, Meta};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::exchange::{Asked, Reply};
use super::{check_id, clients, is_modern, job_key, read};
use crate::world::Topic;
use crate::world::nodes::DrainDeadline;
use crate::world::orders::{NodeChange, NodeRefused, RegisterRefused, Registration, ScaleOrder, ScaleRefused};

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
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    job_modify_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusesBody {
    #[serde(default)]
    jobs: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Namespace", default)]
    namespace: String,
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
    drain_spec: Option<DrainSpec>,
    #[serde(default)]
    mark_eligible: bool,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DrainSpec {
    /// Nanoseconds; 0: none; −1: at once.
    #[serde(default)]
    deadline: i64,
    #[serde(default)]
    ignore_system_jobs: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EligibilityBody {
    #[serde(default)]
    eligibility: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RegisterBody {
    #[serde(default)]
    job: Option<Value>,
    #[serde(default)]
    enforce_index: bool,
    #[serde(default)]
    job_modify_index: u64,
}

pub(super) fn change(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    let not_modelled = || Reply::not_modelled(&format!("{} /v1/{}", asked.method, path.join("/")));
    if asked.method == Method::DELETE {
        return Err(if matches!(path, ["job", _]) { not_modelled() } else { Reply::text(405, "Invalid method") });
    }
    match *path {
        ["job", id, "scale"] => scale(shared, &job_key(asked, id), asked.json()?),
        ["jobs", "statuses"] if is_modern(shared) => {
            let StatusesBody { jobs } = asked.json()?;
            let named =
                |Named { id, namespace }| JobKey { namespace: namespace.as_str().into(), id: id.as_str().into() };
            read::statuses(shared, asked, &jobs.into_iter().map(named).collect::<Vec<JobKey>>())
        }
        ["client", "metadata"] if is_modern(shared) => clients::change_metadata(shared, asked),
        ["node", id, "purge"] => purge(shared, id),
        ["jobs"] => register(shared, asked, None),
        ["job", id] => register(shared, asked, Some(id)),
        ["node", id, "drain"] => {
            let DrainBody { drain_spec, mark_eligible, meta } = asked.json()?;
            let change = match drain_spec {
                Some(spec) => NodeChange::Drain {
                    deadline: deadline(shared, spec.deadline),
                    spares_system_jobs: spec.ignore_system_jobs,
                    says: meta.unwrap_or_default(),
                },
                None => NodeChange::CallOff { eligible: mark_eligible },
            };
            change_node(shared, id, change)
        }
        ["node", id, "eligibility"] => match asked.json::<EligibilityBody>()?.eligibility.as_str() {
            "eligible" => change_node(shared, id, NodeChange::Eligibility(Eligibility::Eligible)),
            "ineligible" => change_node(shared, id, NodeChange::Eligibility(Eligibility::Ineligible)),
            other => Err(Reply::text(500, format!("invalid scheduling eligibility {other:?}"))),
        },
        _ => Err(not_modelled()),
    }
}

fn scale(shared: &Shared, job: &JobKey, body: ScaleBody) -> Result<Reply, Reply> {
    let group = body.target.as_ref().and_then(|target| target.group.clone());
    let group = group.ok_or_else(|| Reply::text(400, "missing task group name for scaling action"))?;
    let count = match body.count {
        Some(..0) => return Err(Reply::text(400, "scaling action count can't be negative")),
        Some(_) if body.error => {
            return Err(Reply::text(400, "scaling action should not contain count if error is true"));
        }
        Some(count) => Some(u32::try_from(count).map_err(|_| Reply::text(400, "the count is too large"))?),
        None => None,
    };
    let ScaleBody { message, error, meta, job_modify_index, .. } = body;
    // Earlier versions take no notice of the index.
    let enforced = Some(job_modify_index).filter(|index| *index > 0 && is_modern(shared));
    let order = ScaleOrder { job: job.clone(), group, count, error, message, meta, enforced };
    let mut world = shared.world();
    match world.scale_by_order(&order) {
        // What is written has no word of leaders.
        Ok(scaled) => Ok(Reply::json(world.scaled_page(&scaled)).with("x-nomad-index", scaled.index)),
        Err(ScaleRefused::NoJob) => Err(Reply::text(404, format!("job {:?} not found", job.id.as_str()))),
        Err(ScaleRefused::Changed { has }) => Err(Reply::text(500, conflict(job_modify_index, has))),
        Err(ScaleRefused::Total { total, most }) => {
            let words = format!("total count was greater than configured job_max_count: {total} > {most}");
            Err(Reply::text(500, words))
        }
        Err(ScaleRefused::NoGroup) => {
            let words = format!("task group {:?} specified for scaling does not exist in job", order.group);
            Err(Reply::text(400, words))
        }
        Err(ScaleRefused::Count(refused)) => Err(Reply::text(400, refused.to_words(count.unwrap_or(0)))),
    }
}

/// A drain's deadline, in nanoseconds of the client's clock.
fn deadline(shared: &Shared, nanoseconds: i64) -> DrainDeadline {
    match u64::try_from(nanoseconds) {
        Ok(0) => DrainDeadline::None,
        Ok(nanoseconds) => {
            let asked = Duration::from_nanos(nanoseconds);
            DrainDeadline::After { asked, span: shared.span(asked) }
        }
        Err(_) => DrainDeadline::Force,
    }
}

fn change_node(shared: &Shared, id: &str, change: NodeChange) -> Result<Reply, Reply> {
    check_id("node", id)?;
    let of_drain = !matches!(change, NodeChange::Eligibility(_));
    let mut world = shared.world();
    let changed = world.change_node(id, change).map_err(|refused| match refused {
        NodeRefused::NoNode => Reply::text(500, "node not found"),
        NodeRefused::Draining => {
            Reply::text(500, "can not set node's scheduling eligibility to eligible while it is draining")
        }
    })?;
    let page = world.node_changed_page(&changed, of_drain);
    Ok(Reply::json(page).with("x-nomad-index", changed.index))
}

/// Takes another version of a job that is there: its counts and its groups' `meta`. A job that is new, or that differs in
/// something else, is not taken; what differs is named.
fn register(shared: &Shared, asked: &Asked, named: Option<&str>) -> Result<Reply, Reply> {
    let RegisterBody { job, enforce_index, job_modify_index } = asked.json()?;
    let job = job.filter(|job| !job.is_null()).ok_or_else(|| Reply::text(400, "Job must be specified"))?;
    let id = job["ID"].as_str().unwrap_or_default();
    if id.is_empty() {
        return Err(Reply::text(400, "Job ID hasn't been provided"));
    }
    if named.is_some_and(|named| named != id) {
        return Err(Reply::text(400, "Job ID does not match name"));
    }
    if job["TaskGroups"].as_array().is_none_or(Vec::is_empty) {
        return Err(Reply::text(500, "1 error occurred:\n\t* Missing job task groups\n\n"));
    }
    if !matches!(job["Region"].as_str(), None | Some("" | "global")) {
        return Err(Reply::text(500, "No path to region"));
    }
    let mut key = job_key(asked, id);
    if let Some(namespace) = job["Namespace"].as_str().filter(|namespace| !namespace.is_empty()) {
        key.namespace = namespace.into();
    }
    let mut world = shared.world();
    let present = world.job_page(&key);
    let present = present.ok_or_else(|| Reply::not_modelled(&format!("jobs that the scenario does not have: {id}")))?;
    let groups = groups_of(&present, &job)?;
    let registration = Registration { groups, enforced: enforce_index.then_some(job_modify_index) };
    match world.register_by_order(&key, &registration) {
        Ok(registered) => {
            let page = world.registered_page(&registered);
            let index = page["Index"].as_u64().unwrap_or(0);
            Ok(Reply::json(page).with("x-nomad-index", index))
        }
        Err(RegisterRefused::NoJob) => Err(Reply::text(404, "job not found")),
        Err(RegisterRefused::Exists) => Err(Reply::text(500, "Enforcing job modify index 0: job already exists")),
        Err(RegisterRefused::Changed { has }) => Err(Reply::text(500, conflict(job_modify_index, has))),
    }
}

fn conflict(wanted: u64, has: u64) -> String {
    format!("Enforcing job modify index {wanted}: job exists with conflicting job modify index: {has}")
}

/// The servers are told to forget a node.
fn purge(shared: &Shared, id: &str) -> Result<Reply, Reply> {
    check_id("node", id)?;
    let mut world = shared.world();
    let node = world.node_number(id).ok_or_else(|| Reply::text(404, "node not found"))?;
    world.purge_node(node);
    let index = world.nomad_index(Topic::Nodes);
    let page = json!({"EvalCreateIndex": 0, "EvalIDs": null, "NodeModifyIndex": index, "Index": index});
    Ok(Reply::json(page).with("x-nomad-index", index))
}

/// What a job's page tells that is no part of its specification.
const BOOKKEEPING: [&str; 10] = [
    "CreateIndex",
    "JobModifyIndex",
    "ModifyIndex",
    "NomadTokenID",
    "Stable",
    "Status",
    "StatusDescription",
    "SubmitTime",
    "VaultToken",
    "Version",
];

/// The counts and `meta` of the groups of a version, where all else is as it was, or left out.
fn groups_of(present: &Value, wanted: &Value) -> Result<BTreeMap<String, (u32, Meta)>, Reply> {
    if let Some(what) = difference(present, wanted, "") {
        return Err(Reply::not_modelled(&format!("another {what} of a job")));
    }
    let mut groups = BTreeMap::new();
    for (name, wanted) in by_name(&wanted["TaskGroups"]) {
        let count = match &wanted["Count"] {
            Value::Null => 1,
            Value::Number(number) if number.as_i64().is_some_and(i64::is_negative) => {
                return Err(Reply::text(
                    500,
                    format!(
                        "1 error occurred:\n\t* Task group {name} validation failed: 1 error occurred:\n\t* Task group count can't be negative\n\n"
                    ),
                ));
            }
            count => count
                .as_u64()
                .and_then(|count| u32::try_from(count).ok())
                .ok_or_else(|| Reply::text(400, format!("Count of group {name}: {count} is no count")))?,
        };
        let present = by_name(&present["TaskGroups"]).get(name).map_or(Value::Null, |group| group["Scaling"].clone());
        check_scaling(&present, count)?;
        let meta: Option<Meta> = serde_json::from_value(wanted["Meta"].clone())
            .map_err(|error| Reply::text(400, format!("Meta of group {name}: {error}")))?;
        groups.insert(name.to_owned(), (count, meta.unwrap_or_default()));
    }
    Ok(groups)
}

/// Where a version differs from what is there, but for its groups' counts and `meta`. What it leaves out, or leaves empty, is
/// as it was.
fn difference(present: &Value, wanted: &Value, at: &str) -> Option<String> {
    match (present, wanted) {
        (_, wanted) if is_empty(wanted) => None,
        (Value::Object(present), Value::Object(wanted)) => wanted.iter().find_map(|(name, wanted)| {
            let is_free = at == "TaskGroups" && (name == "Count" || name == "Meta");
            let is_compared = !is_free && !BOOKKEEPING.contains(&name.as_str());
            is_compared.then(|| difference(present.get(name).unwrap_or(&Value::Null), wanted, name)).flatten()
        }),
        (Value::Array(_), Value::Array(list)) if list.iter().all(|entry| entry["Name"].is_string()) => {
            let (before, after) = (by_name(present), by_name(wanted));
            if before.keys().ne(after.keys()) {
                return Some(at.to_owned());
            }
            after.into_iter().find_map(|(name, wanted)| difference(before[name], wanted, at))
        }
        (present, wanted) => (present != wanted).then(|| at.to_owned()),
    }
}

/// What somebody leaves who has nothing to say: clients write out what their own types have.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(true) => false,
    }
}

/// Nomad refuses a version whose count is outside its `scaling` block.
fn check_scaling(scaling: &Value, count: u32) -> Result<(), Reply> {
    let bound = |name: &str| scaling[name].as_u64();
    let words = if bound("Min").is_some_and(|min| u64::from(count) < min) {
        "less than minimum count"
    } else if bound("Max").is_some_and(|max| u64::from(count) > max) {
        "greater than maximum count"
    } else {
        return Ok(());
    };
    Err(Reply::text(
        500,
        format!(
            "1 error occurred:\n\t* Scaling policy invalid: task group count must not be {words} in scaling policy\n\n"
        ),
    ))
}

fn by_name(list: &Value) -> BTreeMap<&str, &Value> {
    let entries = list.as_array().into_iter().flatten();
    entries.map(|entry| (entry["Name"].as_str().unwrap_or_default(), entry)).collect()
}
