//! Nomad's API, version 1.1 or 2.0.
//!
//! - `read`: pages; `choice`, `filter`: which entries of a list are wanted; `clients`: what nodes' clients are asked;
//!   `write`: what changes something; `stream`: the event stream.

mod choice;
mod clients;
mod filter;
mod read;
mod stream;
mod write;

use hyper::Method;
use replicator::domain::JobKey;
use serde_json::json;

use super::exchange::{Asked, Reply};
use super::{NomadVersion, Shared};

/// The first part of every path that Nomad has: others it has not heard of.
const KNOWN: [&str; 26] = [
    "acl",
    "agent",
    "allocation",
    "allocations",
    "client",
    "deployment",
    "deployments",
    "evaluation",
    "evaluations",
    "event",
    "job",
    "jobs",
    "metrics",
    "namespace",
    "namespaces",
    "node",
    "nodes",
    "operator",
    "plugin",
    "regions",
    "scaling",
    "search",
    "status",
    "system",
    "validate",
    "volumes",
];
/// What may stand behind a job's ID, which may hold slashes itself.
const OF_JOB: [&str; 14] = [
    "allocations",
    "deployment",
    "deployments",
    "dispatch",
    "evaluate",
    "evaluations",
    "force",
    "plan",
    "revert",
    "scale",
    "stable",
    "summary",
    "validate",
    "versions",
];
/// How many milliseconds ago a server heard from a leader that never did.
const NEVER: u64 = 9_223_372_036_854;
/// The length of a token, as of every other identifier of Nomad's.
const UUID: usize = 36;

/// Answers one request.
pub(super) async fn answer(shared: &Shared, asked: &Asked) -> Reply {
    let path = asked.segments();
    let Some((&"v1", path)) = path.split_first() else { return Reply::bare(404) };
    // These two are there for everybody.
    let is_open = matches!(path, ["status", ..] | ["agent", "health"]);
    let refused = if is_open { None } else { refusal(shared, asked) };
    match refused {
        // The stream has begun by then, for a real server.
        Some(reply) if path == ["event", "stream"] => reply.status(500),
        Some(reply) => reply,
        None => route(shared, asked, path).await.unwrap_or_else(|reply| reply),
    }
}

/// What a server without a leader says at once: it looks for one before it says anything else. A list that may be stale it
/// gives as it has it, and one that was just started has nothing.
pub(super) fn without_leader(shared: &Shared, asked: &Asked) -> Option<Reply> {
    let path = asked.segments();
    if path == ["v1", "agent", "self"] {
        let own = || read::of_servers(shared, &path[1..]).unwrap_or_else(|reply| reply);
        return Some(refusal(shared, asked).unwrap_or_else(own));
    }
    if asked.method != Method::GET || !asked.is_set("stale") || matches!(path[..], ["v1", "status" | "agent", ..]) {
        return None;
    }
    let is_list = matches!(path[..], ["v1", "jobs" | "nodes" | "allocations" | "deployments" | "evaluations"]);
    let reply = if is_list { Reply::json(json!([])) } else { Reply::text(404, "job not found") };
    let reply = reply.with("x-nomad-index", 0).with("x-nomad-knownleader", false);
    Some(reply.with("x-nomad-lastcontact", NEVER))
}

/// What somebody hears whose token is not the one that is taken.
fn refusal(shared: &Shared, asked: &Asked) -> Option<Reply> {
    let token = shared.options.nomad_token.as_ref()?;
    let given = [asked.header("x-nomad-token"), asked.bearer()].into_iter().find(|given| !given.is_empty());
    match given {
        Some(given) if given == token => None,
        // Which token is wrong in which way is not told any more.
        _ if is_modern(shared) => Some(Reply::text(403, "Permission denied")),
        None => Some(Reply::text(403, "Permission denied")),
        Some(given) if given.len() != UUID => {
            Some(Reply::text(500, "acl token lookup failed: index error: UUID must be 36 characters"))
        }
        Some(_) => Some(Reply::text(403, "ACL token not found")),
    }
}

async fn route(shared: &Shared, asked: &Asked, path: &[&str]) -> Result<Reply, Reply> {
    if !path.first().is_some_and(|first| KNOWN.contains(first)) {
        return Err(Reply::bare(404));
    }
    if !matches!(asked.param("region"), "" | "global") {
        return Err(Reply::text(500, "No path to region"));
    }
    let id;
    let of_job;
    let path = match path {
        ["job", rest @ ..] => {
            let (ids, verb) = of_one_job(rest);
            id = ids.join("/");
            of_job = [&["job", id.as_str()], verb].concat();
            &of_job[..]
        }
        path => path,
    };
    match asked.method {
        Method::GET => read::page(shared, asked, path).await,
        Method::PUT | Method::POST | Method::DELETE => write::change(shared, asked, path),
        _ => Err(Reply::text(405, "Invalid method")),
    }
}

/// The parts of a job's ID, which may hold slashes that were not escaped, and what is asked of the job.
fn of_one_job<'p, 's>(path: &'p [&'s str]) -> (&'p [&'s str], &'p [&'s str]) {
    match path {
        [ids @ .., last] if !ids.is_empty() && OF_JOB.contains(last) => path.split_at(ids.len()),
        ids => (ids, &[]),
    }
}

/// Whether this is a Nomad of today.
fn is_modern(shared: &Shared) -> bool {
    shared.options.nomad_version == NomadVersion::V2_0
}

fn namespace(asked: &Asked) -> &str {
    match asked.param("namespace") {
        "" => "default",
        named => named,
    }
}

fn job_key(asked: &Asked, id: &str) -> JobKey {
    JobKey { namespace: namespace(asked).into(), id: id.into() }
}

fn check_id(what: &str, id: &str) -> Result<(), Reply> {
    if id.len() == UUID {
        return Ok(());
    }
    Err(Reply::text(500, format!("{what} lookup failed: index error: UUID must be 36 characters")))
}

fn with_index(reply: Reply, index: u64) -> Reply {
    reply.with("x-nomad-index", index).with("x-nomad-knownleader", true).with("x-nomad-lastcontact", 0)
}
