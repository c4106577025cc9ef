//! What the agent tells, and to whom.
//!
//! - `event`: what happened, as data.
//! - `outlet`: who hears it; several can.
//! - `vigil`: what lasts and should not go unsaid.
//! - `reasons`: the latest word about each resource, for whoever asks why nothing happens.
//! - `spans`: spans of time as people say them.

mod event;
mod outlet;
mod reasons;
mod spans;
mod vigil;

pub use event::{AlertAction, AlertNotice, Event, Feed, Leadership, LossCause};
pub use outlet::{Both, Observer};
pub use reasons::{Reason, Reasons};
pub use spans::Spoken;
pub use vigil::{Course, Matter};

pub(super) use vigil::{Concern, Vigil};
