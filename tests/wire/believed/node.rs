//! Nodes.

use replicator::domain::Node;
use replicator::ports::Nomad;
use serde_json::{Value, json};

use super::{answering, check, said};
use crate::nomad;
use crate::recording::recorded;

/// A node of 4000 MHz, 4096 MiB, 258019 MiB of disk and 2 cores.
fn page() -> Value {
    recorded("nomad-2.0.5/node").json()
}

async fn told(page: Value, tell: impl Fn(Node) -> String) -> String {
    let server = answering(&page).await;
    said(nomad(&server).node(&"n".into()).await, |node| tell((*node).clone()))
}

async fn capacity(page: Value) -> String {
    told(page, |Node { capacity: it, .. }| format!("{} {} {} {}", it.cpu.0, it.memory.0, it.disk.0, it.cores)).await
}

#[tokio::test]
async fn a_node_offers_only_amounts_that_can_be() {
    let none = "0 0 0 0";
    check(
        &page(),
        &[
            ("/Name", Some(json!("n")), "4000 4096 258019 2"),
            ("/NodeResources/Cpu/CpuShares", Some(json!(-1)), "error: its CPU is -1, which is no amount"),
            ("/NodeResources/Cpu/CpuShares", Some(json!(u64::MAX)), "error: its CPU is 18446744073709551615"),
            ("/NodeResources/Cpu/CpuShares", Some(json!(4000.5)), "error: its CPU is 4000.5"),
            ("/NodeResources/Cpu/CpuShares", Some(json!("4000")), "error: its CPU is \"4000\""),
            ("/NodeResources/Memory/MemoryMB", Some(json!(-1)), "error: its memory is -1"),
            ("/NodeResources/Memory/MemoryMB", Some(json!(null)), "4000 0 258019 2"),
            ("/NodeResources/Memory", None, "4000 0 258019 2"),
            ("/NodeResources/Disk/DiskMB", Some(json!(1_u64 << 41)), "error: its disk is"),
            ("/NodeResources/Disk", Some(json!(null)), "4000 4096 0 2"),
            ("/NodeResources", Some(json!({})), none),
            ("/NodeResources", None, none),
            ("/NodeResources/Cpu/ReservableCpuCores", Some(json!([0, 1, 1])), "4000 4096 258019 2"),
            ("/NodeResources/Cpu/ReservableCpuCores", Some(json!([])), "4000 4096 258019 0"),
            ("/NodeResources/Cpu/ReservableCpuCores", Some(json!([-1])), "error: not the JSON that was expected"),
        ],
        capacity,
    )
    .await;
}

#[tokio::test]
async fn what_a_node_keeps_is_never_offered() {
    check(
        &page(),
        &[
            ("/ReservedResources/Cpu/CpuShares", Some(json!(500)), "3500 4096 258019 2"),
            ("/ReservedResources/Cpu/CpuShares", Some(json!(-500)), "error: its reserved CPU is -500"),
            ("/ReservedResources/Cpu/CpuShares", Some(json!(9000)), "0 4096 258019 2"),
            ("/ReservedResources/Cpu", Some(json!(null)), "4000 4096 258019 2"),
            ("/ReservedResources/Cpu/ReservedCpuCores", Some(json!([1, 7])), "4000 4096 258019 1"),
            ("/ReservedResources/Memory/MemoryMB", Some(json!(-1)), "error: its reserved memory is -1"),
            ("/ReservedResources/Memory", None, "4000 4096 258019 2"),
            ("/ReservedResources/Disk/DiskMB", Some(json!("x")), "error: its reserved disk is \"x\""),
            ("/ReservedResources/Disk", None, "4000 4096 258019 2"),
            ("/ReservedResources", Some(json!(null)), "4000 4096 258019 2"),
        ],
        capacity,
    )
    .await;
}

#[tokio::test]
async fn where_cpu_is_not_told_the_processors_tell() {
    let mut bare = page();
    bare["NodeResources"].as_object_mut().unwrap().remove("Cpu");
    let topology = "/NodeResources/Processors/Topology";
    check(
        &bare,
        &[
            ("/Name", Some(json!("n")), "4000 4096 258019 2"),
            ("/NodeResources/Cpu", Some(json!({"CpuShares": 0})), "4000 4096 258019 2"),
            (&format!("{topology}/OverrideTotalCompute"), Some(json!(0)), "5198 4096 258019 2"),
            (&format!("{topology}/OverrideTotalCompute"), Some(json!(-7)), "error: its total of CPU is -7"),
            (&format!("{topology}/Cores"), Some(json!(null)), "4000 4096 258019 0"),
            (topology, Some(json!(null)), "0 4096 258019 0"),
            ("/NodeResources/Processors", None, "0 4096 258019 0"),
        ],
        capacity,
    )
    .await;
    bare["NodeResources"]["Processors"]["Topology"]["OverrideTotalCompute"] = json!(0);
    check(
        &bare,
        &[
            (&format!("{topology}/Cores/0/Disable"), Some(json!(true)), "2599 4096 258019 1"),
            (&format!("{topology}/Cores/0/Disable"), None, "5198 4096 258019 2"),
            (&format!("{topology}/Cores/0/BaseSpeed"), Some(json!(0)), "2599 4096 258019 2"),
            (&format!("{topology}/Cores/0/BaseSpeed"), Some(json!(-1)), "error: its core's speed is -1"),
            (&format!("{topology}/Cores/0/ID"), Some(json!(1)), "5198 4096 258019 1"),
        ],
        capacity,
    )
    .await;
    bare["NodeResources"]["Processors"]["Topology"]["Cores"][0]["BaseSpeed"] = json!(0);
    check(
        &bare,
        &[
            (&format!("{topology}/Cores/0/GuessSpeed"), Some(json!(1000)), "3599 4096 258019 2"),
            (&format!("{topology}/Cores/0/GuessSpeed"), Some(json!(-1)), "error: its core's speed is -1"),
        ],
        capacity,
    )
    .await;
}

#[tokio::test]
async fn an_old_node_offers_only_amounts_that_can_be() {
    let mut old = page();
    old.as_object_mut().unwrap().retain(|name, _| name != "NodeResources" && name != "ReservedResources");
    old["Resources"] = json!({"CPU": 4000, "MemoryMB": 4096, "DiskMB": 100});
    old["Reserved"] = json!({"CPU": 0, "MemoryMB": 0, "DiskMB": 0, "Networks": null});
    check(
        &old,
        &[
            ("/Resources/CPU", Some(json!(-1)), "error: its CPU is -1"),
            ("/Resources/CPU", Some(json!(null)), "0 4096 100 0"),
            ("/Resources/MemoryMB", Some(json!(u64::MAX)), "error: its memory is 18446744073709551615"),
            ("/Resources/DiskMB", Some(json!(-1)), "error: its disk is -1"),
            (
                "/Resources/Cores",
                Some(json!(1_u64 << 33)),
                "error: its number of cores is 8589934592, which is too many",
            ),
            ("/Resources", Some(json!(null)), "0 0 0 0"),
            ("/Reserved/CPU", Some(json!(1000)), "3000 4096 100 0"),
            ("/Reserved", None, "4000 4096 100 0"),
        ],
        capacity,
    )
    .await;
    let ports = async |page| told(page, |node| format!("{:?}", node.place.reserved_ports)).await;
    let networks = "/Reserved/Networks";
    check(
        &old,
        &[
            (networks, Some(json!([{"ReservedPorts": [{"Value": 22}, {"Value": 0}]}])), "[22]"),
            (networks, Some(json!([{"ReservedPorts": null}])), "[]"),
            (networks, Some(json!([{"ReservedPorts": [{"Value": 70_000}]}])), "error: its port 70000 is none"),
        ],
        ports,
    )
    .await;
}

#[tokio::test]
async fn a_node_is_where_it_says_and_has_what_it_says() {
    let place = async |page| {
        let tell = |Node { place: it, .. }: Node| {
            let (devices, ports) = (&it.devices, &it.reserved_ports);
            let most = it.most_allocations;
            format!("{}/{}/{} {devices:?} {:?} {ports:?} {most:?}", it.datacenter, it.node_pool, it.class, it.volumes)
        };
        told(page, tell).await
    };
    let device = json!([{"Vendor": "nvidia", "Type": "gpu", "Name": "T4", "Instances": [
        {"ID": "a", "Healthy": true}, {"ID": "b", "Healthy": false}, {"ID": "c", "Healthy": null}
    ]}]);
    check(
        &page(),
        &[
            ("/Datacenter", Some(json!(null)), "/default/ {} [] [] None"),
            ("/NodePool", None, "dc1// {} [] [] None"),
            ("/NodeClass", Some(json!("big")), "dc1/default/big {} [] [] None"),
            ("/HostVolumes", Some(json!({"data": null})), "dc1/default/ {} [\"data\"] [] None"),
            ("/HostVolumes", Some(json!(null)), "dc1/default/ {} [] [] None"),
            ("/NodeMaxAllocs", Some(json!(0)), "dc1/default/ {} [] [] None"),
            ("/NodeMaxAllocs", Some(json!(7)), "dc1/default/ {} [] [] Some(7)"),
            ("/NodeMaxAllocs", Some(json!(-7)), "error: its limit of allocations is -7"),
            ("/NodeResources/Devices", Some(device), "dc1/default/ {\"nvidia/gpu/T4\": 1} [] [] None"),
            // Without vendor, type, name and instances: a kind that nothing asks for, and none of it.
            ("/NodeResources/Devices", Some(json!([{}])), "dc1/default/ {\"//\": 0} [] [] None"),
        ],
        place,
    )
    .await;
    let ports = async |page| told(page, |node| format!("{:?}", node.place.reserved_ports)).await;
    let kept = "/ReservedResources/Networks/ReservedHostPorts";
    check(
        &page(),
        &[
            (kept, Some(json!("22, 8000-8002,22")), "[22, 8000, 8001, 8002]"),
            (kept, Some(json!("ssh")), "error: its reserved ports \"ssh\" are no ports"),
            (kept, Some(json!("1-70000")), "error: its reserved ports \"1-70000\" are no ports"),
            (kept, Some(json!(null)), "[]"),
            ("/ReservedResources/Networks", Some(json!(null)), "[]"),
        ],
        ports,
    )
    .await;
}

#[tokio::test]
async fn a_drain_says_whose_it_is() {
    let page = recorded("nomad-2.0.5/node-drained").json();
    let owner = async |page| told(page, |it| format!("{:?}", it.drained_by)).await;
    check(
        &page,
        &[
            ("/Name", Some(json!("n")), "Another"),
            ("/LastDrain/Meta", Some(json!({"replicator_operation": "pool w@1"})), "Operation(\"pool w@1\")"),
            ("/LastDrain/Meta", Some(json!({"replicator_operation": null})), "Another"),
            ("/LastDrain/Meta", Some(json!(null)), "Another"),
            ("/LastDrain/Meta", None, "Another"),
            ("/LastDrain", Some(json!(null)), "Untold"),
            ("/LastDrain", None, "Untold"),
            ("/LastDrain", Some(json!("complete")), "error: "),
        ],
        owner,
    )
    .await;
}

#[tokio::test]
async fn a_node_without_an_identity_is_none() {
    let head = async |page| {
        let tell = |Node { summary: it, .. }: Node| format!("{} {:?} {}", it.id, it.status, it.takes_work());
        told(page, tell).await
    };
    let mut node = page();
    node["ID"] = json!("n");
    check(
        &node,
        &[
            ("/ID", Some(json!("")), "error: it has no ID"),
            ("/ID", None, "error: it has no ID"),
            ("/ModifyIndex", Some(json!(0)), "error: node n: it has no modify index"),
            ("/ModifyIndex", None, "error: node n: it has no modify index"),
            ("/Name", Some(json!(null)), "n Ready true"),
            ("/Status", Some(json!("dreaming")), "n Down false"),
            ("/Status", None, "n Down false"),
            ("/Drain", Some(json!(null)), "n Ready true"),
            ("/Drain", Some(json!(true)), "n Ready false"),
            ("/SchedulingEligibility", Some(json!("sometimes")), "n Ready false"),
            ("/SchedulingEligibility", None, "n Ready true"),
        ],
        head,
    )
    .await;
    let identity = async |page| {
        told(page, |it| format!("{:?} {:?} {:?}", it.instance, it.address, it.meta.get("replicator_max"))).await
    };
    check(
        &node,
        &[
            ("/Attributes", Some(json!(null)), r#"None Some("127.0.0.1") Some("5")"#),
            ("/Attributes/unique.network.ip-address", Some(json!(null)), r#"None Some("127.0.0.1") Some("5")"#),
            ("/Attributes/unique.platform.aws.instance-id", Some(json!("")), r#"None Some("192.0.2.2") Some("5")"#),
            ("/HTTPAddr", None, r#"None Some("192.0.2.2") Some("5")"#),
            ("/Meta/replicator_max", Some(json!(null)), r#"None Some("192.0.2.2") None"#),
            ("/Meta", Some(json!(null)), r#"None Some("192.0.2.2") None"#),
        ],
        identity,
    )
    .await;
}
