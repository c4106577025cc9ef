//! How fast a day of a middling cluster is simulated: 100 nodes, 20 jobs with 400 allocations, evaluations every
//! 10 seconds. And how the cost of an hour grows with the cluster: where it grows as its nodes do, as many nodes are
//! simulated a second at each size.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use replicator_sim::drive::run::run;
use replicator_sim::scenario::{Changes, Scenario};

const DAY: Duration = Duration::from_secs(86_400);

/// So many jobs, each with 20 allocations at the start and a day's curve of its own, and five nodes for each.
fn cluster(jobs: u32, duration: &str) -> Scenario {
    let (nodes, most) = (jobs * 5, jobs * 10);
    let mut text = format!(
        r#"
        title = "{nodes} nodes"
        seed = 1
        duration = "{duration}"
        tick = "10s"

        [pools.workers]
        instance = {{ cpu = 4000, memory = 8192 }}
        nodes = {nodes}
        min = 2
        max = {most}
        boot = {{ median = "75s", p95 = "120s" }}

        [pools.workers.meta]
        replicator_enabled = true
        replicator_region = "us-east-1"
        replicator_notification_uid = "POOL1"
        replicator_min = {least}
        "#,
        least = nodes * 9 / 10,
    );
    for job in 0..jobs {
        let peak = job % 24;
        let _ = write!(
            text,
            r#"
            [jobs.job{job:02}.update]
            [jobs.job{job:02}.groups.g]
            count = 20
            [jobs.job{job:02}.groups.g.tasks.t]
            cpu = 600
            memory = 800
            [jobs.job{job:02}.groups.g.meta]
            replicator_enabled = true
            replicator_min = 15
            replicator_max = 25
            replicator_scalein_cpu = 40
            replicator_scalein_mem = 95
            replicator_scaleout_cpu = 75
            replicator_scaleout_mem = 96
            replicator_notification_uid = "JOB"
            [[load]]
            group = "job{job:02}/g"
            cpu = [{{ diurnal = {{ low = 5500, high = 8500, peak_at = "{peak}h" }} }}, {{ noise = {{ percent = 2 }} }}]
            "#
        );
    }
    Scenario::parse(&text, Path::new("bench.toml"), &Changes::default()).expect("the benchmark's scenario is valid")
}

fn simulate(criterion: &mut Criterion) {
    let scenario = cluster(20, "1d");
    let outcome = run(&scenario.plan);
    assert!(outcome.record.violation.is_none() && outcome.record.evaluations > 150_000);
    let mut group = criterion.benchmark_group("simulate");
    // Simulated seconds a second: 100,000 is a day in 0.864 s.
    group.throughput(Throughput::Elements(DAY.as_secs())).sample_size(10);
    group.bench_function("day_of_100_nodes_20_jobs_400_allocations", |bencher| {
        bencher.iter(|| black_box(run(&scenario.plan)).ended);
    });
    group.finish();
    let mut group = criterion.benchmark_group("hour");
    for jobs in [20, 80, 320] {
        let scenario = cluster(jobs, "1h");
        group.throughput(Throughput::Elements(u64::from(jobs) * 5)).sample_size(10);
        group.bench_function(format!("{}_nodes_{}_allocations", jobs * 5, jobs * 20), |bencher| {
            bencher.iter(|| black_box(run(&scenario.plan)).ended);
        });
    }
    group.finish();
}

criterion_group!(benches, simulate);
criterion_main!(benches);
