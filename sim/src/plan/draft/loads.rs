//! The load of a draft.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::problem::{Problem, Under, amount};
use super::trace::read_trace;
use super::values::Span;
use super::{Names, each, is_default};
use crate::kernel::time::Millis;
use crate::plan::{self, GroupLoad, Trace};

const DAY: Millis = Millis::secs(86_400);

/// The load on a group: shapes of one resource are added up, and noise multiplies the sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The group, as `job/group`.
    pub group: String,
    /// CPU, MHz.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cpu: Vec<Shape>,
    /// Memory, MiB.
    #[serde(default, skip_serializing_if = "is_default")]
    pub memory: Vec<Shape>,
}

/// A shape of load over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// Always so much.
    Constant(f64),
    /// So much from one moment on.
    Step(Step),
    /// Growing evenly.
    Ramp(Ramp),
    /// Up, held, and down again.
    Spike(Spike),
    /// A cosine between two levels.
    Diurnal(Diurnal),
    /// A normal deviate of this share.
    Noise(Noise),
    /// Values of a file.
    Trace(TraceFile),
}

/// So much from one moment on, for good or until another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From when.
    pub at: Span,
    /// How much.
    pub by: f64,
    /// Until when.
    pub until: Option<Span>,
}

/// Growing evenly from nothing to so much, and staying there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Start.
    pub from: Span,
    /// End.
    pub to: Span,
    /// How much in the end.
    pub by: f64,
}

/// Up, held, and down again; once or again and again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spike {
    /// When it starts to rise.
    pub at: Span,
    /// How high.
    pub by: f64,
    /// How long it rises.
    pub rise: Span,
    /// How long it holds.
    pub hold: Span,
    /// How long it falls.
    pub fall: Span,
    /// From one start to the next, if it comes again.
    pub every: Option<Span>,
}

/// A cosine between two levels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diurnal {
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// When the highest is reached.
    pub peak_at: Span,
    /// How long a period is: a day.
    pub period: Option<Span>,
}

/// Multiplies the sum of all others by 1 plus a normal deviate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Its standard deviation, in percent.
    pub percent: f64,
}

/// Values over time from a CSV file; between two, the earlier one holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFile {
    /// The file.
    pub file: String,
    /// What its values are multiplied by: 1.
    pub scale: Option<f64>,
    /// The column that has the values: `value`.
    pub column: Option<String>,
    /// Whether it begins anew when it has ended.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat: bool,
}

impl Load {
    /// CPU, in MHz, for a group, named as `job/group`.
    #[must_use]
    pub fn cpu(group: &str, shapes: impl Into<Vec<Shape>>) -> Self {
        Self { group: group.to_owned(), cpu: shapes.into(), memory: Vec::new() }
    }

    /// With this need of memory too, in MiB.
    #[must_use]
    pub fn memory(self, shapes: impl Into<Vec<Shape>>) -> Self {
        Self { memory: shapes.into(), ..self }
    }
}

impl Shape {
    fn check(&self, folder: &Path) -> Result<plan::Shape, Problem> {
        let positive = |what: Span, name: &str| match what.0 {
            Millis(0) => Err(Problem::new(format!("{name} must be longer than 0s"))),
            what => Ok(what),
        };
        Ok(match self {
            Self::Constant(level) => plan::Shape::Constant(amount(*level)?),
            Self::Step(step) => {
                plan::Shape::Step { at: step.at.0, by: amount(step.by)?, until: step.until.map(|until| until.0) }
            }
            Self::Ramp(ramp) if ramp.from < ramp.to => {
                plan::Shape::Ramp { from: ramp.from.0, to: ramp.to.0, by: amount(ramp.by)? }
            }
            Self::Ramp(_) => return Err(Problem::new("a ramp's from must be before its to")),
            Self::Spike(spike) => plan::Shape::Spike {
                at: spike.at.0,
                by: amount(spike.by)?,
                rise: spike.rise.0,
                hold: spike.hold.0,
                fall: spike.fall.0,
                every: spike.every.map(|every| positive(every, "every")).transpose()?,
            },
            Self::Diurnal(day) if day.low <= day.high => plan::Shape::Diurnal {
                low: amount(day.low)?,
                high: amount(day.high)?,
                peak_at: day.peak_at.0,
                period: day.period.map_or(Ok(DAY), |period| positive(period, "period"))?,
            },
            Self::Diurnal(_) => return Err(Problem::new("low must be at most high")),
            Self::Noise(noise) => plan::Shape::Noise { sigma: amount(noise.percent)? / 100.0 },
            Self::Trace(file) => plan::Shape::Trace(file.read(folder)?),
        })
    }
}

impl TraceFile {
    fn read(&self, folder: &Path) -> Result<Trace, Problem> {
        let column = self.column.as_deref().unwrap_or("value");
        let read = read_trace(&folder.join(&self.file), column);
        let (read, began) = read.map_err(|error| Problem::new(error.to_string()))?;
        let scale = amount(self.scale.unwrap_or(1.0))?;
        let samples = read.into_iter().map(|(at, value)| (at, value * scale)).collect();
        let trace = Trace { name: self.file.clone(), samples, period: None, began };
        if self.repeat && trace.length() == Millis(0) {
            return Err(Problem::new(format!("{} has one sample only: there is nothing to repeat", trace.name)));
        }
        Ok(Trace { period: self.repeat.then(|| trace.length()), ..trace })
    }
}

pub(super) fn loads(written: &[Load], names: &Names<'_>, folder: &Path) -> Result<Vec<GroupLoad>, Problem> {
    let mut loads = vec![GroupLoad::default(); names.groups.len()];
    for (number, load) in written.iter().enumerate() {
        add(&mut loads, load, names, folder).under(number)?;
    }
    Ok(loads)
}

fn add(loads: &mut [GroupLoad], load: &Load, names: &Names<'_>, folder: &Path) -> Result<(), Problem> {
    let group = &mut loads[names.group(&load.group).under("group")?];
    if !group.cpu.is_empty() || !group.memory.is_empty() {
        let message = "this group has a load already; put all shapes into one";
        return Err(Problem::new(message)).under("group");
    }
    group.cpu = each(&load.cpu, |shape| shape.check(folder)).under("cpu")?;
    group.memory = each(&load.memory, |shape| shape.check(folder)).under("memory")?;
    Ok(())
}
