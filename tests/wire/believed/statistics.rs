//! Statistics.

use replicator::ports::Nomad;
use serde_json::{Value, json};

use super::{answering, check, said};
use crate::nomad;
use crate::recording::recorded;

async fn told(page: Value) -> String {
    let server = answering(&page).await;
    said(nomad(&server).allocation_stats(&"a".into()).await, |stats| {
        let tasks = stats.tasks.iter().map(|it| {
            let unmeasured = it.unmeasured.map(|what| format!(" no {what:?}")).unwrap_or_default();
            format!("{:?} {:?} {:?}{unmeasured}", it.cpu_mhz, it.memory.rss, it.memory.usage)
        });
        let collected = if stats.collected { "" } else { "not collected" };
        format!("{collected}{}", tasks.collect::<Vec<_>>().join(" | "))
    })
}

#[tokio::test]
async fn what_was_not_measured_is_missing_and_not_zero() {
    let mut page = recorded("nomad-2.0.5/allocation-stats-burning").json();
    let usage = "/Tasks/t/ResourceUsage";
    page["Tasks"]["t"]["ResourceUsage"]["CpuStats"]["TotalTicks"] = json!(250.5);
    let cpu = |name: &str| format!("{usage}/CpuStats/{name}");
    let memory = |name: &str| format!("{usage}/MemoryStats/{name}");
    let (usual, no_cpu, no_rss) =
        ("Some(250.5) Some(3731456) None", "None Some(3731456) None", "Some(250.5) None None");
    check(
        &page,
        &[
            (&cpu("TotalTicks"), Some(json!(null)), no_cpu),
            (&cpu("TotalTicks"), Some(json!("NaN")), no_cpu),
            (&cpu("TotalTicks"), Some(json!(-250.5)), no_cpu),
            (&cpu("TotalTicks"), Some(json!(1e30)), no_cpu),
            // Beside a Percent above 0.
            (&cpu("TotalTicks"), Some(json!(0.0)), no_cpu),
            (&cpu("Percent"), Some(json!(null)), usual),
            (&cpu("Measured"), Some(json!(null)), "Some(250.5) Some(3731456) None no Cpu"),
            (usage, Some(json!(null)), "None None None"),
            (&format!("{usage}/CpuStats"), Some(json!(null)), no_cpu),
            (&format!("{usage}/MemoryStats"), Some(json!(null)), "Some(250.5) None None"),
            (&memory("RSS"), Some(json!(null)), no_rss),
            (&memory("RSS"), Some(json!(-1)), no_rss),
            (&memory("RSS"), Some(json!(0)), "Some(250.5) Some(0) None"),
            (&memory("Usage"), Some(json!(77)), usual),
            (&memory("Measured"), Some(json!(["Usage"])), "Some(250.5) None Some(0)"),
            (&memory("Measured"), Some(json!(null)), "Some(250.5) Some(3731456) None no Memory"),
            (&memory("Measured"), Some(json!(["Cache"])), "Some(250.5) None None no Memory"),
            ("/Tasks/t", Some(json!(null)), "None None None"),
        ],
        told,
    )
    .await;
    page["Tasks"]["t"]["ResourceUsage"]["CpuStats"]["TotalTicks"] = json!(0.0);
    page["Tasks"]["t"]["ResourceUsage"]["CpuStats"]["Percent"] = json!(0.0);
    page["Tasks"]["t"]["ResourceUsage"]["MemoryStats"] = json!({"RSS": 0, "Usage": 0, "Measured": null});
    check(
        &page,
        &[
            (&cpu("Percent"), Some(json!(0.0)), "Some(0.0) None None no Memory"),
            (&cpu("Measured"), Some(json!([])), "None None None"),
            (&cpu("Measured"), None, "None None None"),
        ],
        told,
    )
    .await;
}

#[tokio::test]
async fn a_client_that_collects_nothing_says_so() {
    let page = recorded("nomad-2.0.5/allocation-stats-not-collected").json();
    check(
        &page,
        &[
            ("/Tasks", Some(json!({})), "not collected"),
            ("/Tasks", Some(json!(null)), "not collected"),
            ("/Tasks/t", Some(json!({})), "None None None"),
            ("/Timestamp", Some(json!(null)), "not collected"),
            ("/Timestamp", Some(json!(1_795_651_255_038_951_480_u64)), ""),
            ("/ResourceUsage", Some(json!(null)), "not collected"),
            ("/ResourceUsage/MemoryStats/Measured", Some(json!(["RSS"])), ""),
            ("/ResourceUsage/CpuStats/Measured", Some(json!(["Percent"])), ""),
        ],
        told,
    )
    .await;
}
