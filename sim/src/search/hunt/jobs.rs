//! The jobs of a scenario that is made up.

use super::draft::{Draft, DraftGroup, Feature};

/// The group that agents run in, where they do.
pub(super) const AGENTS: &str = "replicator/agents";

/// What a job is like.
struct DraftJob {
    name: String,
    kind: &'static str,
    pool: usize,
}

pub(super) fn write(draft: &mut Draft) {
    if draft.has(Feature::RunsInside) {
        home_of_agents(draft);
    }
    for number in 0..draft.dice.within(1..6) {
        job(draft, &format!("job{number}"));
    }
}

fn home_of_agents(draft: &mut Draft) {
    let (pool, count) = (draft.pools[0].name, draft.agents);
    draft.line(format_args!("[jobs.replicator]\npool = \"{pool}\""));
    draft.line(format_args!("[jobs.replicator.groups.agents]\ncount = {count}"));
    draft.line(format_args!("[jobs.replicator.groups.agents.tasks.agent]\ncpu = 50\nmemory = 50\n"));
}

fn job(draft: &mut Draft, name: &str) {
    let kind = if draft.maybe(Feature::OtherKinds, 0.4) { draft.one_of("batch", &["system"]) } else { "service" };
    let pool = usize::try_from(draft.dice.within(0..draft.pools.len() as u64)).unwrap_or(0);
    let of_pool = draft.pools[pool].name;
    draft.line(format_args!("[jobs.{name}]\ntype = \"{kind}\"\npool = \"{of_pool}\""));
    if draft.maybe(Feature::Placement, 0.1) {
        draft.line(format_args!("distinct_hosts = true"));
    }
    if kind == "service" && draft.maybe(Feature::Updates, 0.6) {
        let (healthy, deadline) = (draft.dice.within(1..60), draft.dice.within(60..900));
        draft.line(format_args!("[jobs.{name}.update]\nmin_healthy_time = \"{healthy}s\""));
        draft.line(format_args!("progress_deadline = \"{deadline}s\""));
    }
    let job = DraftJob { name: name.to_owned(), kind, pool };
    let groups = if draft.has(Feature::ManyGroups) { draft.dice.within(1..4) } else { 1 };
    for number in 0..groups {
        group(draft, &job, &format!("g{number}"));
    }
}

fn group(draft: &mut Draft, job: &DraftJob, name: &str) {
    let (whole, nodes) = ((draft.pools[job.pool].cpu, draft.pools[job.pool].memory), draft.pools[job.pool].nodes);
    let tasks = if draft.maybe(Feature::ManyGroups, 0.4) { 2 } else { 1 };
    // Small work mostly, and now and then work that fills half a node or more.
    let parts = draft.one_of(12, &[8, 4, 2]) * tasks;
    let (cpu, memory) = (draft.dice.within(1..whole.0 / parts), draft.dice.within(1..whole.1 / parts));
    let count = if job.kind == "system" { nodes } else { draft.dice.within(0..(nodes * parts / 2).clamp(2, 9)) };
    let table = format!("jobs.{}.groups.{name}", job.name);
    draft.line(format_args!("[{table}]\ncount = {count}"));
    behaviour(draft, job);
    wants(draft, job);
    let cores = draft.pools[job.pool].cores > 1 && draft.maybe(Feature::Cores, 0.3) && job.kind != "system";
    for task in 0..tasks {
        let amount = if cores && task == 0 { "cores = 1".to_owned() } else { format!("cpu = {cpu}") };
        draft.line(format_args!("[{table}.tasks.t{task}]\n{amount}\nmemory = {memory}"));
        if draft.dice.chance(0.5) {
            let (idle_cpu, idle_memory) = (cpu / draft.dice.within(2..20), memory / draft.dice.within(2..20));
            draft.line(format_args!("idle_cpu = {idle_cpu}\nidle_memory = {idle_memory}"));
        }
    }
    let scaled = job.kind == "service" && draft.dice.chance(0.75);
    if scaled {
        policy(draft, &table, count);
    }
    if job.kind == "service" && draft.maybe(Feature::ScalingBlocks, 0.5) {
        let (min, max) = (count - draft.dice.within(0..count + 1), count + draft.dice.within(0..6));
        draft.line(format_args!("[{table}.scaling]\nmin = {min}\nmax = {max}"));
    }
    let name = format!("{}/{name}", job.name);
    draft.groups.push(DraftGroup { name, count, cpu: cpu * tasks, memory: memory * tasks, scaled });
}

fn behaviour(draft: &mut Draft, job: &DraftJob) {
    let (start, kill) = (draft.delay(1..60), draft.one_of(5, &[1, 60, 400]));
    draft.line(format_args!("start = {start}\nkill_timeout = \"{kill}s\""));
    if job.kind == "batch" {
        let runtime = draft.delay(60..5000);
        draft.line(format_args!("runtime = {runtime}"));
    }
    if draft.maybe(Feature::Tuning, 0.4) {
        let parallel = draft.dice.within(1..5);
        draft.line(format_args!("migrate_max_parallel = {parallel}"));
    }
    if draft.maybe(Feature::Poststop, 0.6) {
        let seconds = draft.dice.within(1..300);
        draft.line(format_args!("poststop = \"{seconds}s\""));
    }
    if draft.maybe(Feature::Disconnect, 0.6) {
        let lost_after = draft.one_of(300, &[20, 3600]);
        draft.line(format_args!("disconnect = \"{lost_after}s\""));
    }
}

fn wants(draft: &mut Draft, job: &DraftJob) {
    if job.kind == "system" || !draft.has(Feature::Placement) {
        return;
    }
    match draft.dice.within(0..6) {
        0 => draft.line(format_args!("distinct_hosts = true")),
        1 => {
            let port = 8000 + draft.groups.len();
            draft.line(format_args!("ports = [{port}]"));
        }
        2 => {
            let zones = draft.pools[job.pool].zones.clone();
            let zone = draft.dice.pick(&zones).copied().unwrap_or("a");
            let attribute = "${attr.platform.aws.placement.availability-zone}";
            draft.line(format_args!("constraint = [{{ attribute = \"{attribute}\", value = \"{zone}\" }}]"));
        }
        3 => draft.line(format_args!(
            "constraint = [{{ attribute = \"${{meta.rack}}\", operator = \"!=\", value = \"r2\" }}]"
        )),
        _ => {}
    }
}

fn policy(draft: &mut Draft, table: &str, count: u64) {
    let enabled = !draft.dice.chance(0.05);
    let min = if draft.dice.chance(0.2) { draft.dice.within(0..count + 3) } else { draft.dice.within(0..count + 1) };
    let max = min.max(count) + draft.dice.within(0..15);
    draft.line(format_args!("[{table}.meta]\nreplicator_enabled = {enabled}\nreplicator_notification_uid = \"G\""));
    draft.line(format_args!("replicator_min = {min}\nreplicator_max = {}", max.max(1)));
    for resource in ["cpu", "mem"] {
        let low = draft.dice.within(1..50);
        let high = low + draft.dice.within(5..50);
        draft.line(format_args!("replicator_scalein_{resource} = {low}\nreplicator_scaleout_{resource} = {high}"));
    }
    if draft.maybe(Feature::Tuning, 0.6) {
        let (cooldown, retries) = (draft.dice.within(0..600), draft.dice.within(1..5));
        draft.line(format_args!("replicator_cooldown = {cooldown}\nreplicator_retry_threshold = {retries}"));
    }
}
