//! Signals of the system, as things to wait for. They are caught from the moment of the call on, not only while
//! somebody waits: what comes before the first wait is not lost, and does not end the program.

use std::future::{Future, pending};

use tokio::signal::unix::{SignalKind, signal};

/// Ends when the system or a person asks the program to stop: SIGTERM or SIGINT. Called within a runtime.
pub(super) fn stop() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            // Without handlers the system's own way of stopping applies.
            return pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// Ends when the configuration is to be read again: SIGHUP. Called within a runtime.
pub(super) fn reload() -> impl Future<Output = ()> {
    let hangup = signal(SignalKind::hangup());
    async move {
        match hangup {
            Ok(mut hangup) => {
                hangup.recv().await;
            }
            Err(_) => pending().await,
        }
    }
}
