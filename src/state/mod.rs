//! What is kept in Consul about each resource: rules S1, S2 and S5. The form is the Go daemon's; what is ours are
//! additions that it ignores.

mod go_time;
mod path;
mod record;

pub use path::{leader_key, nodes_prefix, path_of, pool_policy_key, state_prefix};
pub use record::{Alert, AlertStage, Failsafe, ResourceState, ResourceType};
