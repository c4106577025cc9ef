//! What is kept: the resources' states in Consul, and how long ago their times were.

mod elapsed;
mod store;

pub(super) use elapsed::{Elapsed, Mark};
pub(super) use store::{FailsafeChange, Store, Stored, WriteError};
