//! The picture of a run: pools, what is allowed and used in them, groups and unmet demand, over one time axis.
//!
//! - `panel`: one panel: axes, header with legend, shading, lines, marks.
//! - `series`: what the panels show, taken from the record.

mod panel;
mod series;

use std::path::Path;
use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::judge::Outcome;
use crate::kernel::time::Millis;
use crate::scenario::Scenario;

use panel::{FONT, draw_panel};
use series::panels;

/// Width of a picture in pixels.
const WIDTH: u32 = 1280;
/// Height of the title above all panels.
const TITLE_HEIGHT: u32 = 58;
/// Room for the name of the time axis below the last panel.
const FOOT_HEIGHT: u32 = 26;
/// Free room at the right, lest the last label of the axis is cut.
const RIGHT_MARGIN: u32 = 26;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The extension says nothing that can be drawn.
    #[error("{0:?} is no kind of picture that can be drawn; end the name with .png or .svg")]
    UnknownKind(String),
    /// The folder does not exist.
    #[error("there is no folder {}", .0.display())]
    NoFolder(std::path::PathBuf),
    /// The fonts, which are part of the program, could not be used.
    #[error("the built-in font cannot be read")]
    Font,
    /// Drawing or writing failed.
    #[error("{0}")]
    Drawing(String),
}

/// Draws a run into a file: a PNG, or an SVG, by its extension.
///
/// # Errors
///
/// When the extension is neither, or the file cannot be written.
pub fn plot(scenario: &Scenario, outcome: &Outcome, path: &Path) -> Result<(), PlotError> {
    check_kind(path)?;
    load_fonts()?;
    let panels = panels(scenario, outcome);
    let height = TITLE_HEIGHT + FOOT_HEIGHT + panels.iter().map(|panel| panel.height).sum::<u32>();
    let size = (WIDTH, height);
    match extension(path).as_str() {
        "svg" => draw(&SVGBackend::new(path, size).into_drawing_area(), scenario, outcome, &panels),
        _ => draw(&BitMapBackend::new(path, size).into_drawing_area(), scenario, outcome, &panels),
    }
}

/// The picture as the text of an SVG.
///
/// # Errors
///
/// When it cannot be drawn.
pub fn svg(scenario: &Scenario, outcome: &Outcome) -> Result<String, PlotError> {
    load_fonts()?;
    let panels = panels(scenario, outcome);
    let height = TITLE_HEIGHT + FOOT_HEIGHT + panels.iter().map(|panel| panel.height).sum::<u32>();
    let mut text = String::new();
    draw(&SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area(), scenario, outcome, &panels)?;
    Ok(text)
}

/// Whether a picture of that name can be drawn there.
///
/// # Errors
///
/// When the extension is neither `.png` nor `.svg`, or the folder does not exist.
pub fn check_kind(path: &Path) -> Result<(), PlotError> {
    let extension = extension(path);
    if !["png", "svg"].contains(&extension.as_str()) {
        return Err(PlotError::UnknownKind(extension));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(PlotError::NoFolder(folder.to_owned()))
        }
        _ => Ok(()),
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|it| it.to_string_lossy().to_lowercase()).unwrap_or_default()
}

type Area<DB> = DrawingArea<DB, plotters::coord::Shift>;

fn draw<DB: DrawingBackend>(
    root: &Area<DB>,
    scenario: &Scenario,
    outcome: &Outcome,
    panels: &[series::Panel],
) -> Result<(), PlotError> {
    root.fill(&WHITE).map_err(drawing)?;
    let (head, mut rest) = root.split_vertically(TITLE_HEIGHT);
    let title = (FONT, 24, FontStyle::Bold).into_font().color(&BLACK);
    head.draw(&Text::new(scenario.plan.title.clone(), (16, 8), title)).map_err(drawing)?;
    let subtitle = format!("{}, seed {}, digest {}", scenario.name(), scenario.plan.seed, outcome.record.digest());
    let small = (FONT, 14).into_font().color(&RGBColor(96, 96, 96));
    head.draw(&Text::new(subtitle, (16, 37), small)).map_err(drawing)?;
    let axis = TimeAxis { end: scenario.plan.duration };
    for (number, panel) in panels.iter().enumerate() {
        let (area, below) = rest.split_vertically(panel.height);
        let is_last = number + 1 == panels.len();
        draw_panel(&area.margin(0, 0, 0, RIGHT_MARGIN), panel, axis, is_last).map_err(PlotError::Drawing)?;
        rest = below;
    }
    root.present().map_err(drawing)
}

/// The time axis of a run.
#[derive(Debug, Clone, Copy)]
struct TimeAxis {
    end: Millis,
}

impl TimeAxis {
    /// Seconds between two labels: a round number that gives about ten of them.
    fn step(self) -> f64 {
        const ROUND: [u64; 15] =
            [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800];
        let wanted = self.end.as_secs_f64() / 10.0;
        let round = ROUND.iter().map(|step| *step as f64).find(|step| *step >= wanted);
        round.unwrap_or((wanted / 86_400.0).ceil() * 86_400.0)
    }

    /// `1:30`, or `2d 6:00` in a run of more than two days, or `0:00:30` in a very short one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "labels are within the run")]
    fn label(self, seconds: f64) -> String {
        let seconds = seconds.max(0.0).round() as u64;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if self.end > Millis::secs(2 * 86_400) {
            format!("{}d {}:{minutes:02}", hours / 24, hours % 24)
        } else if self.step() < 60.0 {
            format!("{hours}:{minutes:02}:{:02}", seconds % 60)
        } else {
            format!("{hours}:{minutes:02}")
        }
    }
}

fn load_fonts() -> Result<(), PlotError> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = *LOADED.get_or_init(|| {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if loaded { Ok(()) } else { Err(PlotError::Font) }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn drawing<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> PlotError {
    PlotError::Drawing(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_axis_has_round_steps() {
        let axis = |seconds| TimeAxis { end: Millis::secs(seconds) };
        assert_eq!((axis(7200).step(), axis(7200).label(5400.0)), (900.0, "1:30".to_owned()));
        assert_eq!((axis(86_400).step(), axis(86_400).label(3600.0)), (10_800.0, "1:00".to_owned()));
        assert_eq!(axis(7 * 86_400).label(108_000.0), "1d 6:00");
        assert_eq!(axis(60).label(30.0), "0:00:30");
    }
}
