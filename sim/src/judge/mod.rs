//! What a run came to: `record` is what happened, `measure` how good it was, `expect` whether it was as expected, and
//! `invariants` what must never happen.

pub mod expect;
pub(crate) mod invariants;
pub mod measure;
mod outcome;
pub mod record;

pub use outcome::Outcome;
