//! What is done, and written: always before the outside call of a phase, always compare-and-set, always tied to the lock
//! (S3, S6).
//!
//! - `ledger`: the writes that carry an operation from phase to phase.
//! - `call`: outside calls that change something, and whether one may be made now.
//! - `places`: how many of them at once, and whose turn it is; `need`: by how much something is needed.
//! - `group`, `pool_out`, `pool_in`: what can be seen of what an operation is about.
//! - `advance`: takes an operation as far as it can be taken now.

mod advance;
mod call;
mod group;
mod ledger;
mod need;
mod places;
mod pool_in;
mod pool_out;

pub(super) use advance::Ground;
pub(super) use ledger::{Intent, Subject};
pub(super) use need::Need;
pub(super) use places::Places;
pub(super) use pool_in::{CallingOff, Leaving};
