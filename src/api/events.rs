//! What happens, as a stream of server-sent events that is taken up again by `Last-Event-ID`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::model::Problem;
use super::{MOST_STREAMS, Site, view};

/// How often something is sent where nothing happens, so that both sides see whether the other is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// A stream, and how far it is.
struct Following {
    site: Site,
    /// The number of the last one that was sent.
    after: u64,
    happened: watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

/// What happens from now on, or, with `Last-Event-ID`, what happened since
pub(super) async fn follow(State(site): State<Site>, headers: HeaderMap) -> Response {
    let Ok(place) = site.streams.clone().try_acquire_owned() else {
        let error = format!("{MOST_STREAMS} others follow already; ask /v1/history now and then");
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(Problem { error })).into_response();
    };
    let happened = site.board.happened();
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    // Numbers begin anew with the process: those of another one say nothing, and all that is remembered is sent.
    let after = match last {
        Some(id) => number(&site, &id).unwrap_or(0),
        None => *happened.borrow(),
    };
    let following = Following { site, after, happened, _place: place };
    Sse::new(stream_of(following)).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)).into_response()
}

fn stream_of(following: Following) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(following, async |mut following| {
        loop {
            let next = view::next_happening(&following.site, following.after);
            if let Some(next) = next {
                following.after = next.id;
                let event = Event::default().id(id(&following.site, next.id)).event(next.kind.clone());
                // Texts and numbers: nothing that JSON could not hold.
                let event = event.json_data(&next).unwrap_or_default();
                return Some((Ok(event), following));
            }
            following.happened.changed().await.ok()?;
        }
    })
}

/// The ID of an event: which process, and which number.
fn id(site: &Site, number: u64) -> String {
    format!("{}-{number}", site.started.as_millisecond())
}

/// The number in an ID of this process.
fn number(site: &Site, id: &str) -> Option<u64> {
    let (process, number) = id.split_once('-')?;
    (process == site.started.as_millisecond().to_string()).then(|| number.parse().ok())?
}
