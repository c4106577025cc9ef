//! Jobs.

use replicator::domain::{Job, JobKey, Requirements};
use replicator::ports::Nomad;
use serde_json::{Value, json};

use super::{answering, check, said};
use crate::nomad;
use crate::recording::recorded;

fn page() -> Value {
    recorded("nomad-2.0.5/job").json()
}

async fn told(page: Value, tell: impl Fn(Job) -> String) -> String {
    let server = answering(&page).await;
    said(nomad(&server).job(&JobKey::in_default("web")).await, |job| tell((*job).clone()))
}

async fn needs(page: Value) -> Requirements {
    let server = answering(&page).await;
    (*nomad(&server).job(&JobKey::in_default("web")).await.unwrap().groups[0].needs).clone()
}

#[tokio::test]
async fn a_listed_job_is_named_or_left_out() {
    let listed = async |page: Value| {
        let server = answering(&json!([page])).await;
        let jobs = nomad(&server).jobs(None).await.unwrap().value;
        let tell = |job: &replicator::domain::JobSummary| {
            format!("{} {:?} {} {} {}", job.key, job.kind, job.is_parent, job.stopped, job.modify_index)
        };
        jobs.first().map_or_else(|| "left out".to_owned(), tell)
    };
    let stub = json!({"ID": "web", "Namespace": "team", "Type": "service", "JobModifyIndex": 7});
    check(
        &stub,
        &[
            ("/ID", Some(json!("")), "left out"),
            ("/ID", Some(json!(null)), "left out"),
            ("/Namespace", Some(json!(null)), "web Service false false 7"),
            ("/JobSummary", Some(json!({"Namespace": "other"})), "web@team Service false false 7"),
            ("/Type", Some(json!("quantum")), "left out"),
            ("/Type", None, "left out"),
            ("/Periodic", Some(json!(null)), "web@team Service false false 7"),
            ("/Periodic", Some(json!(true)), "web@team Service true false 7"),
            ("/ParameterizedJob", Some(json!(null)), "web@team Service false false 7"),
            ("/ParameterizedJob", Some(json!(true)), "web@team Service true false 7"),
            ("/Stop", Some(json!(null)), "web@team Service false false 7"),
            ("/Stop", Some(json!("yes")), "left out"),
            ("/JobModifyIndex", Some(json!(0)), "left out"),
            ("/JobModifyIndex", Some(json!(-1)), "left out"),
            ("/JobModifyIndex", None, "left out"),
        ],
        listed,
    )
    .await;
    let old = json!({"ID": "web", "Type": "service", "JobModifyIndex": 7, "JobSummary": {"Namespace": "other"}});
    check(&old, &[("/Namespace", Some(json!("")), "web@other Service false false 7")], listed).await;
}

#[tokio::test]
async fn a_jobs_page_is_whole_or_a_problem_by_name() {
    let summary = async |page| {
        let tell = |Job { summary: it, groups }: Job| {
            format!("{:?} {} {} {} {}", it.kind, it.is_parent, it.stopped, it.modify_index, groups.len())
        };
        told(page, tell).await
    };
    check(
        &page(),
        &[
            ("/Type", Some(json!(null)), "error: job type \"\" is not known"),
            ("/Periodic", Some(json!({})), "Service true false 19 1"),
            ("/ParameterizedJob", Some(json!({})), "Service true false 19 1"),
            ("/ParentID", Some(json!(null)), "Service false false 19 1"),
            ("/Stop", Some(json!(null)), "Service false false 19 1"),
            ("/JobModifyIndex", Some(json!(0)), "error: it has no modify index"),
            ("/JobModifyIndex", None, "error: it has no modify index"),
            ("/TaskGroups", Some(json!(null)), "Service false false 19 0"),
        ],
        summary,
    )
    .await;
}

#[tokio::test]
async fn a_groups_amounts_can_be_or_are_a_problem_by_name() {
    let group = async |page| {
        let tell = |job: Job| {
            let group = &job.groups[0];
            let tasks: Vec<_> = group.tasks.iter().map(|it| (it.cpu.0, it.memory.0, it.cores)).collect();
            format!("{} {} {tasks:?} {}", group.count, group.disk.0, group.meta.len())
        };
        told(page, tell).await
    };
    let usual = "2 300 [(200, 128, 0)] 8";
    check(
        &page(),
        &[
            ("/TaskGroups/0/Name", Some(json!("")), "error: it has a group without a name"),
            ("/TaskGroups/0/Count", Some(json!(-1)), "error: group \"g\": its count is -1"),
            ("/TaskGroups/0/Count", Some(json!(1_u64 << 33)), "error: group \"g\": its count is 8589934592"),
            ("/TaskGroups/0/Count", Some(json!(null)), "1 300 [(200, 128, 0)] 8"),
            ("/TaskGroups/0/Meta", Some(json!(null)), "2 300 [(200, 128, 0)] 0"),
            ("/TaskGroups/0/Meta/replicator_max", Some(json!(null)), "2 300 [(200, 128, 0)] 7"),
            ("/TaskGroups/0/Tasks", Some(json!(null)), "2 300 [] 8"),
            ("/TaskGroups/0/EphemeralDisk", Some(json!(null)), "2 0 [(200, 128, 0)] 8"),
            ("/TaskGroups/0/EphemeralDisk/SizeMB", Some(json!(-300)), "error: group \"g\": its disk is -300"),
            ("/TaskGroups/0/Tasks/0/Name", Some(json!(null)), "error: group \"g\": it has a task without a name"),
            ("/TaskGroups/0/Tasks/0/Resources", Some(json!(null)), "2 300 [(0, 0, 0)] 8"),
            ("/TaskGroups/0/Tasks/0/Resources/CPU", Some(json!(0)), "2 300 [(0, 128, 0)] 8"),
            ("/TaskGroups/0/Tasks/0/Resources/CPU", Some(json!(-5)), "error: group \"g\": task \"t\": its CPU is -5"),
            ("/TaskGroups/0/Tasks/0/Resources/Cores", Some(json!(2)), "2 300 [(200, 128, 2)] 8"),
            (
                "/TaskGroups/0/Tasks/0/Resources/MemoryMB",
                Some(json!("128")),
                "error: group \"g\": task \"t\": its memory",
            ),
            ("/TaskGroups/0/Tasks/0/Lifecycle", Some(json!({"Hook": null, "Sidecar": null})), usual),
        ],
        group,
    )
    .await;
}

#[tokio::test]
async fn a_task_runs_throughout_unless_its_hook_says_otherwise() {
    let span = async |page| told(page, |job| format!("{:?}", job.groups[0].tasks[0].span)).await;
    check(
        &page(),
        &[
            ("/TaskGroups/0/Tasks/0/Lifecycle", Some(json!(null)), "Throughout"),
            ("/TaskGroups/0/Tasks/0/Lifecycle/Hook", Some(json!("")), "Throughout"),
            ("/TaskGroups/0/Tasks/0/Lifecycle/Hook", Some(json!("prestart")), "Briefly"),
            ("/TaskGroups/0/Tasks/0/Lifecycle", Some(json!({"Hook": "prestart", "Sidecar": true})), "Throughout"),
        ],
        span,
    )
    .await;
}

#[tokio::test]
async fn a_scaling_block_bounds_the_count_or_is_a_problem_by_name() {
    let scaling = async |page| {
        let tell = |job: Job| {
            job.groups[0].scaling.map_or_else(|| "none".into(), |it| format!("{} {:?} {}", it.min, it.max, it.enabled))
        };
        told(page, tell).await
    };
    check(
        &page(),
        &[
            ("/TaskGroups/0/Scaling", Some(json!(null)), "none"),
            ("/TaskGroups/0/Scaling/Min", Some(json!(null)), "0 Some(3) true"),
            ("/TaskGroups/0/Scaling/Min", Some(json!(-1)), "error: group \"g\": its scaling minimum is -1"),
            (
                "/TaskGroups/0/Scaling/Min",
                Some(json!(9)),
                "error: group \"g\": its scaling block allows 9 at least and 3",
            ),
            ("/TaskGroups/0/Scaling/Max", Some(json!(null)), "1 None true"),
            ("/TaskGroups/0/Scaling/Max", None, "1 None true"),
            ("/TaskGroups/0/Scaling/Max", Some(json!(-1)), "error: group \"g\": its scaling maximum is -1"),
            ("/TaskGroups/0/Scaling/Enabled", Some(json!(null)), "1 Some(3) true"),
            ("/TaskGroups/0/Scaling/Enabled", Some(json!(false)), "1 Some(3) false"),
        ],
        scaling,
    )
    .await;
}

#[tokio::test]
async fn where_a_group_may_run_is_read() {
    let place = async |page| {
        let it = needs(page).await;
        format!("{:?} {:?} {:?} {}", it.datacenters, it.node_pool, it.drivers, it.constraints.len())
    };
    let one = Some(json!([{}]));
    check(
        &page(),
        &[
            ("/Datacenters", Some(json!(null)), r#"[] "default" ["raw_exec"] 0"#),
            ("/NodePool", None, r#"["*"] "" ["raw_exec"] 0"#),
            ("/TaskGroups/0/Tasks/0/Driver", Some(json!(null)), r#"["*"] "default" [] 0"#),
            ("/Constraints", one.clone(), r#"["*"] "default" ["raw_exec"] 1"#),
            ("/TaskGroups/0/Constraints", one.clone(), r#"["*"] "default" ["raw_exec"] 1"#),
            ("/TaskGroups/0/Tasks/0/Constraints", one, r#"["*"] "default" ["raw_exec"] 1"#),
        ],
        place,
    )
    .await;
}

#[tokio::test]
async fn what_a_group_asks_of_its_node_is_known_or_said_to_be_unknown() {
    let things = async |page| {
        let it = needs(page).await;
        format!("{:?} {:?} {:?} {}", it.ports, it.devices, it.volumes, it.unknown.join("; "))
    };
    let asks = |fields: Value| Some(json!([fields]));
    let (networks, volumes) = ("/TaskGroups/0/Networks", "/TaskGroups/0/Volumes");
    let of_task = |name: &str| format!("/TaskGroups/0/Tasks/0/Resources/{name}");
    let (task_networks, devices, numa) = (of_task("Networks"), of_task("Devices"), of_task("NUMA"));
    let no_port = "[] [] [] a static port: its port is -1, which is no amount";
    let no_count = r#"[] [] [] device "": its number of devices is -2, which is no amount"#;
    let constrained = r#"[] [("gpu", 1)] [] constraints of device "gpu""#;
    let own = r#"[] [] [] a host volume "d" of each allocation's own"#;
    let fixed = json!({"Mode": null, "ReservedPorts": [{"Value": 80}], "DynamicPorts": [{"Value": 0}]});
    check(
        &page(),
        &[
            (networks, asks(fixed), "[80] [] [] "),
            (networks, asks(json!({"Mode": "cni/odd"})), "[] [] [] network mode cni/odd"),
            (networks, asks(json!({"ReservedPorts": [{"Value": -1}]})), no_port),
            (networks, asks(json!({"ReservedPorts": null, "DynamicPorts": null})), "[] [] [] "),
            (&task_networks, asks(json!({"ReservedPorts": [{"Value": 53}]})), "[53] [] [] "),
            (&devices, asks(json!({"Name": "gpu", "Count": null})), r#"[] [("gpu", 1)] [] "#),
            (&devices, asks(json!({"Name": null, "Count": -2})), no_count),
            (&devices, asks(json!({"Name": "gpu", "Constraints": [{}]})), constrained),
            (&numa, Some(json!({"Affinity": "require"})), "[] [] [] cores of one NUMA node"),
            (&numa, Some(json!({"Affinity": null})), "[] [] [] "),
            (volumes, Some(json!({"a": {"Type": "host", "Source": "data"}})), r#"[] [] ["data"] "#),
            (volumes, Some(json!({"a": {"Type": "host", "Source": "d", "PerAlloc": true}})), own),
            (volumes, Some(json!({"a": {"Type": "csi", "Source": "d"}})), r#"[] [] [] CSI volume "d""#),
            (
                volumes,
                Some(json!({"a": {"Type": null, "Source": null}, "b": null})),
                r#"[] [] [] volume "" of type """#,
            ),
        ],
        things,
    )
    .await;
}

#[tokio::test]
async fn a_constraint_is_read_as_it_is_written() {
    let mut job = page();
    job["Constraints"] = json!([{"LTarget": "${attr.cpu.arch}", "RTarget": "amd64", "Operand": "="}]);
    job["TaskGroups"][0]["Constraints"] = json!([{"LTarget": null, "RTarget": null, "Operand": null}]);
    let words: Vec<String> = needs(job).await.constraints.iter().map(|it| format!("{it:?}")).collect();
    assert_eq!(
        words,
        [
            r#"Constraint { left: "${attr.cpu.arch}", operator: "=", right: "amd64", of_group: false }"#,
            r#"Constraint { left: "", operator: "=", right: "", of_group: true }"#,
        ]
    );
}
