//! What unpacking one document may cost, over all layers of containers together.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Trouble;

/// Unpacked bytes up to which no ratio is suspicious: small files of one repeated line are common.
const RATIO_FREE_BYTES: u64 = 16 << 20;
/// The ratio that a stream may reach beyond that. Repetitive logs and dumps stay below it; deflate's
/// ceiling, which bombs approach, is 1032.
const RATIO_LIMIT: u64 = 250;

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Unpacked bytes of the whole document.
    Bytes,
    /// Members of all containers.
    Members,
    /// Time.
    Time,
    /// Unpacked bytes for each packed one, in one stream.
    Ratio,
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bytes => "cut at the limit of unpacked bytes",
            Self::Members => "cut at the limit of members",
            Self::Time => "cut at the limit of time",
            Self::Ratio => "cut because it unpacks to more than 250 times its size, as a decompression bomb does",
        })
    }
}

/// Unpacked bytes, members and time that are left. Shared by all layers, so that nesting gains nothing.
#[derive(Debug)]
pub struct Budget {
    bytes: Cell<u64>,
    members: Cell<u32>,
    deadline: Option<Instant>,
    stopped: Cell<Option<Stop>>,
}

impl Budget {
    /// A budget that runs out `time` from now at the latest.
    pub fn new(bytes: u64, members: u32, time: Duration) -> Self {
        Self {
            bytes: Cell::new(bytes),
            members: Cell::new(members),
            deadline: Instant::now().checked_add(time),
            stopped: Cell::new(None),
        }
    }

    /// The limit of the whole document that was reached, if one was: nothing more will be given out.
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped.get()
    }

    /// Takes one member.
    pub fn take_member(&self) -> Result<(), Trouble> {
        self.check_time()?;
        let Some(left) = self.members.get().checked_sub(1) else {
            return Err(self.stop(Stop::Members));
        };
        self.members.set(left);
        Ok(())
    }

    /// Takes unpacked bytes.
    pub fn take_bytes(&self, count: u64) -> Result<(), Trouble> {
        self.check_time()?;
        let Some(left) = self.bytes.get().checked_sub(count) else {
            return Err(self.stop(Stop::Bytes));
        };
        self.bytes.set(left);
        Ok(())
    }

    fn check_time(&self) -> Result<(), Trouble> {
        if let Some(stop) = self.stopped.get() {
            return Err(Trouble::Stopped(stop));
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(self.stop(Stop::Time)),
            _ => Ok(()),
        }
    }

    fn stop(&self, stop: Stop) -> Trouble {
        self.stopped.set(Some(stop));
        Trouble::Stopped(stop)
    }
}

/// Counts the packed bytes that a decompressor takes in.
pub struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R> Counted<R> {
    /// Counts what is read from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, count: Rc::default() }
    }

    /// The count, which goes on.
    pub fn count(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get().saturating_add(count as u64));
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.count.set(self.count.get().saturating_add(count as u64));
    }
}

/// A decompressor that spends the budget with every byte it gives out.
pub struct Metered<'a, R> {
    inner: R,
    budget: &'a Budget,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
}

impl<'a, R> Metered<'a, R> {
    /// Meters `inner`, which has taken in `packed` bytes so far.
    pub fn new(inner: R, budget: &'a Budget, packed: Rc<Cell<u64>>) -> Self {
        Self { inner, budget, packed, unpacked: 0 }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Asked before reading too, so that nothing more is unpacked once the budget is gone.
        self.budget.take_bytes(0)?;
        let suspicious = RATIO_LIMIT.saturating_mul(self.packed.get());
        if self.unpacked > RATIO_FREE_BYTES && self.unpacked > suspicious {
            return Err(Trouble::Stopped(Stop::Ratio).into());
        }
        let count = self.inner.read(buffer)?;
        self.unpacked = self.unpacked.saturating_add(count as u64);
        self.budget.take_bytes(count as u64)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_ran_out_stays_out() {
        let budget = Budget::new(10, 1, Duration::from_mins(1));
        assert_eq!(budget.take_bytes(10), Ok(()));
        assert_eq!(budget.take_bytes(1), Err(Trouble::Stopped(Stop::Bytes)));
        assert_eq!(budget.take_member(), Err(Trouble::Stopped(Stop::Bytes)));
        assert_eq!(budget.stopped(), Some(Stop::Bytes));
    }

    #[test]
    fn time_is_a_limit() {
        let budget = Budget::new(10, 1, Duration::ZERO);
        assert_eq!(budget.take_member(), Err(Trouble::Stopped(Stop::Time)));
    }

    #[test]
    fn a_stream_that_grows_too_much_is_cut_and_only_that_stream() {
        let budget = Budget::new(u64::MAX, 1, Duration::from_mins(1));
        let packed = Rc::new(Cell::new(100_u64));
        let mut bomb = Metered::new(io::repeat(0), &budget, packed);
        let mut sunk = io::sink();
        let error = io::copy(&mut bomb, &mut sunk).unwrap_err();
        assert_eq!(Trouble::from(&error), Trouble::Stopped(Stop::Ratio));
        assert!(bomb.unpacked < RATIO_FREE_BYTES + (1 << 20));
        assert_eq!(budget.stopped(), None);
    }
}
