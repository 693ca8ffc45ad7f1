//! Signals of the system, as things to wait for.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when the system or a person asks the program to stop: SIGTERM or SIGINT.
pub(super) async fn stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the system's own way of stopping applies.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Ends when the configuration is to be read again: SIGHUP.
pub(super) async fn reload() {
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            hangup.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
