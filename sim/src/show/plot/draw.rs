//! Drawing: panels, lanes and legends onto pixels. Lines are steps of whole pixels, so that nothing blurs, and a path has only
//! the points that show.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontStyle;
use replicator::decide::Direction;

use super::axis::{TimeAxis, values};
use super::events::{Placed, ROW};
use super::panel::{Line, Look, Mark, Panel, RED};

/// The family of the built-in font. In an SVG it is whatever the reader's machine has under this name.
pub(super) const FONT: &str = "sans-serif";

/// Room for labels of values at the left.
pub(super) const LEFT: i32 = 62;
/// Free room at the right, lest the last label is cut.
pub(super) const RIGHT: i32 = 34;
/// Of a heading: the row of the title, and each row of the legend.
const TITLE_ROW: i32 = 22;
const LEGEND_ROW: i32 = 17;
const SWATCH: i32 = 24;
/// Room for the steps under a panel's lines.
const MARKS_HEIGHT: i32 = 9;
/// Between two panels.
const GAP: i32 = 10;
/// Under the last one: labels of time, and what they are.
pub(super) const FOOT: i32 = 42;

const TEXT: RGBColor = RGBColor(60, 60, 60);
const GRID: RGBColor = RGBColor(228, 228, 228);
const AXIS: RGBColor = RGBColor(150, 150, 150);
const BAND: RGBColor = RGBColor(222, 232, 214);
const OUT: RGBColor = RGBColor(0, 120, 55);
const IN: RGBColor = RGBColor(190, 60, 20);

type Area<DB> = DrawingArea<DB, Shift>;
type DrawResult<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// How wide a text is, in pixels.
pub(super) fn width_of(text: &str, size: u32) -> i32 {
    let measured = (FONT, size).into_font().box_size(text).map_or(0, |(width, _)| width);
    // The reader's font may be wider than ours.
    i32::try_from(measured).unwrap_or(i32::MAX - 8).max(i32::try_from(text.chars().count()).unwrap_or(0) * 6) + 6
}

/// An entry of a legend.
struct Entry<'a> {
    name: String,
    look: Swatch<'a>,
}

enum Swatch<'a> {
    Line(&'a Line),
    Fill(RGBColor, f64),
    Mark(Direction),
}

/// Where each thing of a panel goes.
struct Layout<'a> {
    /// Entries with their left end and their row.
    legend: Vec<(Entry<'a>, i32, i32)>,
    heading: i32,
}

fn layout(panel: &Panel, width: i32) -> Layout<'_> {
    let after_title = 14 + width_of(&format!("{} ({})", panel.title, panel.unit), 16) + 24;
    let right = width - RIGHT;
    let mut legend = Vec::new();
    let entries = entries(panel);
    let whole: i32 = entries.iter().map(|entry| SWATCH + 6 + width_of(&entry.name, 13) + 16).sum();
    // Beside the title where it has room, else in rows of its own.
    let (mut x, mut row) = if after_title + whole <= right { (right - whole, 0) } else { (LEFT, 1) };
    for entry in entries {
        let wide = SWATCH + 6 + width_of(&entry.name, 13) + 16;
        if x + wide > right && x > LEFT && row > 0 {
            (x, row) = (LEFT, row + 1);
        }
        legend.push((entry, x, row));
        x += wide;
    }
    Layout { legend, heading: TITLE_ROW + row * LEGEND_ROW }
}

fn entries(panel: &Panel) -> Vec<Entry<'_>> {
    let drawn = panel.lines.iter().filter(|line| !line.points.is_empty());
    let lines = drawn.map(|line| Entry { name: line.name.clone(), look: Swatch::Line(line) });
    let bands = panel.bands.iter().map(|band| Entry { name: band.name.clone(), look: Swatch::Fill(BAND, 1.0) });
    let shades =
        panel.shades.iter().map(|shade| Entry { name: shade.name.to_owned(), look: Swatch::Fill(shade.colour, 0.3) });
    let has = |direction: Direction| panel.marks.iter().any(|mark| mark.direction == direction);
    let marks = [(Direction::Out, "step out"), (Direction::In, "step in")];
    let marks = marks.into_iter().filter(|(direction, _)| has(*direction));
    let marks = marks.map(|(direction, name)| Entry { name: name.to_owned(), look: Swatch::Mark(direction) });
    lines.chain(bands).chain(shades).chain(marks).collect()
}

/// How high a panel is, with its heading and what is under it.
pub(super) fn height_of(panel: &Panel, width: u32) -> i32 {
    let width = i32::try_from(width).unwrap_or(i32::MAX);
    layout(panel, width).heading + i32::try_from(panel.height).unwrap_or(0) + MARKS_HEIGHT + GAP
}

/// Draws a panel at this height of the picture.
pub(super) fn draw_panel<DB: DrawingBackend>(
    area: &Area<DB>,
    panel: &Panel,
    axis: TimeAxis,
    top: i32,
) -> DrawResult<DB> {
    let (width, _) = area.dim_in_pixel();
    let layout = layout(panel, i32::try_from(width).unwrap_or(i32::MAX));
    let title = (FONT, 16, FontStyle::Bold).into_font().color(&BLACK);
    area.draw(&Text::new(format!("{} ({})", panel.title, panel.unit), (14, top + 3), title))?;
    for (entry, x, row) in &layout.legend {
        draw_entry(area, entry, *x, top + 4 + row * LEGEND_ROW + i32::from(*row > 0) * 3)?;
    }
    let body_top = top + layout.heading;
    let bottom = body_top + i32::try_from(panel.height).unwrap_or(0);
    let body = Body { axis, top: body_top, bottom, most: panel.top() };
    body.draw_background(area, panel)?;
    for line in &panel.lines {
        body.draw_line(area, line)?;
    }
    body.draw_marks(area, &panel.marks)
}

fn draw_entry<DB: DrawingBackend>(area: &Area<DB>, entry: &Entry<'_>, x: i32, y: i32) -> DrawResult<DB> {
    let font = (FONT, 13).into_font().color(&TEXT);
    area.draw(&Text::new(entry.name.clone(), (x + SWATCH + 6, y + 1), font))?;
    let middle = y + 8;
    match entry.look {
        Swatch::Fill(colour, share) => {
            area.draw(&Rectangle::new([(x, y + 2), (x + SWATCH, y + 14)], colour.mix(share).filled()))
        }
        Swatch::Mark(direction) => draw_mark(area, x + SWATCH / 2, middle - 3, direction),
        Swatch::Line(line) => {
            if line.look == Look::Area {
                let body = [(x, middle), (x + SWATCH, y + 14)];
                area.draw(&Rectangle::new(body, line.colour.mix(0.25).filled()))?;
            }
            strokes(line.look, &[(x, middle), (x + SWATCH, middle)])
                .into_iter()
                .try_for_each(|stroke| area.draw(&Rectangle::new(stroke, line.colour.filled())))
        }
    }
}

/// Where a panel's values go.
struct Body {
    axis: TimeAxis,
    top: i32,
    bottom: i32,
    most: f64,
}

impl Body {
    fn x(&self, seconds: f64) -> i32 {
        LEFT + self.axis.x(seconds)
    }

    #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
    fn y(&self, value: f64) -> i32 {
        self.bottom - (value / self.most * f64::from(self.bottom - self.top)).round() as i32
    }

    fn right(&self) -> i32 {
        self.x(self.axis.end.as_secs_f64())
    }

    fn draw_background<DB: DrawingBackend>(&self, area: &Area<DB>, panel: &Panel) -> DrawResult<DB> {
        for band in &panel.bands {
            let body = [(LEFT, self.y(band.to)), (self.right(), self.y(band.from))];
            area.draw(&Rectangle::new(body, BAND.filled()))?;
        }
        for shade in &panel.shades {
            for &(from, to) in &shade.stretches {
                let right = self.x(to).max(self.x(from) + 1).min(self.right());
                let body = [(self.x(from), self.top), (right, self.bottom)];
                area.draw(&Rectangle::new(body, shade.colour.mix(0.3).filled()))?;
            }
        }
        for (seconds, _) in self.axis.labels() {
            let x = self.x(seconds);
            area.draw(&PathElement::new(vec![(x, self.top), (x, self.bottom)], GRID))?;
        }
        let font = (FONT, 13).into_font();
        for value in values(self.most) {
            let y = self.y(value);
            area.draw(&PathElement::new(vec![(LEFT, y), (self.right(), y)], GRID))?;
            let label = format!("{value:.0}");
            let (width, _) = font.box_size(&label).unwrap_or_default();
            let x = LEFT - 8 - i32::try_from(width).unwrap_or(0);
            area.draw(&Text::new(label, (x, y - 7), font.color(&TEXT)))?;
        }
        area.draw(&PathElement::new(vec![(LEFT, self.top), (LEFT, self.bottom), (self.right(), self.bottom)], AXIS))
    }

    fn draw_line<DB: DrawingBackend>(&self, area: &Area<DB>, line: &Line) -> DrawResult<DB> {
        let path = self.path(&line.points);
        if line.look == Look::Area && path.len() > 1 {
            let mut outline = path.clone();
            outline.extend([(path[path.len() - 1].0, self.bottom), (path[0].0, self.bottom)]);
            area.draw(&Polygon::new(outline, line.colour.mix(0.22).filled()))?;
        }
        strokes(line.look, &path)
            .into_iter()
            .try_for_each(|stroke| area.draw(&Rectangle::new(stroke, line.colour.filled())))
    }

    /// Steps: a value holds until the next one. Of many in one column of pixels the lowest, the highest and the last show.
    fn path(&self, points: &[(f64, f64)]) -> Vec<(i32, i32)> {
        let mut path: Vec<(i32, i32)> = Vec::new();
        let mut push = |point: (i32, i32)| {
            if path.last() != Some(&point) {
                path.push(point);
            }
        };
        let mut last = None;
        for column in points.chunk_by(|a, b| self.x(a.0) == self.x(b.0)) {
            let x = self.x(column[0].0);
            if let Some(y) = last {
                push((x, y));
            }
            let ys = || column.iter().map(|point| self.y(point.1));
            for y in [ys().min(), ys().max(), ys().next_back()].into_iter().flatten() {
                push((x, y));
                last = Some(y);
            }
        }
        path
    }

    /// Under the lines, so that hundreds of steps smother none.
    fn draw_marks<DB: DrawingBackend>(&self, area: &Area<DB>, marks: &[Mark]) -> DrawResult<DB> {
        let mut drawn: Vec<(i32, Direction)> = Vec::new();
        for mark in marks {
            let place = (self.x(mark.at), mark.direction);
            if !drawn.iter().rev().take(2).any(|before| *before == place) {
                draw_mark(area, place.0, self.bottom + 2, place.1)?;
                drawn.push(place);
            }
        }
        Ok(())
    }
}

/// A small triangle: up for out, down for in, as operators read it.
fn draw_mark<DB: DrawingBackend>(area: &Area<DB>, x: i32, y: i32, direction: Direction) -> DrawResult<DB> {
    match direction {
        Direction::Out => area.draw(&Polygon::new(vec![(x - 3, y + 6), (x + 3, y + 6), (x, y)], OUT.filled())),
        Direction::In => area.draw(&Polygon::new(vec![(x - 3, y), (x + 3, y), (x, y + 6)], IN.filled())),
    }
}

/// The rectangles that a path of horizontal and vertical strokes is made of: whole pixels, with no joints to blur.
fn strokes(look: Look, path: &[(i32, i32)]) -> Vec<[(i32, i32); 2]> {
    let (thick, dash) = match look {
        Look::Bold => (3, None),
        Look::Solid => (2, None),
        Look::Area => (1, None),
        Look::Dashed => (2, Some((9, 5))),
        Look::Dotted => (1, Some((3, 6))),
    };
    let (before, after) = (thick / 2, thick - thick / 2);
    let mut all = Vec::new();
    for pair in path.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let (from, to) = ((x0.min(x1), y0.min(y1)), (x0.max(x1), y0.max(y1)));
        let grown = |a: (i32, i32), b: (i32, i32)| [(a.0 - before, a.1 - before), (b.0 + after, b.1 + after)];
        match dash.filter(|_| from.1 == to.1) {
            None => all.push(grown(from, to)),
            Some((on, off)) => {
                // Dashes are where they would be from the picture's edge, so that they do not crowd at every step.
                let period = on + off;
                let first = from.0.div_euclid(period) * period;
                let starts = (0..).map(|number| first + number * period).take_while(|start| *start <= to.0);
                all.extend(
                    starts
                        .map(|start| (start.max(from.0), (start + on).min(to.0)))
                        .filter(|(start, end)| start < end)
                        .map(|(start, end)| grown((start, from.1), (end, from.1))),
                );
            }
        }
    }
    all
}

/// Draws the lane of events.
pub(super) fn draw_events<DB: DrawingBackend>(
    area: &Area<DB>,
    placed: &[Placed],
    left_out: usize,
    axis: TimeAxis,
    top: i32,
) -> DrawResult<DB> {
    let title = (FONT, 16, FontStyle::Bold).into_font().color(&BLACK);
    let more = if left_out == 0 { String::new() } else { format!(" ({left_out} more are in the log)") };
    area.draw(&Text::new(format!("events{more}"), (14, top + 3), title))?;
    let font = (FONT, 13).into_font().color(&TEXT);
    for it in placed {
        let row = i32::try_from(it.row).unwrap_or(0) * i32::try_from(ROW).unwrap_or(0);
        let (x, y) = (LEFT + axis.x(it.happened.at), top + TITLE_ROW + row);
        if let Some(until) = it.happened.until {
            let to = LEFT + axis.x(until.min(axis.end.as_secs_f64()));
            area.draw(&Rectangle::new([(x, y + 14), (to, y + 15)], RED.mix(0.6).filled()))?;
        }
        area.draw(&Rectangle::new([(x, y + 2), (x + 1, y + 15)], RED.filled()))?;
        area.draw(&Text::new(it.happened.words.clone(), (LEFT + it.x, y), font.clone()))?;
    }
    Ok(())
}

/// Draws the labels of time under the last panel.
pub(super) fn draw_times<DB: DrawingBackend>(area: &Area<DB>, axis: TimeAxis, top: i32) -> DrawResult<DB> {
    let font = (FONT, 13).into_font();
    for (seconds, label) in axis.labels() {
        let (width, _) = font.box_size(&label).unwrap_or_default();
        let x = LEFT + axis.x(seconds) - i32::try_from(width).unwrap_or(0) / 2;
        area.draw(&Text::new(label, (x, top), font.color(&TEXT)))?;
    }
    let (width, _) = font.box_size(axis.name()).unwrap_or_default();
    let middle = LEFT + (i32::try_from(axis.width).unwrap_or(0) - i32::try_from(width).unwrap_or(0)) / 2;
    area.draw(&Text::new(axis.name(), (middle, top + 20), font.color(&TEXT)))
}
