//! Identifiers that must not be mixed up. All are cheap to clone: they share their text.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

/// Defines identifiers that are text and nothing else.
macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        // Most of those that are the same are one text that is shared: then there is nothing to compare.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl $name {
            /// Wraps the text of an identifier.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text of the identifier.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    )*};
}

identifiers! {
    /// The ID of a job (J4: not its name, which may differ). May hold slashes and percent signs.
    JobId;
    /// A Nomad namespace.
    Namespace;
    /// The name of a task group within its job.
    GroupName;
    /// The name of a task within its group.
    TaskName;
    /// The ID of an allocation.
    AllocationId;
    /// The ID of an evaluation.
    EvaluationId;
    /// The ID of a deployment.
    DeploymentId;
    /// The ID of a Nomad client node.
    NodeId;
    /// The name of a worker pool, which is the name of its Auto Scaling group.
    PoolName;
    /// The name of a cloud provider, such as `aws`.
    ProviderName;
    /// A region of a cloud provider.
    RegionName;
    /// The ID of an instance at the cloud provider.
    InstanceId;
    /// The ID of a scaling activity at the cloud provider.
    ActivityId;
    /// The ID of a Consul session.
    SessionId;
    /// The name by which an agent is known in state and events.
    AgentName;
}

impl Namespace {
    /// The namespace of whoever names none.
    pub const DEFAULT: &'static str = "default";

    /// The namespace of that name. That of whoever names none is one text for all.
    #[must_use]
    pub fn of(name: &str) -> Self {
        static DEFAULT: LazyLock<Namespace> = LazyLock::new(|| Namespace::from(Namespace::DEFAULT));
        if name == Self::DEFAULT { DEFAULT.clone() } else { Self::from(name) }
    }
}

/// A job's identity: its ID within its namespace (J4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobKey {
    /// The namespace the job lives in.
    pub namespace: Namespace,
    /// The job's ID.
    pub id: JobId,
}

impl JobKey {
    /// The key of a job in the default namespace.
    pub fn in_default(id: impl Into<JobId>) -> Self {
        Self { namespace: Namespace::from(Namespace::DEFAULT), id: id.into() }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The sign that comes before a namespace must not come from the ID (S14).
        escaped(f, self.id.as_str(), '@')?;
        if self.namespace.as_str() != Namespace::DEFAULT {
            write!(f, "@{}", self.namespace)?;
        }
        Ok(())
    }
}

/// A task group's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// The job.
    pub job: JobKey,
    /// The group's name within the job.
    pub group: GroupName,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last slash is the one before the group (S14).
        write!(f, "{}/", self.job)?;
        escaped(f, self.group.as_str(), '/')
    }
}

/// Writes a text so that `separator` does not stand in it, nor anything that could be taken for it: it becomes `%` and its
/// number, and what looks like that already has its `%` written `%25`. All else stays as it is.
fn escaped(f: &mut fmt::Formatter<'_>, text: &str, separator: char) -> fmt::Result {
    if !text.contains(['%', separator]) {
        return f.write_str(text);
    }
    let number = format!("{:02X}", u32::from(separator));
    for (at, letter) in text.char_indices() {
        let rest = &text[at + letter.len_utf8()..];
        match letter {
            '%' if rest.starts_with(&number) || rest.starts_with("25") => f.write_str("%25")?,
            _ if letter == separator => write!(f, "%{number}")?,
            _ => f.write_char(letter)?,
        }
    }
    Ok(())
}

/// What is scaled: a task group or a worker pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A task group of a job.
    Group(GroupKey),
    /// A worker pool.
    Pool(PoolName),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(key) => write!(f, "group {key}"),
            Self::Pool(name) => write!(f, "pool {name}"),
        }
    }
}
