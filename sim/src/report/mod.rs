//! What a run shows: text for people, JSON and CSV for programs.

mod crashes;
mod csv;
mod json;
mod text;

pub use crashes::write_crashes;
pub use csv::write_csv;
pub use json::to_json;
pub use text::{Paint, write_events, write_served, write_text};

use crate::record::Action;

/// How an operation ended, in words.
fn ending(action: &Action) -> String {
    match &action.ended {
        Some((at, outcome)) => format!("{outcome} after {}", *at - action.at),
        None => "still under way".to_owned(),
    }
}
