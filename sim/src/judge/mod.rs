//! What a run came to: `record` is what happened, `measure` how good it was (`cost` against the
//! `oracle`, `headroom`), `expect` whether it was as expected, and
//! `invariants` what must never happen.

mod cost;
pub mod expect;
mod headroom;
pub mod held;
pub(crate) mod invariants;
pub mod measure;
pub(crate) mod oracle;
mod outcome;
pub mod record;

pub use outcome::Outcome;
