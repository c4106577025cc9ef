//! What an allocation uses. What was not measured is missing, which is not zero.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::{AllocationStats, Measure, MemoryStats, TaskUsage};

/// No task uses more MHz than this.
const MOST_MHZ: f64 = (1_u64 << 40) as f64;

/// The statistics of an allocation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct Statistics {
    resource_usage: Option<Usage>,
    tasks: Option<BTreeMap<String, Option<TaskStatistics>>>,
    timestamp: Option<Value>,
}

/// The statistics of a task.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TaskStatistics {
    resource_usage: Option<Usage>,
}

/// What a task uses.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Usage {
    cpu_stats: Option<CpuUsage>,
    memory_stats: Option<MemoryUsage>,
}

/// What a task uses of CPU: in MHz, and in percent of one core.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct CpuUsage {
    total_ticks: Option<Value>,
    percent: Option<Value>,
    measured: Option<Vec<String>>,
}

/// What a task uses of memory, in bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryUsage {
    #[serde(rename = "RSS")]
    rss: Option<Value>,
    #[serde(rename = "Usage")]
    usage: Option<Value>,
    #[serde(rename = "Measured")]
    measured: Option<Vec<String>>,
}

impl CpuUsage {
    fn has_measured(&self) -> bool {
        self.measured.as_ref().is_some_and(|measured| !measured.is_empty())
    }

    fn mhz(&self) -> Option<f64> {
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
        let ticks = number(&self.total_ticks).filter(|ticks| (0.0..=MOST_MHZ).contains(ticks))?;
        // A client that does not know its cores' speed makes nothing of whatever the task used.
        let is_idle = self.has_measured() && number(&self.percent).is_none_or(|percent| percent <= 0.0);
        Some(ticks).filter(|ticks| *ticks > 0.0 || is_idle)
    }
}

impl MemoryUsage {
    fn has_measured(&self) -> bool {
        self.measured.as_ref().is_some_and(|measured| !measured.is_empty())
    }

    /// Whether it measured anything of what resident memory is made of.
    fn has_measured_resident(&self) -> bool {
        self.measured.iter().flatten().any(|it| it == "RSS" || it == "Usage")
    }

    /// A field, where the client says that it measured it. One that says nothing of the sort is believed where it is
    /// not zero. A number that is none is missing.
    fn field(&self, name: &str, value: Option<&Value>) -> Option<u64> {
        let bytes = value.and_then(Value::as_u64)?;
        match self.measured.as_deref() {
            Some(measured) if !measured.is_empty() => measured.iter().any(|it| it == name).then_some(bytes),
            _ => Some(bytes).filter(|bytes| *bytes > 0),
        }
    }

    fn to_domain(&self) -> MemoryStats {
        MemoryStats { rss: self.field("RSS", self.rss.as_ref()), usage: self.field("Usage", self.usage.as_ref()) }
    }
}

impl Usage {
    /// What the driver says that it does not measure, while it does measure the other. What is not there at all is a sample
    /// that is missing: there is none yet of a task that has just begun.
    fn unmeasured(&self) -> Option<Measure> {
        match (self.cpu_stats.as_ref()?.has_measured(), self.memory_stats.as_ref()?.has_measured_resident()) {
            (false, true) => Some(Measure::Cpu),
            (true, false) => Some(Measure::Memory),
            _ => None,
        }
    }

    fn has_measured(&self) -> bool {
        self.cpu_stats.as_ref().is_some_and(CpuUsage::has_measured)
            || self.memory_stats.as_ref().is_some_and(MemoryUsage::has_measured)
    }
}

impl Statistics {
    /// Whether the client collects statistics: one that does not answers with nothing, at no time.
    fn is_collected(&self) -> bool {
        let has_tasks = self.tasks.as_ref().is_some_and(|tasks| !tasks.is_empty());
        let has_time = self.timestamp.as_ref().and_then(Value::as_f64).is_some_and(|nanos| nanos > 0.0);
        has_tasks || has_time || self.resource_usage.as_ref().is_some_and(Usage::has_measured)
    }
}

impl From<Statistics> for AllocationStats {
    fn from(statistics: Statistics) -> Self {
        let collected = statistics.is_collected();
        let tasks = statistics.tasks.unwrap_or_default().into_iter().map(|(task, of_task)| {
            let usage = of_task.and_then(|of_task| of_task.resource_usage).unwrap_or_default();
            TaskUsage {
                task: task.into(),
                unmeasured: usage.unmeasured(),
                cpu_mhz: usage.cpu_stats.as_ref().and_then(CpuUsage::mhz),
                memory: usage.memory_stats.as_ref().map(MemoryUsage::to_domain).unwrap_or_default(),
            }
        });
        Self { tasks: tasks.collect(), collected }
    }
}
