//! Which path answers what.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Deserialize;
use utoipa::openapi::OpenApi as Document;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{Health, History, Leader, Problem, Resource, Series, Status};
use super::{Site, change, events, gauges, ui, view};
use crate::adapters::clock::TokioClock;
use crate::ports::Clock;

/// The most of the history that one answer has.
const MOST_HAPPENINGS: u16 = 1000;

/// The highest number that every reader of JSON tells from its neighbours.
const HIGHEST_NUMBER: u64 = (1 << 53) - 1;

/// What of the history is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Since {
    /// Only what has a higher number.
    #[param(maximum = 9_007_199_254_740_991_u64)]
    #[serde(default)]
    after: u64,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// Which pool is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct WhichPool {
    /// Its name.
    pool: String,
}

/// Which task group is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct WhichGroup {
    /// The job's ID; `<job>@<namespace>` outside the default namespace.
    job: String,
    /// The task group of the job.
    group: String,
}

/// Which resource is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct WhichResource {
    /// Its name, as the status has it: `pool workers`, `group web/front`.
    resource: String,
}

/// The document.
#[derive(OpenApi)]
#[openapi(info(
    title = "Replicator",
    description = "What an agent is doing, why, or why not. Every answer is JSON; an error is an object with the field `error`."
))]
struct Head;

/// The answer to a request that cannot be answered.
pub(super) fn problem(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(Problem { error: error.into() })).into_response()
}

/// Who leads, as the Go daemon says it
#[utoipa::path(get, path = "/v1/status/leader", tag = "status", responses(
    (status = 200, body = Leader), (status = 503, description = "Nobody leads, or Consul cannot be asked", body = Problem)))]
async fn leader(State(site): State<Site>) -> Response {
    match site.peers.leader() {
        Ok(leader) => Json(leader).into_response(),
        Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Whether the process is alive
#[utoipa::path(get, path = "/v1/health/live", tag = "health", responses((status = 200, body = Health)))]
async fn live() -> Json<Health> {
    Json(Health { ok: true, problems: vec![] })
}

/// Whether the agent leads or stands by, reaches its servers, and looks at everything in time
#[utoipa::path(get, path = "/v1/health/ready", tag = "health", responses(
    (status = 200, body = Health), (status = 503, description = "It is not", body = Health)))]
async fn ready(State(site): State<Site>) -> Response {
    let problems = view::not_ready(&site, TokioClock::start().wall());
    let ok = problems.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ok, problems })).into_response()
}

/// All that the agent knows: itself, the others, every pool and group, and what needs a person
#[utoipa::path(get, path = "/v1/status", tag = "status", responses((status = 200, body = Status)))]
async fn status(State(site): State<Site>) -> Json<Status> {
    Json(view::status(&site, TokioClock::start().wall()))
}

/// One worker pool
#[utoipa::path(get, path = "/v1/pool", tag = "status", params(WhichPool), responses(
    (status = 200, body = Resource), (status = 400, description = "It is not said which", body = Problem),
    (status = 404, description = "This agent knows of no such pool", body = Problem)))]
async fn pool(State(site): State<Site>, which: Result<Query<WhichPool>, QueryRejection>) -> Response {
    match which {
        Ok(Query(WhichPool { pool })) => resource(&site, &format!("pool {pool}")),
        Err(rejection) => problem(StatusCode::BAD_REQUEST, rejection.body_text()),
    }
}

/// One task group of a job
#[utoipa::path(get, path = "/v1/group", tag = "status", params(WhichGroup), responses(
    (status = 200, body = Resource), (status = 400, description = "It is not said which", body = Problem),
    (status = 404, description = "This agent knows of no such group", body = Problem)))]
async fn group(State(site): State<Site>, which: Result<Query<WhichGroup>, QueryRejection>) -> Response {
    match which {
        Ok(Query(WhichGroup { job, group })) => resource(&site, &format!("group {job}/{group}")),
        Err(rejection) => problem(StatusCode::BAD_REQUEST, rejection.body_text()),
    }
}

/// How one resource went lately: size, load and limits as samples
#[utoipa::path(get, path = "/v1/series", tag = "status", params(WhichResource), responses(
    (status = 200, body = Series), (status = 400, description = "It is not said which", body = Problem),
    (status = 404, description = "This agent knows of no such resource", body = Problem)))]
async fn series(State(site): State<Site>, which: Result<Query<WhichResource>, QueryRejection>) -> Response {
    match which {
        Err(rejection) => problem(StatusCode::BAD_REQUEST, rejection.body_text()),
        Ok(Query(WhichResource { resource })) => match view::series(&site, &resource) {
            Some(series) => Json(series).into_response(),
            None => problem(StatusCode::NOT_FOUND, format!("this agent knows of no {resource}")),
        },
    }
}

fn resource(site: &Site, name: &str) -> Response {
    match view::find(site, name) {
        Some(resource) => Json(resource).into_response(),
        None => problem(StatusCode::NOT_FOUND, format!("this agent knows of no {name}; only who leads knows of any")),
    }
}

/// What changed something: since this agent started, and what the history in Consul had by then
#[utoipa::path(get, path = "/v1/history", tag = "status", params(Since), responses(
    (status = 200, body = History), (status = 400, description = "A number is none", body = Problem)))]
async fn history(State(site): State<Site>, since: Result<Query<Since>, QueryRejection>) -> Response {
    let Since { after, limit } = match since {
        Ok(Query(since)) => since,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    let limit = limit.unwrap_or(100);
    if !(1..=MOST_HAPPENINGS).contains(&limit) {
        return problem(StatusCode::BAD_REQUEST, format!("limit is a number from 1 to {MOST_HAPPENINGS}"));
    }
    if after > HIGHEST_NUMBER {
        return problem(StatusCode::BAD_REQUEST, format!("after is a number up to {HIGHEST_NUMBER}"));
    }
    Json(view::history(&site, after, usize::from(limit))).into_response()
}

/// The same as metrics, in Prometheus's text format
#[utoipa::path(get, path = "/v1/metrics", tag = "status", responses(
    (status = 200, content_type = "text/plain; version=0.0.4", body = String)))]
async fn metrics(State(site): State<Site>) -> Response {
    let now = TokioClock::start().wall();
    let text = site.counted.render() + &gauges::of(&view::status(&site, now), now);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn with_document() -> (Router<Site>, Document) {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(leader))
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(status))
        .routes(routes!(pool))
        .routes(routes!(group))
        .routes(routes!(history))
        .routes(routes!(series))
        .routes(routes!(metrics))
        .routes(routes!(change::failsafe))
        .routes(routes!(change::hold))
        .routes(routes!(change::release))
        .split_for_parts()
}

/// The OpenAPI document, made from the code.
#[must_use]
pub fn document() -> Document {
    with_document().1
}

/// All of it. `hosts` are the names by which it may be asked for; without any, every name will do.
pub(super) fn router(site: Site, hosts: Option<Vec<String>>) -> Router {
    let (pages, document) = with_document();
    let document = axum::routing::get(move || std::future::ready(Json(document.clone())));
    pages
        .route("/v1/openapi.json", document)
        // A stream is no answer that a document could hold to a form.
        .route("/v1/events", axum::routing::get(events::follow))
        .merge(ui::pages())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(explained))
        .layer(from_fn_with_state(hosts, from_here))
        .with_state(site)
}

async fn unknown(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, format!("there is no {}; /v1/openapi.json lists what there is", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}

/// Nothing may keep an answer, and no page of another site may show it.
async fn explained(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// A page of another site can make a browser ask us by a name that it resolves to this machine. It then sends that name.
async fn from_here(State(hosts): State<Option<Vec<String>>>, request: Request, next: Next) -> Response {
    let Some(hosts) = hosts else { return next.run(request).await };
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // Who sends none is no browser.
    let Some(named) = named.or_else(|| request.uri().host()) else { return next.run(request).await };
    let host = without_port(named);
    if hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
        next.run(request).await
    } else {
        problem(StatusCode::FORBIDDEN, format!("this agent is not asked for as {host:?}, but as {}", hosts.join(", ")))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_their_ports() {
        for (given, name) in [
            ("localhost:1313", "localhost"),
            ("localhost", "localhost"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:1313", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(without_port(given), name);
        }
    }

    #[test]
    fn the_document_describes_every_page() {
        let document = document();
        let paths: Vec<&String> = document.paths.paths.keys().collect();
        assert_eq!(
            paths,
            [
                "/v1/failsafe",
                "/v1/group",
                "/v1/health/live",
                "/v1/health/ready",
                "/v1/history",
                "/v1/hold",
                "/v1/metrics",
                "/v1/pool",
                "/v1/release",
                "/v1/series",
                "/v1/status",
                "/v1/status/leader"
            ]
        );
    }
}
