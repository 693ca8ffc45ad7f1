//! The tables of the record, and how their rows are read and written.
//!
//! Two kinds. Primary tables hold rows as JSON, by number or by name. Indexes hold keys only, say nothing that the primary
//! tables do not say, and are filled again from them when a dump is loaded. All are made when the record is opened, so that
//! none is ever missing. What the rows mean is the business of the module that owns them.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, Value, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Fault;

/// A primary table.
pub(super) struct Rows<K, V> {
    pub(super) name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

/// Rows by number.
pub(super) type Numbered<V> = Rows<u64, V>;
/// Rows by name.
pub(super) type Named<V> = Rows<&'static str, V>;
/// Keys only.
pub(super) type Index<K> = TableDefinition<'static, K, ()>;

/// The last number given, by kind: `incident`, `finding` … No number is given twice.
pub(super) static SEQUENCES: Named<u64> = Rows::new("sequences");

/// What reading needs of a transaction, whether it may write or not.
pub(super) trait Transaction {
    /// Opens a table.
    fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<impl ReadableTable<K, V>, Fault>;
}

impl Transaction for ReadTransaction {
    fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<impl ReadableTable<K, V>, Fault> {
        Ok(self.open_table(definition)?)
    }
}

impl Transaction for WriteTransaction {
    fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<impl ReadableTable<K, V>, Fault> {
        Ok(self.open_table(definition)?)
    }
}

impl<K: Key + 'static, V: Serialize + DeserializeOwned> Rows<K, V> {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    pub(super) fn definition(&self) -> TableDefinition<'static, K, &'static [u8]> {
        TableDefinition::new(self.name)
    }

    pub(super) fn get(
        &self,
        tx: &impl Transaction,
        key: K::SelfType<'_>,
    ) -> Result<Option<V>, Fault> {
        let table = tx.table(self.definition())?;
        let row = table.get(key)?;
        row.map(|row| self.parse(row.value())).transpose()
    }

    pub(super) fn put(
        &self,
        tx: &WriteTransaction,
        key: K::SelfType<'_>,
        row: &V,
    ) -> Result<(), Fault> {
        let json = serde_json::to_vec(row).map_err(|error| self.fault(&error))?;
        tx.open_table(self.definition())?.insert(key, json.as_slice())?;
        Ok(())
    }

    /// A row that an index says is there.
    pub(super) fn require(&self, tx: &impl Transaction, key: K::SelfType<'_>) -> Result<V, Fault> {
        let missing = || Fault::Row {
            table: self.name.to_owned(),
            why: "it is missing although an index names it".to_owned(),
        };
        self.get(tx, key)?.ok_or_else(missing)
    }

    /// Removes a row and gives it.
    pub(super) fn remove(
        &self,
        tx: &WriteTransaction,
        key: K::SelfType<'_>,
    ) -> Result<Option<V>, Fault> {
        let mut table = tx.open_table(self.definition())?;
        let row = table.remove(key)?;
        row.map(|row| self.parse(row.value())).transpose()
    }

    /// The row with the highest key.
    pub(super) fn last(&self, tx: &impl Transaction) -> Result<Option<V>, Fault> {
        let table = tx.table(self.definition())?;
        table.last()?.map(|(_, row)| self.parse(row.value())).transpose()
    }

    /// Every row, by rising key.
    pub(super) fn all(&self, tx: &impl Transaction) -> Result<Vec<V>, Fault> {
        let table = tx.table(self.definition())?;
        table.iter()?.map(|row| self.parse(row?.1.value())).collect()
    }

    /// Shows every row by rising key, until `look` breaks off.
    pub(super) fn visit(
        &self,
        tx: &impl Transaction,
        mut look: impl FnMut(K::SelfType<'_>, V) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), Fault> {
        let table = tx.table(self.definition())?;
        for row in table.iter()? {
            let (key, row) = row?;
            if look(key.value(), self.parse(row.value())?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Shows every row by falling key, until `look` breaks off.
    pub(super) fn visit_backwards(
        &self,
        tx: &impl Transaction,
        mut look: impl FnMut(K::SelfType<'_>, V) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), Fault> {
        let table = tx.table(self.definition())?;
        for row in table.iter()?.rev() {
            let (key, row) = row?;
            if look(key.value(), self.parse(row.value())?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn parse(&self, json: &[u8]) -> Result<V, Fault> {
        serde_json::from_slice(json).map_err(|error| self.fault(&error))
    }

    /// The row is not what this schema says. The row itself is not shown: it may hold hostile text.
    fn fault(&self, error: &serde_json::Error) -> Fault {
        let why = format!("it is not as it was written (column {})", error.column());
        Fault::Row { table: self.name.to_owned(), why }
    }
}

impl<V> Rows<u64, V> {
    /// The numbers of all rows, rising.
    pub(super) fn keys(&self, tx: &impl Transaction) -> Result<Vec<u64>, Fault> {
        let table = tx.table(TableDefinition::<u64, &[u8]>::new(self.name))?;
        table.iter()?.map(|row| Ok(row?.0.value())).collect()
    }
}

/// Gives the next number of a kind.
pub(super) fn next_number(tx: &WriteTransaction, kind: &str) -> Result<u64, Fault> {
    let number = SEQUENCES.get(tx, kind)?.unwrap_or(0) + 1;
    SEQUENCES.put(tx, kind, &number)?;
    Ok(number)
}

/// Adds a key to an index.
pub(super) fn enter<K: Key + 'static>(
    tx: &WriteTransaction,
    index: Index<K>,
    key: K::SelfType<'_>,
) -> Result<(), Fault> {
    tx.open_table(index)?.insert(key, ())?;
    Ok(())
}

/// Takes a key out of an index.
pub(super) fn strike<K: Key + 'static>(
    tx: &WriteTransaction,
    index: Index<K>,
    key: K::SelfType<'_>,
) -> Result<(), Fault> {
    tx.open_table(index)?.remove(key)?;
    Ok(())
}

/// The second numbers of an index's keys that begin with `first`, rising.
pub(super) fn numbers_under(
    tx: &impl Transaction,
    index: Index<(u64, u64)>,
    first: u64,
) -> Result<Vec<u64>, Fault> {
    let table = tx.table(index)?;
    table.range((first, 0)..=(first, u64::MAX))?.map(|row| Ok(row?.0.value().1)).collect()
}
