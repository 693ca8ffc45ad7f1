//! The daemon as a whole, reached as commands reach it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::event::Observer;
use super::plant::Base;
use super::run::{self, Outside};
use super::socket::{self, Answer, Call};
use crate::config::{Config, Surroundings, load};
use crate::fs::write_atomic;
use crate::http::Pause;
use crate::model::ids::SourceName;
use crate::store::record::Record;

/// A folder with a configuration and a drop folder with a file in it.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["watchlists", "one", "two"] {
            std::fs::create_dir(site.path(folder)).unwrap();
        }
        site.write("leakwarden.toml", "data_dir = 'data'\n");
        site.write("one/note.txt", "unrelated");
        site.sources(&["one"]);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        write_atomic(&self.path(name), text.as_bytes(), 0o600).unwrap();
    }

    fn sources(&self, names: &[&str]) {
        let table = |name: &&str| {
            format!(
                "[source.{name}]\nschedule = '0 0 29 2 *'\n[source.{name}.from.directory]\npath = '{}'\nsettle = '0s'\n",
                self.path(name).display()
            )
        };
        self.write("watchlists/sources.toml", &names.iter().map(table).collect::<String>());
    }

    fn config(&self) -> Config {
        config_at(&self.path("leakwarden.toml")).unwrap()
    }

    fn start(&self) -> Daemon {
        let config = self.config();
        let socket = config.data.socket();
        config.data.create().unwrap();
        let keys = config.data.keys(&config.key_file).unwrap();
        let base = Base::open(&config, &keys, Observer::default(), Timestamp::now).unwrap();
        let stop = CancellationToken::new();
        let file = self.path("leakwarden.toml");
        let outside = Outside {
            stop: stop.clone(),
            reload: mpsc::channel(4),
            load: Arc::new(move || config_at(&file)),
        };
        let running = tokio::spawn(run::forever(config, base, outside));
        Daemon { socket, stop, running }
    }
}

fn config_at(file: &Path) -> anyhow::Result<Config> {
    let around = Surroundings {
        config: Some(file.to_owned()),
        working_dir: "/".into(),
        ..Surroundings::default()
    };
    Ok(load(&around)?)
}

struct Daemon {
    socket: PathBuf,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Daemon {
    async fn call(&self, call: Call) -> Answer {
        let socket = self.socket.clone();
        let called = move || loop {
            // Until it listens.
            if let Some(answer) = socket::call(&socket, &call, &mut |_| {}).unwrap() {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        tokio::task::spawn_blocking(called).await.unwrap()
    }

    async fn scan(&self, name: &str) -> Answer {
        loop {
            match self.call(Call::Scan(vec![name.parse().unwrap()])).await {
                // The collectors begin a moment after the socket.
                Answer::Failed { message, .. } if message.contains("there is no source") => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                answer => return answer,
            }
        }
    }

    async fn sources(&self) -> Vec<SourceName> {
        match self.call(Call::Status).await {
            Answer::Status(status) => status.sources,
            other => panic!("{other:?}"),
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.running).await;
        ended.expect("it drains").unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_changes_nothing_and_a_right_one_starts_its_new_sources() {
    let site = Site::new();
    let daemon = site.start();
    let Answer::Scanned(scanned) = daemon.scan("one").await else { panic!("no outcome") };
    assert!(scanned[0].1.is_complete(), "{scanned:?}");
    site.write("leakwarden.toml", "data_dir = 'data'\n[daemon]\nqeue = 7\n");
    match daemon.call(Call::Reload).await {
        Answer::Failed { message, .. } => assert!(message.contains("qeue"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(daemon.sources().await, ["one".parse().unwrap()]);
    site.write("leakwarden.toml", "data_dir = 'elsewhere'\n");
    assert!(
        matches!(daemon.call(Call::Reload).await, Answer::Failed { .. }),
        "another data folder"
    );
    site.write("leakwarden.toml", "data_dir = 'data'\n");
    site.sources(&["one", "two"]);
    site.write("two/note.txt", "unrelated");
    assert_eq!(daemon.call(Call::Reload).await, Answer::Reloaded);
    let Answer::Scanned(scanned) = daemon.scan("two").await else { panic!("no outcome") };
    assert!(scanned[0].1.is_complete(), "{scanned:?}");
    assert_eq!(daemon.sources().await.len(), 2);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_on_disk_after_the_word_to_stop_and_a_turn_is_not_made_twice() {
    let site = Site::new();
    let daemon = site.start();
    daemon.scan("one").await;
    daemon.stop().await;
    let one: SourceName = "one".parse().unwrap();
    let status = || {
        let record = Record::open(&site.config().data.record()).unwrap();
        record.source_status(&one).unwrap()
    };
    let before = status();
    assert_eq!(before.looked_at, 1);
    assert!(before.last_success.is_some() && before.last_attempt == before.last_success);
    // The next turn is in years: a daemon that starts again has none to make up for.
    let daemon = site.start();
    assert_eq!(daemon.call(Call::Status).await, daemon.call(Call::Status).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    daemon.stop().await;
    assert_eq!(status(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asked_to_be_left_alone_still_is_after_a_restart() {
    let site = Site::new();
    let until = Timestamp::now() + SignedDuration::from_hours(2);
    let pauses = || {
        let record = Record::open(&site.config().data.record()).unwrap();
        record.pauses().unwrap()
    };
    site.start().stop().await;
    let pause = Pause { host: "paste.example:443".to_owned(), until };
    let record = Record::open(&site.config().data.record()).unwrap();
    record.put_pauses(std::slice::from_ref(&pause)).unwrap();
    drop(record);
    let daemon = site.start();
    daemon.scan("one").await;
    daemon.stop().await;
    assert_eq!(pauses(), [pause]);
}
