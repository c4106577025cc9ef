//! How fast a day of a middling cluster is simulated: 100 nodes, 20 jobs with 400 allocations, evaluations every
//! 10 seconds. And how the cost of an hour grows with the cluster: where it grows as its nodes do, as many nodes are
//! simulated a second at each size, and the exponents that are printed are 1.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is about real time")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

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

/// Prints to which power the cost of a run grows, with the cluster and with the time that is simulated.
fn growth(_: &mut Criterion) {
    let exponent = |scenarios: [(f64, Scenario); 3]| {
        let points = scenarios.map(|(size, scenario)| (size.ln(), cost(&scenario).ln()));
        slope(&points)
    };
    let with_nodes = exponent([20, 60, 180].map(|jobs| (f64::from(jobs), cluster(jobs, "30m"))));
    let with_hours = exponent([1, 3, 9].map(|hours| (f64::from(hours), cluster(20, &format!("{hours}h")))));
    println!(
        "the cost grows with nodes and allocations to the power of {with_nodes:.2}, with hours of {with_hours:.2}"
    );
}

/// How long a run takes, in seconds, at the best of three times: others work on the same machine.
fn cost(scenario: &Scenario) -> f64 {
    let once = |_| {
        let began = Instant::now();
        black_box(run(&scenario.plan));
        began.elapsed().as_secs_f64()
    };
    (0..3).map(once).fold(f64::INFINITY, f64::min)
}

/// The slope of the line through these points that is nearest to them by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|it| it.0), mean(|it| it.1));
    let along = points.iter().map(|it| (it.0 - x) * (it.1 - y)).sum::<f64>();
    along / points.iter().map(|it| (it.0 - x).powi(2)).sum::<f64>()
}

criterion_group!(benches, simulate, growth);
criterion_main!(benches);
