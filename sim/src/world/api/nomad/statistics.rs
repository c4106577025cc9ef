//! What allocations use.

use replicator::domain::{ClientStatus, TaskUsage};
use serde_json::{Map, Value, json};

use super::modern::Kind;
use super::{fields, numbered};
use crate::world::World;

/// The clock of a simulated core, MHz: percents of use are of one.
const CORE_MHZ: f64 = 2500.0;

impl World {
    /// `GET /v1/client/allocation/ID/stats`; nothing where there is no such allocation or its client does not answer.
    pub(crate) fn statistics_page(&self, id: &str) -> Option<Value> {
        let number = numbered(id, &self.nomad.allocations, |it| it.id.as_str())?;
        let it = &self.nomad.allocations[number];
        let reachable = self.client_answers(it.node) && self.outages.statistics[it.group] == 0;
        if !reachable || it.client != ClientStatus::Running {
            return None;
        }
        let now = self.calendar.nanos(self.now);
        let statistics = self.statistics(number);
        if !statistics.collected {
            return Some(self.of_version(Kind::Statistics, fields(uncollected())).into());
        }
        let used = statistics.tasks;
        let total = |of: fn(&TaskUsage) -> f64| used.iter().map(of).sum::<f64>();
        let cpu = total(|task| task.cpu_mhz.unwrap_or(0.0));
        let rss = used.iter().map(|task| task.memory.rss.unwrap_or(0)).sum();
        let tasks = used.iter().enumerate().map(|(order, task)| {
            let usage = usage(task.cpu_mhz.unwrap_or(0.0), task.memory.rss.unwrap_or(0));
            let process = (1000 + number * 10 + order).to_string();
            (task.task.to_string(), json!({"Pids": {process: usage}, "ResourceUsage": usage, "Timestamp": now}))
        });
        let page = json!({"ResourceUsage": usage(cpu, rss), "Tasks": tasks.collect::<Map<_, _>>(), "Timestamp": now});
        Some(self.of_version(Kind::Statistics, fields(page)).into())
    }
}

/// What a client says that collects no statistics: zeros that nobody measured.
fn uncollected() -> Value {
    let mut usage = usage(0.0, 0);
    for of in ["CpuStats", "MemoryStats"] {
        usage[of]["Measured"] = Value::Null;
    }
    json!({"ResourceUsage": usage, "Tasks": {}, "Timestamp": 0})
}

fn usage(cpu: f64, rss: u64) -> Value {
    let percent = cpu / CORE_MHZ * 100.0;
    json!({
        "CpuStats": {
            "Measured": ["System Mode", "User Mode", "Percent"], "Percent": percent, "SystemMode": 0.0,
            "ThrottledPeriods": 0, "ThrottledTime": 0, "TotalTicks": cpu, "UserMode": percent,
        },
        "DeviceStats": [],
        "MemoryStats": {
            "Cache": 0, "KernelMaxUsage": 0, "KernelUsage": 0, "MaxUsage": 0, "Measured": ["RSS", "Swap"],
            "RSS": rss, "Swap": 0, "Usage": 0,
        },
    })
}
