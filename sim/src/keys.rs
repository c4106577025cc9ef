//! Where the agents of a run keep things in the simulated Consul.

use replicator::agent::AgentConfig;
use replicator::domain::Resource;
use replicator::state::path_of;

/// The root of all keys in a run: the default one.
pub(crate) fn root() -> String {
    AgentConfig::named("any").root
}

/// The key of a resource's state, by which states are told apart.
pub(crate) fn state_key(resource: &Resource) -> String {
    path_of(&root(), resource)
}
