//! Worker pools on AWS: the real adapter and the whole daemon against moto, an AWS API server.
//!
//! Where moto is not AWS: instances launch and terminate at once, activities are never listed, bounds and suspended
//! processes are ignored, and whoever is detached need not be a member.

pub(crate) mod adapter;
pub(crate) mod crash;
pub(crate) mod faults;
mod moto;
pub(crate) mod pool;
mod proxy;
mod world;
