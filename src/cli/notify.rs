//! `notify test`: does a message arrive?

use clap::{Args, Subcommand};
use tokio::sync::watch;

use super::args::Global;
use super::output::{Output, Tone};
use super::reach::{self, Confused, Reached};
use super::{Exit, clock, configured};
use crate::config::Config;
use crate::daemon::deliver::{Courier, queue_test};
use crate::daemon::event::Observer;
use crate::daemon::plant::{self, Base};
use crate::daemon::socket::{Answer, Call};
use crate::http;
use crate::model::ids::RouteName;
use crate::model::notice::{Delivery, DeliveryState};

/// Which part of the command.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a real message, marked as a test, the whole way
    Test(Test),
}

/// Where to.
#[derive(Debug, Args)]
pub struct Test {
    /// The route
    #[arg(long, value_name = "ROUTE")]
    pub to: RouteName,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let Command::Test(Test { to }) = &arguments.command;
    let config = configured(global)?;
    let known: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
    anyhow::ensure!(
        known.contains(&to.as_str()),
        "there is no route `{to}` (there are: {})",
        known.join(", ")
    );
    let call = Call::NotifyTest(to.clone());
    let reached = reach::daemon_or_base(&config, &call, &mut |_| {}, &Observer::default())?;
    let delivery = match reached {
        Reached::Daemon(Answer::Tested(delivery)) => *delivery,
        Reached::Daemon(_) => return Err(Confused.into()),
        Reached::Here(base) => here(&config, &base, to)?,
    };
    report(&delivery, output)
}

/// Without a daemon: queued, put together and sent as the daemon would.
fn here(config: &Config, base: &Base, to: &RouteName) -> anyhow::Result<Delivery> {
    let now = clock::now();
    let runtime = reach::runtime()?;
    let id = queue_test(&base.stores.record, to.clone(), now)?;
    runtime.block_on(async {
        let http = http::Client::new(config.http.settings(&config.base)?)?;
        let (_ways, seen) = watch::channel(std::sync::Arc::new(plant::ways(config, &http)?));
        let record = base.stores.record.clone();
        let courier =
            Courier { record, ways: seen, observer: base.observer.clone(), now: clock::now };
        courier.send_due(now).await
    })?;
    Ok(base.stores.record.delivery(id)?)
}

fn report(delivery: &Delivery, output: &Output) -> anyhow::Result<Exit> {
    let why = delivery.last_error.as_deref().unwrap_or("no answer yet");
    match delivery.state {
        DeliveryState::Delivered { .. } => {
            output.line_in(
                Tone::Good,
                &format!("{} was delivered over route `{}`", delivery.id, delivery.route),
            )?;
            Ok(Exit::Clean)
        }
        DeliveryState::Due { at } => {
            output.line_in(
                Tone::Warn,
                &format!("{} is not delivered yet: {why}; tried again at {at:.0}", delivery.id),
            )?;
            Ok(Exit::Partial)
        }
        DeliveryState::Dead { .. } => {
            output.line_in(Tone::Bad, &format!("{} cannot be delivered: {why}", delivery.id))?;
            Ok(Exit::Partial)
        }
    }
}
