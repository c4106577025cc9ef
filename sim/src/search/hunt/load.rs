//! The load of a scenario that is made up.

use super::draft::{Draft, DraftGroup, Feature, LENGTH};

pub(super) fn write(draft: &mut Draft) {
    let groups = std::mem::take(&mut draft.groups);
    for group in groups.iter().filter(|group| group.scaled) {
        load(draft, group);
    }
    draft.groups = groups;
}

fn load(draft: &mut Draft, group: &DraftGroup) {
    // From next to nothing to twice of what the group can take.
    let level = |draft: &mut Draft, each: u64| draft.dice.within(0..each * (group.count + 1) * 2);
    let (cpu, memory) = (level(draft, group.cpu), level(draft, group.memory));
    let (cpu, memory) = (shapes(draft, cpu), shapes(draft, memory));
    draft.line(format_args!("[[load]]\ngroup = \"{}\"\ncpu = [{cpu}]\nmemory = [{memory}]\n", group.name));
}

fn shapes(draft: &mut Draft, level: u64) -> String {
    let mut shapes = vec![format!("{{ constant = {} }}", level / 2)];
    if draft.has(Feature::Load) {
        for _ in 0..draft.dice.within(0..3) {
            shapes.push(shape(draft, level));
        }
    }
    shapes.join(", ")
}

fn shape(draft: &mut Draft, level: u64) -> String {
    let at = draft.dice.within(0..LENGTH - 20);
    let lasts = draft.dice.within(1..60);
    match draft.dice.within(0..6) {
        0 => format!("{{ step = {{ at = \"{at}m\", by = {level} }} }}"),
        1 => format!("{{ step = {{ at = \"{at}m\", by = {level}, until = \"{}m\" }} }}", at + lasts),
        2 => format!("{{ ramp = {{ from = \"{at}m\", to = \"{}m\", by = {level} }} }}", at + lasts),
        3 => {
            let every = draft.dice.within(10..90);
            let form = format!("rise = \"1m\", hold = \"{lasts}m\", fall = \"2m\", every = \"{every}m\"");
            format!("{{ spike = {{ at = \"{at}m\", by = {level}, {form} }} }}")
        }
        4 => {
            format!("{{ diurnal = {{ low = 0, high = {level}, peak_at = \"{at}m\", period = \"{}m\" }} }}", lasts + 20)
        }
        _ => format!("{{ noise = {{ percent = {} }} }}", draft.dice.within(1..40)),
    }
}
