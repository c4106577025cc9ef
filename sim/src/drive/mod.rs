//! Driving a world: `stage` is the world with its agents, `run` the executor that plays it, `crash` the same with the
//! leader killed at every call, `odd` agents that are told other things than the truth.

pub mod crash;
pub mod odd;
pub mod run;
pub mod stage;
