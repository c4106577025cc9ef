//! Pages that change something: failsafe and holds, as the commands do it. What is asked is carried out by the thread that has Consul.

use std::time::Duration;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use utoipa::IntoResponses;

use super::Site;
use super::model::{Changed, Direction, FailsafeChange, HoldChange, Problem, ReleaseChange};
use super::pages::problem;
use crate::adapters::clock::TokioClock;
use crate::adapters::consul::ConsulClient;
use crate::operator::{self, Done, Signature, WordError, Words, held};
use crate::ports::{Clock, ErrorKind};
use crate::state::{Failsafe, Hold, everything_path, state_prefix};

/// How large a request may be, in bytes.
const LARGEST_BODY: usize = 16 * 1024;
/// How long it may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to be carried out.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many may wait to be carried out.
pub const MOST_ORDERS: usize = 16;

/// Something that somebody wants changed.
#[derive(Debug)]
pub struct Order {
    /// Below which path of states; nothing: everything.
    below: Option<String>,
    change: Change,
    signature: Signature,
    done: oneshot::Sender<Result<Changed, WordError>>,
}

/// Where orders go.
pub type Orders = mpsc::Sender<Order>;

#[derive(Debug)]
enum Change {
    Failsafe(Failsafe),
    Hold(Hold),
    Release,
}

/// Carries out what is ordered, for as long as anybody can order something.
pub async fn obey(mut orders: mpsc::Receiver<Order>, consul: &ConsulClient, root: &str) {
    while let Some(order) = orders.recv().await {
        let Order { below, change, signature, done } = order;
        let path = below.map_or_else(|| everything_path(root), |below| state_prefix(root) + &below);
        let outcome = carry_out(&Words { consul, root }, &path, change, &signature).await;
        // Who ordered it may have hung up.
        done.send(outcome).ok();
    }
}

async fn carry_out(words: &Words<'_>, path: &str, change: Change, signature: &Signature) -> Result<Changed, WordError> {
    let now = TokioClock::start().wall();
    let (done, what) = match change {
        Change::Failsafe(wanted) => {
            let done = words.failsafe(path, wanted, signature, now).await?;
            let what = if wanted == Failsafe::Enabled { "it is in failsafe" } else { "its failsafe is lifted" };
            (done, what.to_owned())
        }
        Change::Hold(hold) => {
            let done = words.hold(path, Some(&hold), signature.by.as_deref(), now).await?;
            (done, format!("on hold, {}", held(&hold, now)))
        }
        Change::Release => (words.hold(path, None, signature.by.as_deref(), now).await?, "released".to_owned()),
    };
    Ok(Changed { changed: done == Done::Written, what })
}

/// What the document says of answers to a change.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the document is made of it")]
enum Answers {
    /// It stands so now.
    #[response(status = 200)]
    Done(#[to_schema] Changed),
    /// It makes no sense.
    #[response(status = 400)]
    Senseless(#[to_schema] Problem),
    /// The token is wrong.
    #[response(status = 401)]
    Unknown(#[to_schema] Problem),
    /// Not from there.
    #[response(status = 403)]
    Forbidden(#[to_schema] Problem),
    /// There is no state of it.
    #[response(status = 404)]
    Missing(#[to_schema] Problem),
    /// It is too large.
    #[response(status = 413)]
    TooLarge(#[to_schema] Problem),
    /// It is no JSON by its header.
    #[response(status = 415)]
    NoJson(#[to_schema] Problem),
    /// Consul did not take it.
    #[response(status = 502)]
    NotWritten(#[to_schema] Problem),
}

/// Enters failsafe, or lifts it
///
/// Where the agent has an `http_token`, the header `authorization: Bearer <token>` must have it.
#[utoipa::path(post, path = "/v1/failsafe", tag = "change", request_body = FailsafeChange, responses(Answers))]
pub(super) async fn failsafe(State(site): State<Site>, request: Request) -> Response {
    order(&site, request, |it: FailsafeChange| {
        let wanted = if it.enable { Failsafe::Enabled } else { Failsafe::Disabled };
        let below = below(&it.resource)?.ok_or("failsafe is of one pool or group; everything can be held")?;
        Ok((Some(below), Change::Failsafe(wanted), it.by, it.reason))
    })
    .await
}

/// Holds scaling: of one resource or of everything, in one direction or in both
///
/// Where the agent has an `http_token`, the header `authorization: Bearer <token>` must have it.
#[utoipa::path(post, path = "/v1/hold", tag = "change", request_body = HoldChange, responses(Answers))]
pub(super) async fn hold(State(site): State<Site>, request: Request) -> Response {
    order(&site, request, |it: HoldChange| {
        let since = TokioClock::start().wall();
        let until = |span: &String| -> Result<Timestamp, String> {
            let span = operator::span(span)?;
            since.checked_add(span).map_err(|_| "for reaches beyond the end of time".to_owned())
        };
        let below = below(&it.resource)?;
        let reason = line(it.reason.as_deref())?;
        let hold = Hold {
            scaling_in: it.direction != Some(Direction::Out),
            scaling_out: it.direction != Some(Direction::In),
            since,
            until: it.lasting.as_ref().map(until).transpose()?,
            reason: reason.clone(),
            by: line(it.by.as_deref())?,
        };
        Ok((below, Change::Hold(hold), it.by, reason))
    })
    .await
}

/// Releases what is on hold
///
/// Where the agent has an `http_token`, the header `authorization: Bearer <token>` must have it.
#[utoipa::path(post, path = "/v1/release", tag = "change", request_body = ReleaseChange, responses(Answers))]
pub(super) async fn release(State(site): State<Site>, request: Request) -> Response {
    order(&site, request, |it: ReleaseChange| {
        let below = below(&it.resource)?;
        Ok((below, Change::Release, it.by, None))
    })
    .await
}

type Meant = (Option<String>, Change, Option<String>, Option<String>);

/// Makes sure that it may be, reads it, has it carried out, and says what became of it.
async fn order<T: DeserializeOwned>(
    site: &Site,
    request: Request,
    meaning: impl FnOnce(T) -> Result<Meant, String>,
) -> Response {
    if let Err((status, words)) = site.gate.check(request.headers()) {
        return problem(status, words);
    }
    let wanted: T = match read(request).await {
        Ok(wanted) => wanted,
        Err(response) => return response,
    };
    let meant = meaning(wanted).and_then(|(below, change, by, reason)| {
        let (by, reason) = (line(by.as_deref())?, line(reason.as_deref())?);
        Ok((below, change, Signature { by: by.or(Some("the HTTP API".to_owned())), reason }))
    });
    let (below, change, signature) = match meant {
        Ok(meant) => meant,
        Err(words) => return problem(StatusCode::BAD_REQUEST, words),
    };
    let (done, outcome) = oneshot::channel();
    let order = Order { below, change, signature, done };
    if site.orders.try_send(order).is_err() {
        return problem(StatusCode::BAD_GATEWAY, "too much is to be changed at once; try again");
    }
    match timeout(WRITE_TIMEOUT, outcome).await {
        Ok(Ok(Ok(changed))) => Json(changed).into_response(),
        Ok(Ok(Err(error))) => problem(status_of(&error), error.to_string()),
        Ok(Err(_)) | Err(_) => problem(StatusCode::BAD_GATEWAY, "Consul does not answer; it may have been written"),
    }
}

fn status_of(error: &WordError) -> StatusCode {
    match error {
        WordError::NoState(_) => StatusCode::NOT_FOUND,
        // A key of letters that Consul does not print: there can be no state.
        WordError::Consul(error) if error.kind == ErrorKind::Refused => StatusCode::NOT_FOUND,
        WordError::NotAState { .. } | WordError::Race(_) | WordError::Consul(_) => StatusCode::BAD_GATEWAY,
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Response> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A page of another site cannot send this without being asked whether it may.
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON, with content-type: application/json"));
    }
    let body = match timeout(BODY_TIMEOUT, to_bytes(request.into_body(), LARGEST_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let words = format!("more than {LARGEST_BODY} bytes, or cut off");
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, words));
        }
        Err(_) => return Err(problem(StatusCode::BAD_REQUEST, "the request did not come to its end in time")),
    };
    serde_json::from_slice(&body).map_err(|error| problem(StatusCode::BAD_REQUEST, error.to_string()))
}

/// What people write in one line; nothing where it has no words.
fn line(text: Option<&str>) -> Result<Option<String>, String> {
    text.filter(|text| !text.trim().is_empty()).map(operator::reason).transpose()
}

/// Where the state of a resource is, below all states; nothing for everything.
fn below(resource: &str) -> Result<Option<String>, String> {
    let is_name = |name: &&str| !name.is_empty() && !name.contains(char::is_control) && name.len() <= 2000;
    let pool = resource.strip_prefix("pool ").filter(is_name).map(|pool| format!("nodes/{pool}"));
    // A job's ID may have slashes; a group's name has none.
    let is_group = |name: &&str| name.rsplit_once('/').is_some_and(|(job, group)| is_name(&job) && is_name(&group));
    let group = || resource.strip_prefix("group ").filter(is_group).map(|group| format!("jobs/{group}"));
    match pool.or_else(group) {
        None if resource == "everything" => Ok(None),
        None => Err(format!("{resource:?} is no resource; name it like pool workers or group web/front")),
        some => Ok(some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c15_what_is_meant_is_one_thing() {
        let path = |resource| below(resource).unwrap();
        assert_eq!(path("pool workers").as_deref(), Some("nodes/workers"));
        assert_eq!(path("group team/web@prod/front").as_deref(), Some("jobs/team/web@prod/front"));
        assert_eq!(path("everything"), None);
        for wrong in ["", "pool ", "pool a\nb", "group a", "group /a", "group a/", "workers", "Everything"] {
            assert!(below(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!((line(Some(" ")), line(None)), (Ok(None), Ok(None)));
        assert!(line(Some("a\u{7}")).is_err());
    }
}
