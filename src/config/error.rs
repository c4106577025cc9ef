//! What can be wrong with a configuration, and where (C5).

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// On the command line, or nowhere.
    Settled,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}: ", path.display()),
            Self::Settled => Ok(()),
        }
    }
}

/// A configuration that cannot be used. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder cannot be read.
    #[error("cannot read the configuration at {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{place}not valid {language}: {problem}")]
    Syntax {
        /// Where.
        place: Place,
        /// HCL or JSON.
        language: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A key that does not exist.
    #[error("{place}unknown key `{key}`{}", hint(suggestion.as_deref()))]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// A key that it may be meant to be.
        suggestion: Option<String>,
    },
    /// A key that is there twice.
    #[error("{place}`{key}` is given a second time in this file; keep one of the two")]
    Twice {
        /// Where the second is.
        place: Place,
        /// The key.
        key: String,
    },
    /// A value that makes no sense.
    #[error("{place}`{key}`: {problem}")]
    Value {
        /// Where.
        place: Place,
        /// The key or flag.
        key: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// An environment variable that makes no sense.
    #[error("environment variable {name}: {problem}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// A file that a variable names cannot be read.
    #[error("environment variable {name}: cannot read {}", path.display())]
    NamedFile {
        /// The variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(
        || "; the book's chapter \"Command line and configuration\" lists all keys".to_owned(),
        |key| format!("; did you mean `{key}`?"),
    )
}
