//! The load of a scenario that is made up.

use super::making::{Feature, LENGTH, MadeGroup, Making, minutes};
use crate::plan::draft::{Diurnal, Load, Noise, Ramp, Shape, Spike, Step};

pub(super) fn make(making: &mut Making) {
    let groups = std::mem::take(&mut making.groups);
    for group in groups.iter().filter(|group| group.scaled) {
        let load = load(making, group);
        making.draft.load.push(load);
    }
    making.groups = groups;
}

fn load(making: &mut Making, group: &MadeGroup) -> Load {
    // From next to nothing to twice of what the group can take.
    let level = |making: &mut Making, each: u64| making.dice.within(0..each * (group.count + 1) * 2);
    let (cpu, memory) = (level(making, group.cpu), level(making, group.memory));
    let cpu = shapes(making, cpu);
    Load::cpu(&group.name, cpu).memory(shapes(making, memory))
}

fn shapes(making: &mut Making, level: u64) -> Vec<Shape> {
    let mut shapes = vec![Shape::Constant((level / 2) as f64)];
    if making.has(Feature::Load) {
        for _ in 0..making.dice.within(0..3) {
            shapes.push(shape(making, level as f64));
        }
    }
    shapes
}

fn shape(making: &mut Making, by: f64) -> Shape {
    let at = making.dice.within(0..LENGTH - 20);
    let lasts = making.dice.within(1..60);
    let (start, end) = (minutes(at), minutes(at + lasts));
    match making.dice.within(0..6) {
        0 => Shape::Step(Step { at: start, by, until: None }),
        1 => Shape::Step(Step { at: start, by, until: Some(end) }),
        2 => Shape::Ramp(Ramp { from: start, to: end, by }),
        3 => {
            let every = making.dice.within(10..90);
            let (rise, fall) = (minutes(1), minutes(2));
            Shape::Spike(Spike { at: start, by, rise, hold: minutes(lasts), fall, every: Some(minutes(every)) })
        }
        4 => Shape::Diurnal(Diurnal { low: 0.0, high: by, peak_at: start, period: Some(minutes(lasts + 20)) }),
        _ => Shape::Noise(Noise { percent: making.dice.within(1..40) as f64 }),
    }
}
