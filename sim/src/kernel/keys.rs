//! Where the agents of a run keep things in the simulated Consul.

use std::sync::LazyLock;

use replicator::agent::AgentConfig;
use replicator::domain::Resource;
use replicator::state::{history_prefix, leader_key, path_of, state_prefix};

/// The root of all keys in a run: the default one.
pub(crate) fn root() -> String {
    AgentConfig::named("any").root
}

/// The key whose lock is leadership.
pub(crate) fn leader() -> &'static str {
    static LEADER: LazyLock<String> = LazyLock::new(|| leader_key(&root()));
    &LEADER
}

/// What the keys of all states begin with.
pub(crate) fn state_root() -> &'static str {
    static ROOT: LazyLock<String> = LazyLock::new(|| state_prefix(&root()));
    &ROOT
}

/// Below this is the history.
pub(crate) fn history_root() -> &'static str {
    static ROOT: LazyLock<String> = LazyLock::new(|| history_prefix(&root()));
    &ROOT
}

/// The key of a resource's state, by which states are told apart.
pub(crate) fn state_key(resource: &Resource) -> String {
    path_of(&root(), resource)
}
