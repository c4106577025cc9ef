//! One panel of a picture: header with legend, axes, shading, lines, marks.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::FontStyle;
use replicator::decide::Direction;

use super::series::{Look, Mark, Panel};
use super::{Area, FOOT_HEIGHT, TimeAxis};

/// The family under which the built-in fonts are registered.
pub(super) const FONT: &str = "replicator";

const HEADER_HEIGHT: u32 = 28;
const LABELS_WIDTH: u32 = 74;
const TIME_LABELS_HEIGHT: u32 = 24;
const TEXT: RGBColor = RGBColor(60, 60, 60);
const OUT: RGBColor = RGBColor(0, 130, 60);
const IN: RGBColor = RGBColor(190, 60, 20);

type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws one panel. The errors of the backend are passed on as text, since each backend has its own.
pub(super) fn draw_panel<DB: DrawingBackend>(
    area: &Area<DB>,
    panel: &Panel,
    axis: TimeAxis,
    is_last: bool,
) -> Result<(), String> {
    let (header, body) = area.split_vertically(HEADER_HEIGHT);
    draw_header(&header, panel).map_err(|error| error.to_string())?;
    draw_body(&body, panel, axis, is_last).map_err(|error| error.to_string())
}

type DrawResult<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Title at the left, legend at the right.
fn draw_header<DB: DrawingBackend>(area: &Area<DB>, panel: &Panel) -> DrawResult<DB> {
    let title = (FONT, 16, FontStyle::Bold).into_font().color(&BLACK);
    area.draw(&Text::new(format!("{} ({})", panel.title, panel.unit), (16, 7), title))?;
    let font = (FONT, 13).into_font();
    let (width, _) = area.dim_in_pixel();
    let mut right = i32::try_from(width).unwrap_or(i32::MAX) - 4;
    let mut write = |name: &str, swatch: &dyn Fn(i32) -> DrawResult<DB>| -> DrawResult<DB> {
        let (text_width, _) = area.estimate_text_size(name, &font.clone().into())?;
        right -= i32::try_from(text_width).unwrap_or_default();
        area.draw(&Text::new(name.to_owned(), (right, 9), font.color(&TEXT)))?;
        right -= 32;
        swatch(right)?;
        right -= 14;
        Ok(())
    };
    if panel.marks.iter().any(|mark| mark.direction == Direction::In) {
        write("in", &|left| area.draw(&triangle((left + 14, 16), Direction::In)))?;
    }
    if panel.marks.iter().any(|mark| mark.direction == Direction::Out) {
        write("out", &|left| area.draw(&triangle((left + 14, 16), Direction::Out)))?;
    }
    let mut named: Vec<&str> = Vec::new();
    for shade in &panel.shades {
        if !named.contains(&shade.name) {
            named.push(shade.name);
            write(shade.name, &|left| {
                area.draw(&Rectangle::new([(left, 9), (left + 26, 22)], shade.colour.mix(0.3).filled()))
            })?;
        }
    }
    for line in panel.lines.iter().rev() {
        let stroke = |from: i32, to: i32, left: i32| {
            PathElement::new(vec![(left + from, 16), (left + to, 16)], line.colour.stroke_width(3))
        };
        write(&line.name, &|left| match line.look {
            Look::Solid => area.draw(&stroke(0, 26, left)),
            Look::Dashed => [0, 10, 20].into_iter().try_for_each(|from| area.draw(&stroke(from, from + 6, left))),
            Look::Area => {
                let body = [(left, 9), (left + 26, 22)];
                area.draw(&Rectangle::new(body, line.colour.mix(0.3).filled()))?;
                area.draw(&PathElement::new(vec![(left, 9), (left + 26, 9)], line.colour.stroke_width(2)))
            }
        })?;
    }
    Ok(())
}

fn draw_body<DB: DrawingBackend>(area: &Area<DB>, panel: &Panel, axis: TimeAxis, is_last: bool) -> DrawResult<DB> {
    let top = ceiling(panel);
    // The axis counts steps rather than seconds, so that its labels are at round times.
    let end = axis.end.as_secs_f64() / axis.step();
    let mut chart = ChartBuilder::on(area)
        .margin_top(4)
        .x_label_area_size(if is_last { TIME_LABELS_HEIGHT + FOOT_HEIGHT } else { TIME_LABELS_HEIGHT })
        .y_label_area_size(LABELS_WIDTH)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    draw_shades(&mut chart, panel, axis, top)?;
    let label_style = (FONT, 13).into_font().color(&TEXT);
    let time = |steps: &f64| axis.label(*steps * axis.step());
    let value = |value: &f64| number(*value);
    let mut mesh = chart.configure_mesh();
    mesh.label_style(label_style)
        .axis_style(TEXT.mix(0.7))
        .light_line_style(TRANSPARENT)
        .bold_line_style(TEXT.mix(0.12))
        .x_labels(labels(end))
        .y_labels(5)
        .x_label_formatter(&time)
        .y_label_formatter(&value);
    if is_last {
        mesh.x_desc("time since the start (h:mm)");
    }
    mesh.draw()?;
    draw_lines(&mut chart, panel, axis)?;
    let mark =
        |mark: &Mark| EmptyElement::at((mark.at / axis.step(), mark.value.min(top))) + triangle((0, 0), mark.direction);
    chart.draw_series(panel.marks.iter().map(mark))?;
    Ok(())
}

fn draw_shades<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    panel: &Panel,
    axis: TimeAxis,
    top: f64,
) -> DrawResult<DB> {
    for shade in &panel.shades {
        let style = shade.colour.mix(0.3).filled();
        chart.draw_series(
            shade
                .stretches
                .iter()
                .map(|&(from, to)| Rectangle::new([(from / axis.step(), 0.0), (to / axis.step(), top)], style)),
        )?;
    }
    Ok(())
}

fn draw_lines<DB: DrawingBackend>(chart: &mut Chart<'_, DB>, panel: &Panel, axis: TimeAxis) -> DrawResult<DB> {
    for line in &panel.lines {
        let points: Vec<(f64, f64)> =
            steps(&line.points).into_iter().map(|(at, value)| (at / axis.step(), value)).collect();
        let style = line.colour.stroke_width(2);
        if line.look == Look::Dashed {
            chart.draw_series(DashedLineSeries::new(points, 6, 4, style))?;
            continue;
        }
        // Stroke by stroke: as one thick path, a narrow notch would be drawn with holes.
        chart.draw_series(points.windows(2).map(|stroke| PathElement::new(stroke.to_vec(), style)))?;
        if line.look == Look::Area {
            chart.draw_series(AreaSeries::new(points, 0.0, line.colour.mix(0.25)))?;
        }
    }
    Ok(())
}

/// Values hold until the next sample: counts are drawn as the steps they are.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut drawn: Vec<(f64, f64)> = Vec::with_capacity(points.len() * 2);
    for &(at, value) in points {
        if let Some(&(_, last)) = drawn.last() {
            #[expect(clippy::float_cmp, reason = "the same value, drawn once")]
            if last != value {
                drawn.push((at, last));
            }
        }
        drawn.push((at, value));
    }
    drawn
}

/// Points up for out, down for in, as operators read it.
fn triangle((x, y): (i32, i32), direction: Direction) -> Polygon<(i32, i32)> {
    match direction {
        Direction::Out => Polygon::new(vec![(x - 5, y + 4), (x + 5, y + 4), (x, y - 6)], OUT.filled()),
        Direction::In => Polygon::new(vec![(x - 5, y - 4), (x + 5, y - 4), (x, y + 6)], IN.filled()),
    }
}

/// A little above the highest value, and never nothing.
fn ceiling(panel: &Panel) -> f64 {
    let highest = panel.lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max);
    (highest * 1.12).max(1.0)
}

fn labels(steps: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about ten")]
    let labels = steps.round() as usize + 2;
    labels
}

/// A number as short as it can be: whole where it is large.
fn number(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
