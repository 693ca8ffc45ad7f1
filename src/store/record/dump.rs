//! Every table as lines of JSON, and back: what a backup holds of the record.
//!
//! First a header with the schema, then a line a row of every primary table, then a footer with the number of rows and the
//! BLAKE3 digest of all lines before it, so that a dump that was cut off or changed is refused as a whole. Indexes are not
//! dumped; they are filled again from the rows.

use std::io::{BufRead, Read, Write};
use std::ops::ControlFlow;

use redb::{Key, ReadTransaction, ReadableTableMetadata, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Error, Fault};
use super::table::{Index, Rows, SEQUENCES};
use super::{META, Record, SCHEMA};
use super::{candidate, evidence, incident, ledger, outbox, setting, source};
use crate::custody;
use crate::model::finding::Passages;

/// Refuses a line longer than any that a dump holds: a row is far below.
const LONGEST_LINE: u64 = 256 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    leakwarden: String,
    schema: u32,
}

/// A row of a table.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    table: String,
    key: Value,
    row: Value,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    rows: u64,
    blake3: String,
}

/// A line after the header.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Entry(Entry),
    Footer(Footer),
}

/// Takes a table's name, a key and the row.
type Give<'a> = dyn FnMut(&str, Value, serde_json::Result<Value>) -> Result<(), Fault> + 'a;

/// What a dump needs of a primary table.
trait Primary: Sync {
    fn name(&self) -> &'static str;
    fn create(&self, tx: &WriteTransaction) -> Result<(), Fault>;
    fn is_empty(&self, tx: &WriteTransaction) -> Result<bool, Fault>;
    /// Gives every row; `give` may refuse.
    fn rows(&self, tx: &ReadTransaction, give: &mut Give<'_>) -> Result<(), Fault>;
    fn load(&self, tx: &WriteTransaction, key: &Value, row: Value) -> Result<(), Fault>;
}

impl<V: Serialize + DeserializeOwned> Primary for Rows<u64, V> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn create(&self, tx: &WriteTransaction) -> Result<(), Fault> {
        tx.open_table(self.definition())?;
        Ok(())
    }
    fn is_empty(&self, tx: &WriteTransaction) -> Result<bool, Fault> {
        Ok(tx.open_table(self.definition())?.is_empty()?)
    }
    fn rows(&self, tx: &ReadTransaction, give: &mut Give<'_>) -> Result<(), Fault> {
        self.visit(tx, |key, row| {
            give(self.name, key.into(), serde_json::to_value(row))?;
            Ok(ControlFlow::Continue(()))
        })
    }
    fn load(&self, tx: &WriteTransaction, key: &Value, row: Value) -> Result<(), Fault> {
        let key = key.as_u64().ok_or_else(|| refuse("a key is not a number"))?;
        self.put(tx, key, &serde_json::from_value(row).map_err(not_a_row)?)
    }
}

impl<V: Serialize + DeserializeOwned> Primary for Rows<&'static str, V> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn create(&self, tx: &WriteTransaction) -> Result<(), Fault> {
        tx.open_table(self.definition())?;
        Ok(())
    }
    fn is_empty(&self, tx: &WriteTransaction) -> Result<bool, Fault> {
        Ok(tx.open_table(self.definition())?.is_empty()?)
    }
    fn rows(&self, tx: &ReadTransaction, give: &mut Give<'_>) -> Result<(), Fault> {
        self.visit(tx, |key, row| {
            give(self.name, key.into(), serde_json::to_value(row))?;
            Ok(ControlFlow::Continue(()))
        })
    }
    fn load(&self, tx: &WriteTransaction, key: &Value, row: Value) -> Result<(), Fault> {
        let key = key.as_str().ok_or_else(|| refuse("a key is not a name"))?;
        self.put(tx, key, &serde_json::from_value(row).map_err(not_a_row)?)
    }
}

static PRIMARY: [&dyn Primary; 14] = [
    &SEQUENCES,
    &setting::SETTINGS,
    &setting::PAUSES,
    &source::CURSORS,
    &source::SOURCES,
    &source::MISSES,
    &source::SET_ASIDE,
    &incident::INCIDENTS,
    &incident::EVENTS,
    &incident::FINDINGS,
    &evidence::EVIDENCE,
    &outbox::OUTBOX,
    &outbox::DELIVERIES,
    &ledger::CUSTODY,
];

/// Makes every table that is not there yet.
pub(super) fn create_tables(tx: &WriteTransaction) -> Result<(), Fault> {
    fn create<K: Key + 'static>(tx: &WriteTransaction, index: Index<K>) -> Result<(), Fault> {
        tx.open_table(index)?;
        Ok(())
    }
    META.create(tx)?;
    PRIMARY.iter().try_for_each(|table| table.create(tx))?;
    create(tx, candidate::INCIDENTS_BY_PASSAGE)?;
    create(tx, incident::EVENTS_BY_INCIDENT)?;
    create(tx, incident::FINDINGS_BY_INCIDENT)?;
    create(tx, incident::FINDINGS_BY_PLACE)?;
    create(tx, evidence::EVIDENCE_BY_CONTENT)?;
    create(tx, source::MISSES_BY_TIME)?;
    create(tx, outbox::DELIVERIES_BY_TIME)?;
    create(tx, outbox::DELIVERIES_BY_INCIDENT)?;
    create(tx, outbox::DEAD_LETTERS)
}

impl Record {
    /// Every table as JSON lines, for a backup: one consistent snapshot.
    pub fn dump(&self, out: &mut dyn Write) -> Result<(), Error> {
        self.read(|tx| {
            let mut out = Lines { out, digest: blake3::Hasher::new(), rows: 0 };
            out.write(&Header { leakwarden: "record".to_owned(), schema: SCHEMA })?;
            for table in PRIMARY {
                table.rows(tx, &mut |name, key, row| {
                    let row = row.map_err(not_a_row)?;
                    out.rows += 1;
                    out.write(&Entry { table: name.to_owned(), key, row })
                })?;
            }
            let blake3 = out.digest.finalize().to_hex().to_string();
            out.write(&Footer { rows: out.rows, blake3 })?;
            out.out.flush().map_err(|error| refuse(&error))
        })
    }

    /// Fills an empty record from a dump. A dump that is cut off, changed or of a newer schema leaves the record empty.
    pub fn load(&self, lines: &mut dyn BufRead) -> Result<(), Error> {
        self.write(|tx| {
            for table in PRIMARY {
                if !table.is_empty(tx)? {
                    return Err(refuse("the record to fill is not empty"));
                }
            }
            load_rows(tx, lines)?;
            fill_indexes(tx)?;
            custody::verify(&ledger::CUSTODY.all(tx)?).map_err(|error| refuse(&error))?;
            Ok(())
        })
    }
}

fn load_rows(tx: &WriteTransaction, lines: &mut dyn BufRead) -> Result<(), Fault> {
    let mut digest = blake3::Hasher::new();
    let mut rows = 0;
    let mut text = Vec::new();
    read_line(lines, &mut text)?;
    let header: Header = serde_json::from_slice(&text).map_err(not_a_row)?;
    if header.leakwarden != "record" {
        return Err(refuse("this is not a dump of a record"));
    }
    if header.schema > SCHEMA {
        return Err(Fault::Schema { found: header.schema, known: SCHEMA });
    }
    loop {
        digest.update(&text);
        read_line(lines, &mut text)?;
        match serde_json::from_slice(&text).map_err(not_a_row)? {
            Line::Entry(Entry { table, key, row }) => {
                let named = PRIMARY.iter().find(|known| known.name() == table);
                named.ok_or_else(|| refuse("it names an unknown table"))?.load(tx, &key, row)?;
                rows += 1;
            }
            Line::Footer(footer) => {
                if footer.rows != rows || footer.blake3 != digest.finalize().to_hex().as_str() {
                    return Err(refuse("the dump was changed: its digest is another"));
                }
                return end(lines);
            }
        }
    }
}

fn end(lines: &mut dyn BufRead) -> Result<(), Fault> {
    let rest = lines.fill_buf().map_err(|error| refuse(&error))?;
    if rest.is_empty() { Ok(()) } else { Err(refuse("something follows the end of the dump")) }
}

/// Reads a line with its end into `text`.
fn read_line(lines: &mut dyn BufRead, text: &mut Vec<u8>) -> Result<(), Fault> {
    text.clear();
    lines.take(LONGEST_LINE).read_until(b'\n', text).map_err(|error| refuse(&error))?;
    if text.ends_with(b"\n") { Ok(()) } else { Err(refuse("the dump is cut off")) }
}

fn fill_indexes(tx: &WriteTransaction) -> Result<(), Fault> {
    for row in source::MISSES.all(tx)? {
        source::put_miss(tx, &row)?;
    }
    // One row at a time: all findings together may not fit into memory.
    for number in incident::INCIDENTS.keys(tx)? {
        let row = incident::INCIDENTS.require(tx, number)?;
        candidate::reindex(tx, row.id, &Passages::default(), &row.passages)?;
    }
    for number in incident::EVENTS.keys(tx)? {
        incident::put_event(tx, &incident::EVENTS.require(tx, number)?)?;
    }
    for number in incident::FINDINGS.keys(tx)? {
        incident::put_finding(tx, &incident::FINDINGS.require(tx, number)?)?;
    }
    for number in evidence::EVIDENCE.keys(tx)? {
        evidence::put(tx, &evidence::EVIDENCE.require(tx, number)?)?;
    }
    for number in outbox::DELIVERIES.keys(tx)? {
        outbox::put(tx, &outbox::DELIVERIES.require(tx, number)?)?;
    }
    Ok(())
}

/// Lines on their way out, counted and digested.
struct Lines<'a> {
    out: &'a mut dyn Write,
    digest: blake3::Hasher,
    rows: u64,
}

impl Lines<'_> {
    fn write(&mut self, line: &impl Serialize) -> Result<(), Fault> {
        let mut text = serde_json::to_vec(line).map_err(not_a_row)?;
        text.push(b'\n');
        self.digest.update(&text);
        self.out.write_all(&text).map_err(|error| refuse(&error))
    }
}

fn refuse(why: &(impl std::fmt::Display + ?Sized)) -> Fault {
    Fault::Refused(Error::Copy(why.to_string()))
}

/// The line itself is not shown: it may hold hostile text.
fn not_a_row(_: serde_json::Error) -> Fault {
    refuse("a line of the dump is not what this schema says")
}
