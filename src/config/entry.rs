//! What a configuration file says, whatever its language.

/// A key with its value, and the line that it stands in.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    /// From 1.
    pub(super) line: usize,
}

/// A value.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    /// Text, a number or a truth value, as text: Go's weak decoding takes one for the other.
    Scalar(String),
    /// Keys of its own.
    Block(Vec<Entry>),
    /// Something that no key of ours takes.
    Odd(&'static str),
}

impl Value {
    /// A list: HCL 1 and its JSON write a block as a list of one.
    pub(super) fn list(mut values: Vec<Value>) -> Self {
        match (values.len(), values.pop()) {
            (1, Some(Self::Block(entries))) => Self::Block(entries),
            _ => Self::Odd("a list"),
        }
    }
}

/// A file that is not valid, with the line where that was noticed.
#[derive(Debug, PartialEq)]
pub(super) struct Invalid {
    pub(super) line: usize,
    pub(super) problem: String,
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
