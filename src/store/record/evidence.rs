//! Rows of evidence: which bytes belong to which finding.

use redb::WriteTransaction;
use serde_json::json;

use super::Record;
use super::error::{Error, Fault};
use super::shape::{EvidenceRow, Hand};
use super::table::{Index, Numbered, Rows, Transaction, enter, next_number};
use crate::model::document::EvidenceRef;
use crate::model::ids::{ContentHash, EvidenceId, FindingId};

use redb::ReadableTable;

/// By number.
pub(super) static EVIDENCE: Numbered<EvidenceRow> = Rows::new("evidence");
/// (finding, or 0 for none; BLAKE3 of the bytes).
pub(super) const EVIDENCE_BY_CONTENT: Index<(u64, &[u8; 32])> = Index::new("evidence-by-content");

impl Record {
    /// A row of evidence by number.
    pub fn evidence(&self, id: EvidenceId) -> Result<EvidenceRow, Error> {
        self.read(|tx| EVIDENCE.get(tx, id.0)?.ok_or_else(|| Fault::unknown(id)))
    }

    /// All rows of evidence, oldest first.
    pub fn all_evidence(&self) -> Result<Vec<EvidenceRow>, Error> {
        self.read(|tx| EVIDENCE.all(tx))
    }
}

/// Records that bytes belong to a finding, or to none.
pub(super) fn add(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    finding: Option<FindingId>,
    evidence: &EvidenceRef,
    warning: Option<&str>,
) -> Result<EvidenceId, Fault> {
    let id = EvidenceId(next_number(tx, "evidence")?);
    let warning = warning.map(str::to_owned);
    let row = EvidenceRow { id, evidence: evidence.clone(), finding, stored: hand.at, warning };
    put(tx, &row)?;
    let detail = json!({
        "finding": finding,
        "object": evidence.object,
        "blake3": evidence.blake3,
        "sha256": evidence.sha256,
        "bytes": evidence.bytes,
        "warning": row.warning,
    });
    hand.did(tx, "evidence.stored", id, detail)?;
    Ok(id)
}

/// Writes a row and what is derived from it.
pub(super) fn put(tx: &WriteTransaction, row: &EvidenceRow) -> Result<(), Fault> {
    EVIDENCE.put(tx, row.id.0, row)?;
    enter(tx, EVIDENCE_BY_CONTENT, key(row.finding, &row.evidence.blake3))
}

/// Whether these very bytes are kept already for a finding, or for none.
pub(super) fn holds(
    tx: &impl Transaction,
    finding: Option<FindingId>,
    bytes: &ContentHash,
) -> Result<bool, Fault> {
    Ok(tx.table(EVIDENCE_BY_CONTENT)?.get(key(finding, bytes))?.is_some())
}

fn key(finding: Option<FindingId>, bytes: &ContentHash) -> (u64, &[u8; 32]) {
    (finding.map_or(0, |finding| finding.0), &bytes.0)
}
