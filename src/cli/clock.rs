//! Where commands read the clock.

use jiff::Timestamp;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where commands read the clock; below, time is an argument"
)]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
