//! How fast large clusters are decided: a pool of 5,000 nodes, and groups with 100,000 allocations in all.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use replicator::decide::{
    GroupBounds, NodeLoad, PoolObservation, Sample, Standing, decide_group, decide_pool, observe_group,
};
use replicator::domain::{
    AllocationStats, GroupKey, JobKey, MebiBytes, MegaHertz, MemoryStats, Meta, PoolTarget, Resources, Task, TaskGroup,
    TaskSpan, TaskUsage,
};
use replicator::policy::{GroupPolicy, PoolPolicy, Reading};

const NODES: u64 = 5_000;
const GROUPS: usize = 100;
const ALLOCATIONS_EACH: usize = 1_000;

fn pool_policy() -> PoolPolicy {
    PoolPolicy {
        target: PoolTarget { provider: "aws".into(), region: "r".into(), name: "p".into() },
        enabled: true,
        notification_uid: "P".into(),
        min: None,
        max: None,
        cooldown: Duration::from_secs(300),
        fault_tolerance: 1,
        retry_threshold: 3,
        scaling_threshold: 3,
        price: None,
    }
}

fn group_policy() -> GroupPolicy {
    let written = "enabled=true min=1 max=2000 scalein_cpu=30 scalein_mem=30 scaleout_cpu=80 scaleout_mem=80";
    let keys = written.split(' ').filter_map(|it| it.split_once('='));
    match GroupPolicy::read(&keys.map(|(key, value)| (format!("replicator_{key}"), value.to_owned())).collect()) {
        Reading::Policy(policy, _) => policy,
        other => unreachable!("{other:?}"),
    }
}

fn pool_of_5000_nodes(criterion: &mut Criterion) {
    let node = |number: u64| NodeLoad {
        node: format!("{number:08x}").into(),
        capacity: Resources::new(4_000, 8_192, 0),
        used: Resources::new(number % 4_000, number % 8_192, 0),
        system: Resources::default(),
    };
    let observation = PoolObservation {
        nodes: (0..NODES).map(node).collect(),
        reserve: Resources::new(20_000, 40_000, 0),
        bounds: GroupBounds {
            min: 1,
            max: 6_000,
            group_min: 1,
            desired: 5_000,
            members: 5_000,
            launch_suspended: None,
            weighted: false,
            overhaul: None,
        },
        coming: 0,
        waiting: 0,
        odd: vec![],
    };
    let policy = pool_policy();
    criterion.bench_function("decide_pool_of_5000_nodes", |bencher| {
        bencher.iter(|| decide_pool(black_box(&observation), &policy, &[], &Standing::default()));
    });
}

fn groups_of_100_000_allocations(criterion: &mut Criterion) {
    let group = TaskGroup {
        name: "g".into(),
        count: 1_000,
        meta: Meta::new(),
        tasks: vec![Task {
            name: "t".into(),
            cpu: MegaHertz(500),
            memory: MebiBytes(256),
            cores: 0,
            span: TaskSpan::Throughout,
        }],
        disk: MebiBytes(0),
        scaling: None,
        needs: Arc::default(),
    };
    let sample = |number: usize| {
        let memory = MemoryStats { rss: Some(number as u64 * 100_000), usage: None };
        let tasks = vec![TaskUsage { task: "t".into(), cpu_mhz: Some(number as f64 / 4.0), memory, unmeasured: None }];
        AllocationStats { tasks, collected: true }
    };
    let statistics: Vec<_> = (0..ALLOCATIONS_EACH).map(sample).collect();
    let key = GroupKey { job: JobKey::in_default("j"), group: "g".into() };
    let policy = group_policy();
    criterion.bench_function("decide_100_groups_of_1000_allocations", |bencher| {
        bencher.iter(|| {
            for _ in 0..GROUPS {
                let samples = black_box(&statistics).iter().map(|stats| Sample { shares: &[], stats: Some(stats) });
                let observation = observe_group(&group, &policy.ignore_tasks, samples);
                black_box(decide_group(&key, &observation, &policy, &Standing::default()).scalein_requests);
            }
        });
    });
}

criterion_group!(benches, pool_of_5000_nodes, groups_of_100_000_allocations);
criterion_main!(benches);
