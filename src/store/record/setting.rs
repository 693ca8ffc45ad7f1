//! Small values by name, and hosts' wishes to be left alone. Nobody's deeds, so no custody.

use super::Record;
use super::error::Error;
use super::table::{Named, Rows};
use crate::http::Pause;

/// By name.
pub(super) static SETTINGS: Named<String> = Rows::new("settings");
/// By host.
pub(super) static PAUSES: Named<Pause> = Rows::new("pauses");

impl Record {
    /// Keeps hosts' wishes to be left alone, instead of those kept before.
    pub fn put_pauses(&self, pauses: &[Pause]) -> Result<(), Error> {
        self.write(|tx| {
            tx.open_table(PAUSES.definition())?.retain(|_, _| false)?;
            pauses.iter().try_for_each(|pause| PAUSES.put(tx, &pause.host, pause))
        })
    }

    /// Hosts' wishes to be left alone.
    pub fn pauses(&self) -> Result<Vec<Pause>, Error> {
        self.read(|tx| PAUSES.all(tx))
    }

    /// A small value kept by name: the time of the last complete cycle, the last run of a schedule.
    pub fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        self.read(|tx| SETTINGS.get(tx, name))
    }

    /// Keeps a small value by name.
    pub fn put_setting(&self, name: &str, value: &str) -> Result<(), Error> {
        self.write(|tx| SETTINGS.put(tx, name, &value.to_owned()))
    }
}
