//! What happens, counted: for Prometheus through the facade `metrics`, and by statsd under the names of the Go daemon (C14).

use std::cell::RefCell;
use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
use std::time::Duration;

use cadence::{Counted, NopMetricSink, StatsdClient, UdpMetricSink};
use jiff::Timestamp;

use crate::agent::{Event, Leadership, Observer};
use crate::decide::Verdict;
use crate::domain::Resource;
use crate::operation::Outcome;

/// What the Go daemon's names begin with.
const PREFIX: &str = "replicator";

/// Counts what an agent tells.
pub struct Meter {
    statsd: RefCell<StatsdClient>,
}

impl Meter {
    /// One that sends to `statsd` as well, where there is such an address, `host:port`.
    ///
    /// # Errors
    ///
    /// When that address cannot be found.
    pub fn new(statsd: Option<&str>) -> io::Result<Self> {
        Ok(Self { statsd: RefCell::new(client(statsd)?) })
    }

    /// Sends to another address from now on.
    ///
    /// # Errors
    ///
    /// When it cannot be found; the old one stays.
    pub fn reconfigure(&self, statsd: Option<&str>) -> io::Result<()> {
        *self.statsd.borrow_mut() = client(statsd)?;
        Ok(())
    }

    /// One more, under a name of the Go daemon.
    fn count(&self, name: &str) {
        // Nobody need listen, and a datagram that is lost is lost.
        self.statsd.borrow().count(name, 1).ok();
    }
}

fn client(statsd: Option<&str>) -> io::Result<StatsdClient> {
    let Some(address) = statsd else { return Ok(StatsdClient::from_sink(PREFIX, NopMetricSink)) };
    let found = address.to_socket_addrs()?.next();
    let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address of that name"))?;
    let from = if found.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(from)?;
    socket.set_nonblocking(true)?;
    Ok(StatsdClient::from_sink(PREFIX, UdpMetricSink::from(found, socket).map_err(io::Error::other)?))
}

/// What a resource is called in the Go daemon's names.
fn stem(resource: &Resource) -> String {
    match resource {
        Resource::Pool(pool) => format!("cluster.{}", part(pool.as_str())),
        Resource::Group(key) => format!("job.{}.{}", part(&key.job.to_string()), part(key.group.as_str())),
    }
}

/// A name as one part of a metric's: what has a meaning in the protocol is replaced.
fn part(name: &str) -> String {
    name.chars().map(|it| if it.is_control() || ": |@#".contains(it) { '_' } else { it }).collect()
}

impl Observer for Meter {
    fn observe(&self, _: Timestamp, event: &Event) {
        match event {
            Event::Leadership(Leadership::Won) => {
                self.count("cluster.leadership.election");
                metrics::counter!("replicator_leadership_elections_total").increment(1);
            }
            Event::Decided(decision) => {
                let verdict = match decision.verdict {
                    Verdict::Undecided => "undecided",
                    Verdict::Stay => "stay",
                    Verdict::Hold(..) => "hold",
                    Verdict::Act(_) => "act",
                    Verdict::WouldAct(_) => "would_act",
                };
                let kind = kind(&decision.resource);
                metrics::counter!("replicator_evaluations_total", "kind" => kind, "verdict" => verdict).increment(1);
            }
            Event::Trouble { resource, .. } => {
                let kind = kind(resource);
                metrics::counter!("replicator_evaluations_failed_total", "kind" => kind).increment(1);
            }
            Event::Finished { resource, direction, outcome, .. } => {
                let (go, word) = match outcome {
                    Outcome::Succeeded => (Some("success"), "success"),
                    Outcome::Failed(_) => (Some("failure"), "failure"),
                    Outcome::Abandoned(_) => (None, "abandoned"),
                };
                if let Some(go) = go {
                    self.count(&format!("{}.scale_{direction}.{go}", stem(resource)));
                }
                metrics::counter!("replicator_operations_total", "resource" => resource.to_string(),
                    "direction" => direction.to_string(), "outcome" => word)
                .increment(1);
            }
            _ => {}
        }
    }

    fn evaluated(&self, resource: &Resource, took: Duration) {
        metrics::histogram!("replicator_evaluation_seconds", "kind" => kind(resource)).record(took.as_secs_f64());
    }
}

/// What kind of resource it is, for a label.
fn kind(resource: &Resource) -> &'static str {
    match resource {
        Resource::Pool(_) => "pool",
        Resource::Group(_) => "group",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::LossCause;
    use crate::decide::Direction;
    use crate::operation::Failure;
    use crate::testing::group_key;

    #[test]
    fn c14_statsd_has_the_go_daemons_names_to_the_letter() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let meter = Meter::new(Some(&listener.local_addr().unwrap().to_string())).unwrap();
        let finished = |resource, direction, outcome| Event::Finished {
            resource,
            direction,
            outcome,
            step: None,
            about: String::new(),
            took: Duration::ZERO,
            uid: String::new(),
        };
        let pool = || Resource::Pool("work:ers".into());
        let group = || Resource::Group(group_key("web", "front"));
        let told = [
            Event::Leadership(Leadership::Won),
            Event::Leadership(Leadership::Lost(LossCause::LockGone)),
            finished(pool(), Direction::Out, Outcome::Succeeded),
            finished(pool(), Direction::In, Outcome::Failed(Failure::EvaluationFailed)),
            finished(group(), Direction::In, Outcome::Succeeded),
            finished(group(), Direction::Out, Outcome::Failed(Failure::EvaluationFailed)),
        ];
        for event in &told {
            meter.observe(Timestamp::UNIX_EPOCH, event);
        }
        let mut heard = Vec::new();
        let mut buffer = [0; 512];
        for _ in 0..5 {
            let length = listener.recv(&mut buffer).unwrap();
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        assert_eq!(
            heard,
            [
                "replicator.cluster.leadership.election:1|c",
                "replicator.cluster.work_ers.scale_out.success:1|c",
                "replicator.cluster.work_ers.scale_in.failure:1|c",
                "replicator.job.web.front.scale_in.success:1|c",
                "replicator.job.web.front.scale_out.failure:1|c",
            ]
        );
        assert!(Meter::new(Some("nowhere.invalid:1")).is_err());
    }
}
