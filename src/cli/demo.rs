//! `demo`: the whole job on this machine, offline.
//!
//! Only the stand-ins and what they publish are made up. Corpus, index, fetching, recognition, stores, templates and
//! delivery are the product's own code, and the daemon is the real one. Nothing of the user's configuration, data or
//! environment is read.

mod closing;
mod folder;
mod material;
mod repository;
mod sample;
mod stand;
mod story;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::output::{Output, Tone};
use super::workplace::Workplace;
use super::{Exit, clock, log, reach, signals};
use crate::config::{Config, Format, Level, Log};
use crate::corpus::{self, Wanted};
use crate::daemon::event::{Event, Observer};
use crate::daemon::plant::Base;
use crate::daemon::run::{self, Outside};
use crate::service::Service;
use crate::watchlist::corpora::list_folder;
use closing::Tally;
use folder::Folder;
use material::PLANTED;
use sample::{COMPANY, CORPUS, FILES};
use stand::{REPOSITORY, Stands};
use story::Story;

/// What the demo takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Stop after one complete pass over all sources, and fail unless every planted leak was found and nothing else
    #[arg(long)]
    once: bool,
    /// Work in this folder, which must be empty or not there, and leave everything in it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Stop after so many seconds; without it and --once the demo runs until Ctrl-C
    #[arg(long, value_name = "N", conflicts_with = "once")]
    seconds: Option<u64>,
}

/// The planted pieces are published so long after the start, unless there is only one pass.
const LEAK_AFTER: Duration = Duration::from_secs(2);
/// One pass and its mail must be over within this time.
const ONCE: Duration = Duration::from_mins(2);
/// How often there is a look at whether everything is done.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the command.
pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let started = Instant::now();
    log::start(global, Log { level: Level::Error, format: Format::Text });
    repository::check_git()?;
    let folder = Folder::make(arguments.keep.as_deref())?;
    let runtime = reach::runtime()?;
    let stands =
        runtime.block_on(Stands::start(repository::make(false)?, repository::make(true)?))?;
    let config = folder.fill(&stands)?;
    introduce(&stands, output)?;

    let fingerprinted = read_corpus(&config)?;
    let base = reach::base_of_daemon(&config, &Observer::default())?;
    let service = Service::new(base.stores.record.clone(), base.stores.evidence.clone());
    let mut story = Story::new(output, started, service.clone(), &folder.outbox());
    story.line("indexed", &fingerprinted)?;
    let ended =
        runtime.block_on(Stage { arguments, stands: &stands, base }.perform(config, &mut story));
    let told = ended.and_then(|()| {
        let incidents = story::incidents(&service)?;
        let tally = Tally::of(&incidents);
        closing::print(&incidents, tally, &story, &folder, output)?;
        Ok(tally)
    });
    drop(service);
    // The stores are let go before their folder is removed.
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(story);
    let closed = folder.close();
    let tally = told?;
    closed?;
    Ok(if arguments.once && !tally.is_right() { Exit::Partial } else { Exit::Clean })
}

fn introduce(stands: &Stands, output: &Output) -> anyhow::Result<()> {
    let Stands { pastes, blog, forge, .. } = stands;
    let heading = "Leakwarden demo: everything happens on this machine, nothing leaves it";
    output.line_in(Tone::Strong, heading)?;
    let count = FILES.len();
    for (what, text) in [
        (
            "to protect",
            format!("the {count} files of `{CORPUS}`, by {COMPANY}, an invented company"),
        ),
        ("to watch", format!("a paste site, http://{pastes}/")),
        ("", format!("a blog, http://{blog}/feed.xml")),
        ("", format!("a git host, http://{forge}/{REPOSITORY}")),
    ] {
        output.line(&format!("  {what:<12}{text}"))?;
    }
    output.line("")?;
    Ok(())
}

/// Reads the corpora that the configuration lists, as the daemon and `corpus refresh` do.
fn read_corpus(config: &Config) -> anyhow::Result<String> {
    let workplace = Workplace::of(config.clone())?;
    let mut documents = 0;
    for listed in config.corpora.resolve(&list_folder).0 {
        let wanted = Wanted::listed(listed);
        let outcome =
            corpus::read(&workplace.index, &workplace.reader(), &wanted, clock::now(), &|_| {})?;
        documents += outcome.documents();
    }
    let lines: usize = FILES.iter().map(|file| file.text.lines().count()).sum();
    Ok(format!(
        "{CORPUS}: {documents} files, {lines} lines, as keyed fingerprints; no text of them is kept"
    ))
}

/// The daemon and the world that it looks at.
struct Stage<'a> {
    arguments: &'a Arguments,
    stands: &'a Stands,
    base: Base,
}

impl Stage<'_> {
    /// Runs the daemon until it is time to stop, and tells what happens.
    async fn perform(self, config: Config, story: &mut Story<'_>) -> anyhow::Result<()> {
        let (sources, stop) = (config.sources.len(), CancellationToken::new());
        let mut events = self.base.observer.listen();
        let daemon = run::forever(config.clone(), self.base.clone(), outside(config, &stop));
        story.line("started", "the daemon; it looks at every source every two seconds")?;
        if self.arguments.once {
            // What the only pass is to find must be there before it.
            self.publish(story)?;
        }
        let (leak, end) = (tokio::time::sleep(LEAK_AFTER), tokio::time::sleep(self.length()));
        let (mut look, asked) = (tokio::time::interval(LOOK), asked_to_stop());
        tokio::pin!(daemon, leak, end, asked);
        loop {
            tokio::select! {
                () = &mut leak, if !story.is_leaking() => self.publish(story)?,
                () = &mut asked => {
                    // The second one does not wait for what is in flight.
                    if stop.is_cancelled() {
                        return Ok(());
                    }
                    asked.set(asked_to_stop());
                    stop.cancel();
                }
                () = &mut end, if !stop.is_cancelled() => stop.cancel(),
                Ok(event) = events.recv() => story.tell(&event)?,
                ended = &mut daemon => {
                    while let Some(event) = next_of(&mut events) {
                        story.tell(&event)?;
                    }
                    return ended;
                }
                _ = look.tick(), if !stop.is_cancelled() => {
                    if self.arguments.once && story.has_seen(sources) && !self.has_mail_to_send()? {
                        stop.cancel();
                    }
                    story.breathe()?;
                }
            }
        }
    }

    fn publish(&self, story: &mut Story<'_>) -> anyhow::Result<()> {
        self.stands.leak();
        Ok(story.published(PLANTED.len())?)
    }

    /// How long the demo may run.
    fn length(&self) -> Duration {
        match (self.arguments.once, self.arguments.seconds) {
            (true, _) => ONCE,
            (false, Some(seconds)) => Duration::from_secs(seconds),
            (false, None) => Duration::MAX,
        }
    }

    fn has_mail_to_send(&self) -> anyhow::Result<bool> {
        Ok(self.base.stores.record.next_delivery()?.is_some())
    }
}

/// Ends when somebody asks to stop, or closes the terminal: the folder must not be left behind.
async fn asked_to_stop() {
    tokio::select! {
        () = signals::stop() => {}
        () = signals::reload() => {}
    }
}

/// The next event that was told already.
fn next_of(events: &mut Receiver<Event>) -> Option<Event> {
    loop {
        match events.try_recv() {
            Ok(event) => return Some(event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => return None,
        }
    }
}

/// What the command line gives the daemon; its configuration stays as it is.
fn outside(config: Config, stop: &CancellationToken) -> Outside {
    let load = Arc::new(move || Ok(config.clone()));
    Outside { stop: stop.clone(), reload: mpsc::channel(1), load }
}
