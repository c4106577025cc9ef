//! The picture of a run, for somebody who asks what happened, why, and what to change: events, pools, and each group that did
//! something, over one time axis.
//!
//! - `story`: what the panels show, taken from the record; `events`: the lane of what happened.
//! - `panel`: a panel as data; `axis`: round times and values; `draw`: onto pixels; `compact`: a smaller SVG.

mod axis;
mod compact;
mod draw;
mod events;
mod panel;
mod story;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::judge::Outcome;
use crate::plan::{Plan, Shape};
use crate::scenario::Scenario;

use axis::TimeAxis;
use compact::compact;
use draw::{FONT, FOOT, LEFT, RIGHT, draw_events, draw_panel, draw_times, height_of, width_of};
use events::{Placed, ROW, happened, placed};
use panel::Panel;
use story::story;

/// Width of a picture in pixels, where nothing is said.
pub const WIDTH: u32 = 1280;
/// Height of the title above all panels.
const TITLE_HEIGHT: i32 = 62;
/// Red, green and blue.
const BYTES_OF_PIXEL: usize = 3;

/// What of a run is drawn, and how large.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Pools and groups by name; all where it is empty.
    pub only: Vec<String>,
    /// Pixels.
    pub width: u32,
    /// By how much panels are higher than usual.
    pub scale: f64,
}

impl Default for View {
    fn default() -> Self {
        Self { only: vec![], width: WIDTH, scale: 1.0 }
    }
}

impl View {
    fn shows(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == name)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a panel")]
    fn scaled(&self, height: u32) -> u32 {
        (f64::from(height) * self.scale).round() as u32
    }
}

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
pub fn plot(scenario: &Scenario, outcome: &Outcome, view: &View, path: &Path) -> Result<(), PlotError> {
    check_kind(path)?;
    load_fonts()?;
    let picture = Picture::of(scenario, outcome, view);
    match extension(path).as_str() {
        "svg" => std::fs::write(path, picture.svg()?).map_err(|error| PlotError::Drawing(error.to_string())),
        _ => picture.png(path),
    }
}

/// The picture as the text of an SVG.
///
/// # Errors
///
/// When it cannot be drawn.
pub fn svg(scenario: &Scenario, outcome: &Outcome, view: &View) -> Result<String, PlotError> {
    load_fonts()?;
    Picture::of(scenario, outcome, view).svg()
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

/// A picture before it is drawn.
struct Picture {
    title: String,
    made: String,
    events: (Vec<Placed>, usize),
    panels: Vec<Panel>,
    quiet: Option<String>,
    axis: TimeAxis,
    size: (u32, u32),
}

impl Picture {
    fn of(scenario: &Scenario, outcome: &Outcome, view: &View) -> Self {
        let plan = &scenario.plan;
        let room = i32::try_from(view.width).unwrap_or(i32::MAX) - LEFT - RIGHT;
        let width = u32::try_from(room).unwrap_or(100).max(100);
        let axis = TimeAxis { end: plan.duration, began: began(plan), width };
        let events = placed(happened(plan, &outcome.record), axis, |words| width_of(words, 13));
        let story = story(plan, outcome, view);
        let quiet = quiet_line(&story.quiet, room);
        let set = scenario.set.iter().map(|change| format!("set {change}"));
        let made = [scenario.name(), format!("seed {}", plan.seed)].into_iter().chain(set);
        let made = made.chain([format!("digest {}", outcome.record.digest())]).collect::<Vec<_>>().join(", ");
        let mut picture =
            Self { title: plan.title.clone(), made, events, panels: story.panels, quiet, axis, size: (0, 0) };
        let height = picture.layout(view.width).last().copied().unwrap_or(0) + FOOT;
        picture.size = (view.width, u32::try_from(height).unwrap_or(0));
        picture
    }

    /// Where the lane of events begins, each panel, and what is under the last one.
    fn layout(&self, width: u32) -> Vec<i32> {
        let rows = self.events.0.iter().map(|it| it.row + 1).max().unwrap_or(0);
        let lane = if rows == 0 { 0 } else { 30 + i32::try_from(rows).unwrap_or(0) * i32::try_from(ROW).unwrap_or(0) };
        let quiet = if self.quiet.is_some() { 18 } else { 0 };
        let mut tops = vec![TITLE_HEIGHT + quiet];
        tops.push(TITLE_HEIGHT + quiet + lane);
        for panel in &self.panels {
            tops.push(tops[tops.len() - 1] + height_of(panel, width));
        }
        tops
    }

    fn svg(&self) -> Result<String, PlotError> {
        let mut text = String::new();
        self.draw(&SVGBackend::with_string(&mut text, self.size).into_drawing_area())?;
        Ok(compact(&text))
    }

    fn png(&self, path: &Path) -> Result<(), PlotError> {
        let (width, height) = self.size;
        let mut pixels = vec![0; width as usize * height as usize * BYTES_OF_PIXEL];
        self.draw(&BitMapBackend::with_buffer(&mut pixels, self.size).into_drawing_area())?;
        let written = || {
            let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
            encoder.set_color(png::ColorType::Rgb);
            let mut writer = encoder.write_header()?;
            writer.write_image_data(&pixels)?;
            writer.finish()
        };
        written().map_err(|error| PlotError::Drawing(error.to_string()))
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Result<(), PlotError> {
        root.fill(&WHITE).map_err(drawing)?;
        let title = (FONT, 24, FontStyle::Bold).into_font().color(&BLACK);
        root.draw(&Text::new(self.title.clone(), (14, 8), title)).map_err(drawing)?;
        let small = (FONT, 13).into_font().color(&RGBColor(96, 96, 96));
        root.draw(&Text::new(self.made.clone(), (14, 38), small.clone())).map_err(drawing)?;
        if let Some(quiet) = &self.quiet {
            root.draw(&Text::new(quiet.clone(), (14, 56), small)).map_err(drawing)?;
        }
        let tops = self.layout(self.size.0);
        if !self.events.0.is_empty() {
            draw_events(root, &self.events.0, self.events.1, self.axis, tops[0]).map_err(drawing)?;
        }
        for (panel, top) in self.panels.iter().zip(&tops[1..]) {
            draw_panel(root, panel, self.axis, *top).map_err(drawing)?;
        }
        draw_times(root, self.axis, tops[tops.len() - 1]).map_err(drawing)?;
        root.present().map_err(drawing)
    }
}

/// When the load began, where it has dates.
fn began(plan: &Plan) -> Option<jiff::Timestamp> {
    let shapes = plan.loads.iter().flat_map(|load| load.cpu.iter().chain(&load.memory));
    shapes.filter_map(|shape| if let Shape::Trace(trace) = shape { trace.began } else { None }).min()
}

/// Who is left out, as far as a line holds.
fn quiet_line(quiet: &[String], width: i32) -> Option<String> {
    let (first, rest) = quiet.split_first()?;
    let mut line = format!("no step, no bound, no unmet demand: {first}");
    for (number, name) in rest.iter().enumerate() {
        let longer = format!("{line}, {name}");
        let more = format!(" and {} more", rest.len() - number);
        if width_of(&format!("{longer}{more}"), 13) > width {
            return Some(line + &more);
        }
        line = longer;
    }
    Some(line)
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
