//! Colours, for a terminal.

/// Whether to colour what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Plain, as on a pipe.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Paint {
    pub(super) fn good(self, text: &str) -> String {
        self.paint(text, "32")
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint(text, "31;1")
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint(text, "1")
    }

    fn paint(self, text: &str, code: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
