//! What is watched of the cluster: read by blocking queries, kept in views, aged.
//!
//! - `feeds`: the queries that keep the views current.
//! - `views`: what is known of the cluster, and the policies in it.
//! - `freshness`: how old each view is, and whether it still counts.
//! - `retries`: single things that could not be read, asked for again at a growing pace.
//! - `policies`: which of a pool's policies was seen last.
//! - `odd`: nodes whose capacity is not to be believed.
//! - `arrivals`: capacity on its way.

mod arrivals;
mod feeds;
mod freshness;
mod odd;
mod policies;
mod retries;
mod views;

pub(super) use arrivals::{Arrivals, Standing};
pub(super) use views::{ManagedGroup, ManagedPool, Views};
