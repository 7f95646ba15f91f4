//! What becomes of a message.

/// What becomes of a message in this minute.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// The gateway goes on with the message.
    Accept,
    /// 450: the sender keeps the message and tries again.
    Defer,
    /// 550: the sender gives the message back.
    Reject,
}

impl Action {
    /// `accept`, `defer` or `reject`, as answers write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Defer => "defer",
            Self::Reject => "reject",
        }
    }
}
