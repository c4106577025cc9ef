//! What is kept in Consul about each resource: rules S1, S2, S5 and S13. The form is the Go daemon's; what is ours are
//! additions that it ignores.
//!
//! - `record`: what a state holds, and its JSON.
//! - `transition`: what becomes of it when something is done.
//! - `history`: what changed something, entry by entry.
//! - `path`: where it is.

mod go_time;
mod history;
mod path;
mod record;
mod transition;

pub use history::{HISTORY_SLACK, HistoryEntry, Noted, history_prefix, too_much};
pub use path::{everything_path, leader_key, nodes_prefix, path_of, pool_policy_key, state_prefix};
pub use record::{Alert, AlertStage, Failsafe, Hold, ResourceState, ResourceType};
pub use transition::{AlertDue, COUNTED_FOR, Delivery, Told, stamp};
