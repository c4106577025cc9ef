//! Allocations.

use replicator::domain::{Allocation, Occupant};
use replicator::ports::Nomad;
use serde_json::{Value, json};

use super::{answering, check, said};
use crate::nomad;
use crate::recording::recorded;

/// An allocation of 300 MHz and 100 MiB in a list.
fn listed() -> Value {
    json!({
        "ID": "a", "Namespace": "team", "JobID": "web", "JobType": "service", "TaskGroup": "g", "NodeID": "n",
        "DesiredStatus": "run", "ClientStatus": "running",
        "AllocatedResources": {
            "Tasks": {"t": {"Cpu": {"CpuShares": 300, "ReservedCores": null}, "Memory": {"MemoryMB": 100}}},
            "TaskLifecycles": {"t": null},
            "Shared": {"DiskMB": 10},
        },
    })
}

async fn told(page: Value, tell: impl Fn(&Allocation) -> String) -> String {
    let server = answering(&json!([page])).await;
    said(nomad(&server).allocations(None).await, |listed| tell(&listed.value[0]))
}

fn takes(it: &Allocation) -> String {
    let (amounts, opaque) = (it.resources, if it.opaque { " opaque" } else { "" });
    format!("{} {} {} {}{opaque}", amounts.cpu.0, amounts.memory.0, amounts.disk.0, amounts.cores)
}

const OPAQUE: &str = "0 0 0 0 opaque";

#[tokio::test]
async fn an_allocation_takes_what_can_be_or_is_opaque() {
    let all = "/AllocatedResources";
    let task = "/AllocatedResources/Tasks/t";
    check(
        &listed(),
        &[
            (all, Some(json!("much")), OPAQUE),
            (&format!("{all}/Tasks"), Some(json!(null)), OPAQUE),
            (&format!("{all}/Tasks"), Some(json!({})), OPAQUE),
            (&format!("{all}/TaskLifecycles"), Some(json!(null)), "300 100 10 0"),
            (&format!("{all}/Shared"), Some(json!(null)), "300 100 0 0"),
            (&format!("{all}/Shared/DiskMB"), Some(json!(-1)), OPAQUE),
            (&format!("{task}/Cpu"), Some(json!(null)), OPAQUE),
            (&format!("{task}/Cpu/CpuShares"), Some(json!(0)), OPAQUE),
            (&format!("{task}/Cpu/CpuShares"), Some(json!(-300)), OPAQUE),
            (&format!("{task}/Cpu/CpuShares"), Some(json!(1_u64 << 60)), OPAQUE),
            (&format!("{task}/Cpu/ReservedCores"), Some(json!([0, 1])), "300 100 10 2"),
            (&format!("{task}/Cpu/ReservedCores"), Some(json!("all")), OPAQUE),
            (&format!("{task}/Memory"), None, OPAQUE),
            (&format!("{task}/Memory/MemoryMB"), Some(json!(0)), OPAQUE),
            (&format!("{task}/Memory/MemoryMB"), Some(json!("100")), OPAQUE),
        ],
        async |page| told(page, takes).await,
    )
    .await;
}

#[tokio::test]
async fn a_lifecycle_says_which_tasks_share_their_place() {
    let mut two = listed();
    let other = json!({"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 50}});
    two["AllocatedResources"]["Tasks"]["fetch"] = other;
    let hook = "/AllocatedResources/TaskLifecycles/fetch/Hook";
    let sidecar = "/AllocatedResources/TaskLifecycles/fetch";
    check(
        &two,
        &[
            (hook, Some(json!("prestart")), "500 100 10 0"),
            (hook, Some(json!(null)), "800 150 10 0"),
            (hook, Some(json!("whenever")), "800 150 10 0"),
            (sidecar, Some(json!({"Hook": "prestart", "Sidecar": true})), "800 150 10 0"),
            (sidecar, Some(json!({"Hook": "prestart", "Sidecar": null})), "500 100 10 0"),
        ],
        async |page| told(page, takes).await,
    )
    .await;
}

#[tokio::test]
async fn what_an_allocation_holds_is_read() {
    let holds = async |page| {
        let tell = |it: &Allocation| match (&it.holdings, it.opaque) {
            (_, true) => "opaque".to_owned(),
            (Some(holdings), _) => format!("{:?} {:?}", holdings.ports, holdings.devices),
            (None, _) => "nothing".to_owned(),
        };
        told(page, tell).await
    };
    let port = |number: i64| json!([{"Value": number}]);
    let networks = json!([{"Mode": null, "ReservedPorts": port(80), "DynamicPorts": port(20_000)}]);
    let device = json!([{"Vendor": "v", "Type": "gpu", "Name": "x", "DeviceIDs": ["1", "2"]}]);
    check(
        &listed(),
        &[
            ("/AllocatedResources/Shared/Ports", Some(port(8080)), "[8080] {}"),
            ("/AllocatedResources/Shared/Ports", Some(port(0)), "nothing"),
            ("/AllocatedResources/Shared/Ports", Some(port(70_000)), "opaque"),
            ("/AllocatedResources/Shared/Ports", Some(port(-1)), "opaque"),
            ("/AllocatedResources/Shared/Ports", Some(json!([{"Value": null}])), "nothing"),
            ("/AllocatedResources/Shared/Networks", Some(networks.clone()), "[80, 20000] {}"),
            ("/AllocatedResources/Tasks/t/Networks", Some(networks), "[80, 20000] {}"),
            ("/AllocatedResources/Tasks/t/Networks", Some(json!([{"ReservedPorts": null}])), "nothing"),
            ("/AllocatedResources/Tasks/t/Devices", Some(device), "[] {\"v/gpu/x\": 2}"),
            // Without vendor, type, name and DeviceIDs: a kind that no node has, and none of it.
            ("/AllocatedResources/Tasks/t/Devices", Some(json!([{"DeviceIDs": null}])), "[] {\"//\": 0}"),
        ],
        holds,
    )
    .await;
}

#[tokio::test]
async fn an_allocation_is_somewhere_and_may_be_alive() {
    let head = async |page| {
        let tell =
            |it: &Allocation| format!("{} {:?} {:?}/{:?} {}", it.group, it.kind, it.desired, it.client, takes(it));
        told(page, tell).await
    };
    let taken = "300 100 10 0";
    let usual = format!("web@team/g Service Run/Running {taken}");
    check(
        &listed(),
        &[
            ("/ID", Some(json!("")), "error: allocation Some(\"\") on node Some(\"n\")"),
            ("/NodeID", None, "error: allocation Some(\"a\") on node None"),
            ("/Namespace", Some(json!(null)), &format!("web/g Service Run/Running {taken}")),
            ("/JobID", Some(json!(null)), &format!("@team/g Service Run/Running {taken}")),
            ("/JobType", Some(json!("quantum")), &usual),
            ("/TaskGroup", Some(json!(null)), &format!("web@team/ Service Run/Running {taken}")),
            ("/DesiredStatus", Some(json!("dream")), &usual),
            ("/DesiredStatus", None, &usual),
            ("/ClientStatus", Some(json!("dreaming")), &format!("web@team/g Service Run/Unknown {taken}")),
            ("/ClientStatus", None, &format!("web@team/g Service Run/Unknown {taken}")),
        ],
        head,
    )
    .await;
    let mut ended = listed();
    ended["ClientStatus"] = json!("complete");
    ended["NodeID"] = json!("");
    let server = answering(&json!([ended, listed()])).await;
    assert_eq!(nomad(&server).allocations(None).await.unwrap().value.len(), 1, "where it ended does not matter");
    let mut silent = listed();
    silent["AllocatedResources"] = json!(null);
    // The list does not tell, and neither does the page, which is this list again.
    assert_eq!(told(silent.clone(), takes).await, OPAQUE);
    silent["ClientStatus"] = json!("complete");
    assert_eq!(told(silent, takes).await, "0 0 0 0", "what has ended takes nothing");
}

#[tokio::test]
async fn an_old_allocations_page_tells_or_it_is_opaque() {
    let recording = recorded("nomad-0.8.7/node-allocations").json();
    let page = recording[0].clone();
    let node = page["NodeID"].as_str().unwrap().to_owned();
    let occupant = async |page: Value| {
        let server = answering(&json!([page])).await;
        let tell = |found: Vec<Occupant>| {
            let it = &found[0].allocation;
            let shares: Vec<_> = it.tasks.iter().map(|share| (share.cpu.0, share.memory.0)).collect();
            format!("{} {shares:?}", takes(it))
        };
        said(nomad(&server).occupants(&node.as_str().into()).await, tell)
    };
    check(
        &page,
        &[
            ("/Resources/CPU", Some(json!(100)), "100 32 10 0 [(100, 32)]"),
            ("/Resources/CPU", Some(json!(-1)), &format!("{OPAQUE} []")),
            ("/Resources/MemoryMB", Some(json!(0)), &format!("{OPAQUE} []")),
            ("/Resources", Some(json!(null)), &format!("{OPAQUE} []")),
            ("/TaskResources", Some(json!(null)), "100 32 10 0 []"),
        ],
        occupant,
    )
    .await;
}

#[tokio::test]
async fn whatever_may_be_alive_occupies_its_node() {
    let page = recorded("nomad-2.0.5/node-allocations").json()[0].clone();
    let node = page["NodeID"].as_str().unwrap().to_owned();
    let occupants = async |page: Value| {
        let server = answering(&json!([page])).await;
        let tell = |found: Vec<Occupant>| match found.first() {
            None => "nobody".to_owned(),
            Some(Occupant { allocation: it, needs }) => {
                let lingers = if it.lingers { " lingers" } else { "" };
                format!("{} {:?}{lingers} {}", takes(it), it.kind, needs.unknown.join("; "))
            }
        };
        said(nomad(&server).occupants(&node.as_str().into()).await, tell)
    };
    let usual = "200 128 300 0 Service ";
    check(
        &page,
        &[
            ("/ClientStatus", Some(json!("running")), usual),
            ("/ClientStatus", Some(json!("pending")), usual),
            ("/ClientStatus", Some(json!("failed")), "200 128 300 0 Service lingers "),
            ("/NodeID", None, usual),
            (
                "/NodeID",
                Some(json!("another")),
                "error: allocation Some(\"2a58c163-fdff-b2e6-df8b-cd4a9740b5e9\") is on node",
            ),
            ("/ID", Some(json!(null)), "error: allocation None on node"),
            ("/AllocatedResources", Some(json!(null)), usual),
            ("/AllocatedResources/Tasks", Some(json!({})), "0 0 0 0 opaque Service "),
            ("/Job", Some(json!(null)), "200 128 300 0 Service it comes without its job"),
            ("/Job/TaskGroups", Some(json!([])), "200 128 300 0 Service its job has no group \"g\""),
            ("/Job/Type", Some(json!("batch")), "200 128 300 0 Batch "),
            ("/Job/Type", Some(json!("quantum")), usual),
        ],
        occupants,
    )
    .await;
    let mut ended = page;
    ended["ClientStatus"] = json!("failed");
    check(
        &ended,
        &[
            ("/TaskStates/t/State", Some(json!("dead")), "nobody"),
            ("/TaskStates/t/State", Some(json!("pending")), "200 128 300 0 Service lingers "),
            ("/TaskStates/t/State", Some(json!(null)), "200 128 300 0 Service lingers "),
            ("/TaskStates/t", Some(json!(null)), "nobody"),
            ("/TaskStates", Some(json!(null)), "nobody"),
        ],
        occupants,
    )
    .await;
}
