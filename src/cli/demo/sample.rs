//! The sample corpus: work of a company that does not exist.

/// One file of it.
#[derive(Debug)]
pub(super) struct File {
    /// Its path within the corpus.
    pub(super) path: &'static str,
    /// What is in it.
    pub(super) text: &'static str,
}

macro_rules! file {
    ($path:literal) => {
        File { path: $path, text: include_str!(concat!("sample/", $path)) }
    };
}

pub(super) static SCHEDULER: File = file!("gate/scheduler.py");
pub(super) static PRESSURE: File = file!("gate/pressure.c");
pub(super) static RESIDUAL: File = file!("forecast/residual.ts");
pub(super) static FRAMES: File = file!("telemetry/frames.go");
static KEYRING: File = file!("access/Keyring.java");
static SETTLEMENT: File = file!("ledger/settlement.sql");
pub(super) static SURGE_MODEL: File = file!("docs/surge-model.md");

/// All of them.
pub(super) static FILES: [&File; 7] =
    [&SCHEDULER, &PRESSURE, &RESIDUAL, &FRAMES, &KEYRING, &SETTLEMENT, &SURGE_MODEL];

/// The name of the company.
pub(super) const COMPANY: &str = "Brackwater Instruments";
/// The name of the corpus, and of the product that it is.
pub(super) const CORPUS: &str = "tidegate";

impl File {
    /// Some of its lines, 1-based and inclusive, each with its end.
    pub(super) fn lines(&self, first: usize, last: usize) -> String {
        self.text.split_inclusive('\n').take(last).skip(first.saturating_sub(1)).collect()
    }
}
