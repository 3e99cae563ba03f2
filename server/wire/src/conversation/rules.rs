//! Times and bounds of a conversation. Where they are configured is not known here.

use crate::Limits;
use crate::split::SplitLimits;

/// A point in time, or a span, in milliseconds of any epoch; the caller's clock is monotonic enough
/// when a step back only makes a span zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// The span from `earlier` to this; zero when the clock went back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// The caller's digest of the body bytes of a message.
///
/// It only serves to recognise a repeated request inside one session, together with the nonce; it need
/// not withstand an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

/// Bounds of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bounds on collected fragments.
    pub limits: Limits,
    /// Where our own messages are cut.
    pub split: SplitLimits,
    /// Silence after which the session is over (`wpi.md` §2.4: 60 to 120 s).
    pub idle: Millis,
    /// How long a repeated identical request gets the stored answer (`wpi.md` §3.4).
    pub retry: Millis,
    /// Most messages of one session, parts of fragmented ones not counted (`wpi.md` §2.6).
    pub messages: u32,
    /// Most follow-up parts of one session; one message has at most 500 (`wpi.md` §3.7).
    pub parts: u32,
    /// How often the same order with the same content may be sent in one session (`wpi.md` §4.4).
    pub equal_orders: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            split: SplitLimits::default(),
            idle: Millis(90_000),
            retry: Millis(5_000),
            messages: 200,
            parts: 2_000,
            equal_orders: 2,
        }
    }
}
