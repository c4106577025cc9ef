//! What a run shows: text for people, JSON and CSV for programs.

mod crashes;
mod csv;
mod json;
mod made;
mod paint;
pub mod plot;
mod summary;
mod tables;
mod text;

pub use crashes::write_crashes;
pub use csv::write_csv;
pub use json::to_json;
pub use paint::Paint;
pub use text::{Listing, Style, write_events, write_served, write_text};

use crate::judge::record::Action;

/// How many lines of the log are shown with what must not happen.
pub(crate) const LAST_LINES: usize = 20;

/// How an operation ended, in words.
fn ending(action: &Action) -> String {
    match &action.ended {
        Some((at, outcome)) => format!("{outcome} after {}", *at - action.at),
        None => "still under way".to_owned(),
    }
}
