//! The way out: certificates, the proxy, the routes, the heartbeat, git.

use std::time::Duration;

use super::Findings;
use crate::cli::Exit;
use crate::config::Config;
use crate::daemon::plant;
use crate::git;
use crate::http::Client;
use crate::source;

/// A route that has not answered by then will not.
const PATIENCE: Duration = Duration::from_mins(1);

/// Speaks to the proxy and the routes; to nobody else.
pub(super) async fn look(config: &Config, findings: &mut Findings) {
    // Why there is no client is told with the configuration.
    if let Ok(Ok(http)) = config.http.settings(&config.base).map(Client::new) {
        way_out(&http, findings).await;
        routes(config, &http, findings).await;
    }
    match &config.heartbeat {
        Some(_) => findings.ok("heartbeat", "configured"),
        None => findings.advise(
            "heartbeat",
            "not configured: nobody hears of it if the daemon dies",
            "set `[heartbeat]` to an address of a service that raises an alarm when it is not called",
        ),
    }
}

async fn way_out(http: &Client, findings: &mut Findings) {
    if http.has_roots() {
        findings.ok("certificates", "the system has root certificates");
    } else {
        let remedy = "install the package `ca-certificates`";
        findings.wrong("certificates", Exit::Partial, "no root certificates: https fails", remedy);
    }
    match http.probe_proxy().await {
        Ok(None) => {}
        Ok(Some(proxy)) => findings.ok("proxy", format!("{proxy} takes connections")),
        Err(error) => {
            let remedy =
                "start it, or correct `http.proxy`: nothing leaves this machine without it";
            findings.wrong("proxy", Exit::Partial, format!("{error}"), remedy);
        }
    }
}

async fn routes(config: &Config, http: &Client, findings: &mut Findings) {
    // Why a route cannot be built is told with the configuration.
    let Ok(ways) = plant::ways(config, http) else { return };
    for (name, way) in ways {
        let what = format!("route `{name}`");
        match tokio::time::timeout(PATIENCE, way.notifier.probe()).await {
            Ok(Ok(said)) => findings.ok(&what, said),
            Ok(Err(error)) => {
                let remedy = format!("correct it, then `leakwarden notify test --to {name}`");
                findings.wrong(&what, Exit::Partial, error.to_string(), remedy);
            }
            Err(_elapsed) => {
                let remedy = "is it the right server, and does a firewall let us reach it?";
                findings.wrong(&what, Exit::Partial, "no answer within a minute", remedy);
            }
        }
    }
}

/// Programs that are needed beside this one.
pub(super) fn programs(config: Option<&Config>, findings: &mut Findings) {
    const WHAT: &str = "git";
    let (major, minor) = git::OLDEST;
    let remedy = format!("install git {major}.{minor} or newer");
    let found = match git::version() {
        Ok(Some(version)) if version >= git::OLDEST => {
            findings.ok(WHAT, format!("version {}.{}", version.0, version.1));
            return;
        }
        Ok(Some(version)) => format!("version {}.{} is too old", version.0, version.1),
        Ok(None) => "it does not say its version".to_owned(),
        Err(error) => format!("{error}"),
    };
    let is_needed = config.is_some_and(|config| {
        config.sources.iter().any(|source| matches!(source.kind, source::Kind::Git(_)))
    });
    if is_needed {
        findings.wrong(WHAT, Exit::Partial, found, remedy);
    } else {
        findings.advise(WHAT, format!("{found}; repositories cannot be read"), remedy);
    }
}
