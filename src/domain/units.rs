//! Quantities with their units, so that MHz are never added to MiB.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// CPU, in MHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MegaHertz(pub u64);

/// Memory or disk, in MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MebiBytes(pub u64);

/// A share in percent. May exceed 100: a task may use more CPU than it asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub f64);

impl fmt::Display for MegaHertz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MHz", self.0)
    }
}

impl fmt::Display for MebiBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0)
    }
}

/// What a node offers or an allocation takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// CPU in MHz.
    pub cpu: MegaHertz,
    /// Memory in MiB.
    pub memory: MebiBytes,
    /// Disk in MiB.
    pub disk: MebiBytes,
    /// Whole cores that are reserved for tasks with `cores`; their MHz count under `cpu` as well.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cores: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Resources {
    /// Resources of so many MHz of CPU, and MiB of memory and disk.
    #[must_use]
    pub fn new(cpu_mhz: u64, memory_mib: u64, disk_mib: u64) -> Self {
        Self { cpu: MegaHertz(cpu_mhz), memory: MebiBytes(memory_mib), disk: MebiBytes(disk_mib), cores: 0 }
    }

    /// What is left after `taken`; never below zero.
    #[must_use]
    pub fn less(self, taken: Self) -> Self {
        Self {
            cpu: MegaHertz(self.cpu.0.saturating_sub(taken.cpu.0)),
            memory: MebiBytes(self.memory.0.saturating_sub(taken.memory.0)),
            disk: MebiBytes(self.disk.0.saturating_sub(taken.disk.0)),
            cores: self.cores.saturating_sub(taken.cores),
        }
    }

    /// Whether `wanted` fits into these resources, in every dimension.
    #[must_use]
    pub fn holds(self, wanted: Self) -> bool {
        wanted.cpu <= self.cpu && wanted.memory <= self.memory && wanted.disk <= self.disk && wanted.cores <= self.cores
    }
}

impl Add for Resources {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: MegaHertz(self.cpu.0.saturating_add(other.cpu.0)),
            memory: MebiBytes(self.memory.0.saturating_add(other.memory.0)),
            disk: MebiBytes(self.disk.0.saturating_add(other.disk.0)),
            cores: self.cores.saturating_add(other.cores),
        }
    }
}

impl AddAssign for Resources {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Resources {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}
