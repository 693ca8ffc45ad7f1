//! Small checks that every section of the configuration needs.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use jiff::tz::TimeZone;
use toml::Spanned;

use crate::schedule::Schedule;
use crate::settings::{File, Problems};

/// Collects what is wrong in one file.
pub(super) struct Check<'a> {
    /// None if the file is not there: then nothing can be wrong in it.
    pub(super) file: Option<&'a File>,
    pub(super) problems: &'a mut Problems,
}

impl Check<'_> {
    pub(super) fn tell(&mut self, at: &Range<usize>, what: impl Into<String>) {
        if let Some(file) = self.file {
            self.problems.push(file.problem(at, what));
        }
    }

    pub(super) fn tell_setting(&mut self, setting: &str, what: &str) {
        if let Some(file) = self.file {
            self.problems.push(file.problem_with(setting, what));
        }
    }

    /// A value within its bounds, or the default.
    pub(super) fn within<T: Copy + PartialOrd + Display>(
        &mut self,
        setting: &str,
        typed: Option<&Spanned<T>>,
        default: T,
        bounds: RangeInclusive<T>,
    ) -> T {
        let Some(typed) = typed else { return default };
        if bounds.contains(typed.get_ref()) {
            return *typed.get_ref();
        }
        let what = format!(
            "{setting}: {} is out of bounds: it can be {} to {}",
            typed.get_ref(),
            bounds.start(),
            bounds.end()
        );
        self.tell(&typed.span(), what);
        default
    }

    /// A time zone by its name, or the default.
    pub(super) fn zone(
        &mut self,
        setting: &str,
        typed: Option<&Spanned<String>>,
        default: &TimeZone,
    ) -> TimeZone {
        let Some(typed) = typed else { return default.clone() };
        TimeZone::get(typed.get_ref()).unwrap_or_else(|_| {
            let what = format!(
                "{setting}: `{}` is not a time zone: write it as `Europe/Berlin` or `UTC`",
                typed.get_ref().escape_debug()
            );
            self.tell(&typed.span(), what);
            default.clone()
        })
    }

    /// A schedule, if it can be understood.
    pub(super) fn schedule(
        &mut self,
        setting: &str,
        typed: &Spanned<String>,
        zone: &TimeZone,
    ) -> Option<Schedule> {
        Schedule::parse(typed.get_ref(), zone.clone())
            .map_err(|error| self.tell(&typed.span(), format!("{setting}: {error}")))
            .ok()
    }
}
