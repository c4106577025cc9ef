//! What every run stands on: time, randomness, the queue of what happens, and the keys under which agents keep things.

pub(crate) mod keys;
pub(crate) mod queue;
pub(crate) mod random;
pub mod time;
