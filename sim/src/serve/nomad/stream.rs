//! `GET /v1/event/stream`: changes as they happen, a line each, and `{}` now and then.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream::unfold;
use hyper::body::{Bytes, Frame};
use replicator::ports::Service;
use serde_json::json;

use super::super::Shared;
use super::super::exchange::{Asked, Reply};
use super::{is_modern, namespace};
use crate::kernel::time::Millis;
use crate::world::{StreamEvent, Topic, Until, World};

/// How often something is said while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(30);
const BEAT: &[u8] = b"{}\n";

/// Somebody who listens.
struct Listener {
    shared: Shared,
    wanted: Wanted,
    /// Nothing before this index is news.
    from: u64,
    /// What is to be sent next.
    ready: VecDeque<Bytes>,
    /// When something has to be said again.
    beats_at: Millis,
}

/// What somebody wants to hear of.
struct Wanted {
    namespace: String,
    /// Topics with keys; `*` for any.
    topics: Vec<(String, String)>,
    /// Whether `*` is all namespaces; to earlier versions it is a name like any other.
    has_wildcard: bool,
}

impl Wanted {
    fn read(asked: &Asked, has_wildcard: bool) -> Result<Self, Reply> {
        let written = asked.values("topic");
        let mut topics = Vec::new();
        for topic in &written {
            let parts: Vec<&str> = topic.split(':').collect();
            match parts[..] {
                [topic] => topics.push((topic.to_owned(), "*".to_owned())),
                [topic, key] => topics.push((topic.to_owned(), key.to_owned())),
                _ => {
                    let words = format!(
                        "Invalid topic query: error parsing topics: Invalid key value pair for topic, topic: {topic}"
                    );
                    return Err(Reply::text(400, words));
                }
            }
        }
        if topics.is_empty() {
            topics.push(("*".to_owned(), "*".to_owned()));
        }
        Ok(Self { namespace: namespace(asked).to_owned(), topics, has_wildcard })
    }

    fn has(&self, event: &StreamEvent) -> bool {
        let is_near = event.namespace.is_empty()
            || event.namespace == self.namespace
            || (self.has_wildcard && self.namespace == "*");
        is_near
            && self.topics.iter().any(|(topic, key)| {
                (topic == "*" || topic == event.topic) && (key == "*" || event.keys.iter().any(|known| known == key))
            })
    }
}

/// Opens a stream, from an index on: from the first change that is kept where none is named, and from the last where there
/// is none behind it.
pub(super) fn open(shared: &Shared, asked: &Asked) -> Result<Reply, Reply> {
    let index = match asked.param("index") {
        "" => 0,
        index => index.parse::<u64>().map_err(|_| {
            let is_number = index.bytes().all(|byte| byte.is_ascii_digit());
            let reason = if is_number { "value out of range" } else { "invalid syntax" };
            Reply::text(400, format!("Unable to parse index: strconv.Atoi: parsing {index:?}: {reason}"))
        })?,
    };
    let wanted = Wanted::read(asked, is_modern(shared))?;
    let (now, last) = {
        let world = shared.world.borrow();
        (world.now, world.stream_events().last().map_or(0, |event| event.index))
    };
    let listener = Listener {
        shared: shared.clone(),
        wanted,
        from: index.min(last),
        ready: [Bytes::from_static(BEAT)].into(),
        beats_at: now + shared.span(HEARTBEAT),
    };
    let pieces = unfold(listener, |mut listener| async {
        let piece = listener.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), listener))
    });
    Ok(Reply::pieces(Box::pin(pieces)).with("cache-control", "no-cache"))
}

impl Listener {
    /// What is said next; nothing once the server is out.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.shared.world.borrow().is_out(Service::Nomad) {
                return None;
            }
            if self.take_news() {
                continue;
            }
            if self.shared.world.borrow().now >= self.beats_at {
                self.beats_at = self.shared.world.borrow().now + self.shared.span(HEARTBEAT);
                return Some(Bytes::from_static(BEAT));
            }
            self.wait().await;
        }
    }

    /// Takes what has happened since the last time. Whether some of it is wanted.
    fn take_news(&mut self) -> bool {
        let world = self.shared.world.borrow();
        for event in world.stream_events().filter(|event| event.index >= self.from) {
            if self.wanted.has(event) {
                let line = json!({"Index": event.index, "Events": [event.page]}).to_string() + "\n";
                self.ready.push_back(line.into());
            }
        }
        if let Some(last) = world.stream_events().last() {
            self.from = self.from.max(last.index + 1);
        }
        !self.ready.is_empty()
    }

    async fn wait(&self) {
        let from = self.from;
        let news = |world: &World| {
            world.is_out(Service::Nomad) || world.stream_events().last().is_some_and(|event| event.index >= from)
        };
        Until::new(&self.shared.world, &[Topic::Stream], self.beats_at, news).await;
    }
}
