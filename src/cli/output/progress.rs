//! A bar for long work, on a terminal only; gone when the work is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::escape::visible;

/// How far long work has come. Taken down when it is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(super) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    pub(super) fn shown(what: &str, total: Option<u64>) -> Self {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = match total {
            Some(_) => "{prefix} {wide_bar} {human_pos}/{human_len} {eta}  {msg}",
            None => "{prefix} {spinner} {human_pos} {elapsed}  {msg}",
        };
        // A template that is not understood would only look plainer.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(visible(what).into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// So much there is to do, for work that learns it on the way.
    pub fn of(&self, total: u64) {
        self.0.set_length(total);
    }

    /// So much is done.
    pub fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// What is being worked on. Hostile text is escaped.
    pub fn say(&self, text: &str) {
        let shown: String = visible(text).chars().take(60).collect();
        self.0.set_message(shown);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
