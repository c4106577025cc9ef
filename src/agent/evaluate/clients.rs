//! Clients that collect no statistics, which is how Nomad comes since 1.10.2 and 1.8.14: nothing that runs on them is ever
//! scaled. The one thing that a newcomer has to be told, and once for all groups.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::tell::{Concern, Matter, Observer};
use crate::agent::term::Term;
use crate::domain::{Monotonic, NodeId};
use crate::ports::{Clock, Ports};

/// How many clients are named.
const MOST_NAMED: usize = 3;
/// In how many rounds of evaluations a client must be heard of again, or it counts as gone.
const ROUNDS: u32 = 3;

/// Clients of which the last that was heard is that they collect nothing.
#[derive(Debug, Default)]
pub(in crate::agent) struct SilentClients {
    heard: BTreeMap<NodeId, Monotonic>,
}

impl SilentClients {
    /// Whether all collect, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    pub(super) fn note(&mut self, client: &NodeId, collects: bool, now: Monotonic) {
        if collects {
            self.heard.remove(client);
        } else {
            self.heard.insert(client.clone(), now);
        }
    }

    /// What is wrong, if it is, in words.
    fn concern(&mut self, name: impl Fn(&NodeId) -> String, now: Monotonic, within: Duration) -> Option<Concern> {
        self.heard.retain(|_, heard| now.since(*heard) <= within);
        let (count, rest) = (self.heard.len(), self.heard.len().saturating_sub(MOST_NAMED));
        if count == 0 {
            return None;
        }
        let named: Vec<String> = self.heard.keys().take(MOST_NAMED).map(name).collect();
        let (clients, collect) = if count == 1 { ("client", "collects") } else { ("clients", "collect") };
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let words = format!(
            "{count} {clients} {collect} no statistics ({}{more}), so nothing that runs there is scaled: put telemetry {{ \
             publish_allocation_metrics = true }} into the configuration of every client and restart it (needed since Nomad \
             1.10.2 and 1.8.14)",
            named.join(", ")
        );
        Some(Concern { matter: Matter::NotCollected, words })
    }
}

impl<P: Ports, O: Observer> Term<'_, P, O> {
    /// Tells of clients that collect no statistics: when that begins, now and then, and when it is over (S16).
    pub(super) fn tell_silent_clients(&self) {
        let within = self.config.borrow().job_interval * ROUNDS;
        let now = self.ports.clock().monotonic();
        let name = |id: &NodeId| {
            let views = self.views.borrow();
            views.node(id).map_or_else(|| format!("node {id}"), |node| node.summary.name.clone())
        };
        let concern = self.silent_clients.borrow_mut().concern(name, now, within);
        self.concern_about(None, concern.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic::at(Duration::from_secs(second))
    }

    #[test]
    fn s16_clients_that_collect_no_statistics_are_named_with_the_setting() {
        let mut clients = SilentClients::default();
        let words = |clients: &mut SilentClients, second| {
            clients.concern(ToString::to_string, at(second), Duration::from_secs(30)).map(|concern| concern.words)
        };
        assert_eq!(words(&mut clients, 0), None);
        clients.note(&"a".into(), false, at(0));
        let one = words(&mut clients, 0).unwrap();
        assert!(one.starts_with("1 client collects no statistics (a), so nothing that runs there is scaled"), "{one}");
        assert!(one.contains("telemetry { publish_allocation_metrics = true }"));
        for id in ["b", "c", "d", "e"] {
            clients.note(&id.into(), false, at(20));
        }
        let all = words(&mut clients, 20).unwrap();
        assert!(all.starts_with("5 clients collect no statistics (a, b, c and 2 more), so"), "{all}");
        clients.note(&"b".into(), true, at(25));
        let fewer = words(&mut clients, 40).unwrap();
        assert!(
            fewer.starts_with("3 clients collect no statistics (c, d, e), so"),
            "a was not heard of again: {fewer}"
        );
        assert_eq!(words(&mut clients, 60), None);
    }
}
