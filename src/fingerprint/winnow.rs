//! Chooses which stretches of a string of symbols are kept.
//!
//! Winnowing (Schleimer, Wilkerson, Aiken, SIGMOD 2003): of every window of w neighbouring stretches
//! the least one is kept, by an order that is secret, so that nobody can tell or avoid what is sampled.
//! Hashes of stretches and minima of windows are both built by doubling: each pass joins two halves of
//! all places at once, in plain loops over arrays that compilers turn into vector code.
//!
//! A stretch of few distinct symbols (runs, rulers, tables of zeros) says nothing, and one of hexadecimal
//! digits alone (digests, identifiers, tables of constants) says nothing of who wrote it. Neither is ever
//! chosen: a window takes the least of the others, or nothing if there is none. That depends on the
//! stretch alone, so both sides of a comparison leave out the same.

use super::Fingerprinter;

const STRETCH: usize = Fingerprinter::STRETCH;
const WINDOW: usize = Fingerprinter::WINDOW;
// The passes below are written out for these lengths.
const _: () = assert!(STRETCH == 24 && WINDOW == 24);

/// How many symbols are worked on at once: what fits the nearest cache, and in `POSITION` bits.
pub(super) const BLOCK: usize = 1 << POSITION_BITS;
const POSITION_BITS: u32 = 10;
const POSITION: i32 = (1 << POSITION_BITS) - 1;
/// The order of a stretch that is never chosen: above all others.
const NEVER: i32 = i32::MAX & !POSITION;
/// The order of the last that may be chosen.
const LAST: i32 = (NEVER - 1) & !POSITION;
/// A stretch of at most so many distinct symbols is monotonous.
const MONOTONOUS: u32 = 4;

/// The secret order of stretches.
#[derive(Debug)]
pub(super) struct Order {
    /// A random word a symbol; a stretch's hash is made of them, each turned by its place (a cyclic
    /// polynomial, Cohen 1997).
    words: [u32; 256],
    /// A random odd factor that breaks up the linearity of that.
    factor: u32,
}

/// The working memory of [`Order::choose`], kept between calls.
#[derive(Debug)]
pub(super) struct Scratch {
    hashes: Box<[u32; BLOCK]>,
    halves: Box<[u32; BLOCK]>,
    kinds: Box<[u32; BLOCK]>,
    minima: Box<[i32; BLOCK]>,
    chosen: Box<[i32; BLOCK]>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            hashes: Box::new([0; BLOCK]),
            halves: Box::new([0; BLOCK]),
            kinds: Box::new([0; BLOCK]),
            minima: Box::new([0; BLOCK]),
            chosen: Box::new([0; BLOCK]),
        }
    }
}

/// The bit that stands for a symbol when the kinds of symbols in a stretch are looked at: one for each
/// Latin letter, six for the digits; other scripts share those of some letters.
const fn kind(symbol: u8) -> u32 {
    match symbol {
        b'a'..=b'z' => 1 << (symbol - b'a'),
        b'0'..=b'9' => 1 << (26 + symbol % 6),
        _ => 1 << (6 + symbol % 17),
    }
}

/// The kinds of `a` to `f`.
const A_TO_F: u32 = 0x3f;
/// The kinds of hexadecimal numbers, with their `0x`.
const HEXADECIMAL: u32 = A_TO_F | 0x3f << 26 | 1 << (b'x' - b'a');

/// Whether a stretch of these kinds of symbols says something.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "branches would keep it from becoming vector code"
)]
fn is_telling(kinds: u32) -> bool {
    // Clearing the lowest bit as often as a monotonous stretch has bits leaves nothing of it.
    let mut rest = kinds;
    for _ in 0..MONOTONOUS {
        rest &= rest.wrapping_sub(1);
    }
    (rest != 0) & ((kinds & !HEXADECIMAL != 0) | (kinds & A_TO_F == 0))
}

/// [`kind`] of every symbol.
const KINDS: [u32; 256] = {
    let mut kinds = [0; 256];
    let mut symbol = 0;
    while symbol < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "counts to 255")]
        let this = symbol as u8;
        kinds[symbol] = kind(this);
        symbol += 1;
    }
    kinds
};

/// Whether symbols say something.
pub(super) fn tell(symbols: &[u8]) -> bool {
    is_telling(symbols.iter().fold(0, |kinds, symbol| kinds | KINDS[usize::from(*symbol)]))
}

/// One pass: joins each place's value with the one `DISTANCE` further on.
#[inline]
fn pass<T: Copy, const DISTANCE: usize>(values: &mut [T], join: impl Fn(T, T) -> T) {
    // Reading runs ahead of writing, so that the pass can work in place.
    for at in 0..values.len().saturating_sub(DISTANCE) {
        values[at] = join(values[at], values[at + DISTANCE]);
    }
}

impl Order {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        let mut random = blake3::Hasher::new_keyed(secret).finalize_xof();
        let mut next = || {
            let mut bytes = [0; 4];
            random.fill(&mut bytes);
            u32::from_le_bytes(bytes)
        };
        Self { words: std::array::from_fn(|_| next()), factor: next() | 1 }
    }

    /// Calls `chosen` with the place of every stretch that a window of `symbols` keeps, ascending, each
    /// once. At most [`BLOCK`] symbols.
    pub(super) fn choose(
        &self,
        symbols: &[u8],
        scratch: &mut Scratch,
        mut chosen: impl FnMut(usize),
    ) {
        let Some(windows) = (symbols.len() + 1).checked_sub(STRETCH + WINDOW - 1) else { return };
        self.rank(symbols, scratch);
        let minima = &mut scratch.minima[..=symbols.len() - STRETCH];
        pass::<_, 1>(minima, i32::min);
        pass::<_, 2>(minima, i32::min);
        pass::<_, 4>(minima, i32::min);
        pass::<_, 8>(minima, i32::min);
        pass::<_, 8>(minima, i32::min); // 16 and 16 that overlap: 24
        // Every window writes; a place counts once it changes. A branch here would be guessed wrongly at
        // every sample.
        let (mut previous, mut count) = (NEVER, 0);
        for least in &minima[..windows] {
            scratch.chosen[count] = *least;
            count += usize::from(*least != previous) & usize::from(*least < NEVER);
            previous = *least;
        }
        for least in &scratch.chosen[..count] {
            #[expect(clippy::cast_sign_loss, reason = "the mask leaves no sign")]
            chosen((*least & POSITION) as usize);
        }
    }

    /// Sets `scratch.minima` to the order of every stretch, its place in the low bits: the minimum of a
    /// window then tells where it is, and the leftmost of equal ones is the least.
    #[inline(never)]
    fn rank(&self, symbols: &[u8], scratch: &mut Scratch) {
        let hashes = &mut scratch.hashes[..symbols.len()];
        let kinds = &mut scratch.kinds[..symbols.len()];
        for ((hash, kinds), symbol) in hashes.iter_mut().zip(kinds.iter_mut()).zip(symbols) {
            *hash = self.words[usize::from(*symbol)];
            *kinds = KINDS[usize::from(*symbol)];
        }
        pass::<_, 1>(hashes, |left, right| left.rotate_left(1) ^ right);
        pass::<_, 2>(hashes, |left, right| left.rotate_left(2) ^ right);
        pass::<_, 4>(hashes, |left, right| left.rotate_left(4) ^ right);
        let eights = &mut scratch.halves[..symbols.len()];
        eights.copy_from_slice(hashes);
        pass::<_, 8>(hashes, |left, right| left.rotate_left(8) ^ right);
        pass::<_, 1>(kinds, |left, right| left | right);
        pass::<_, 2>(kinds, |left, right| left | right);
        pass::<_, 4>(kinds, |left, right| left | right);
        pass::<_, 8>(kinds, |left, right| left | right);
        pass::<_, 8>(kinds, |left, right| left | right); // 16 and 16 that overlap: 24
        let stretches = symbols.len() - STRETCH + 1;
        for (sixteen, eight) in hashes[..stretches].iter_mut().zip(&eights[16..]) {
            let linear = sixteen.rotate_left(8) ^ eight;
            let mixed = (linear ^ (linear >> 15)).wrapping_mul(self.factor);
            *sixteen = mixed ^ (mixed >> 14);
        }
        let ranks = hashes[..stretches].iter().zip(&kinds[..stretches]);
        for ((minimum, (hash, kinds)), at) in
            scratch.minima[..stretches].iter_mut().zip(ranks).zip(0_i32..)
        {
            let order = ((hash >> 1).cast_signed() & !POSITION).min(LAST);
            *minimum = if is_telling(*kinds) { order } else { NEVER } | at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, without any cleverness.
    fn by_definition(order: &Order, symbols: &[u8]) -> Vec<usize> {
        let rank = |at: usize| {
            let stretch = &symbols[at..at + STRETCH];
            let linear = stretch
                .iter()
                .fold(0_u32, |hash, s| hash.rotate_left(1) ^ order.words[usize::from(*s)]);
            let mixed = (linear ^ (linear >> 15)).wrapping_mul(order.factor);
            let rank = (mixed ^ (mixed >> 14)) >> (1 + POSITION_BITS);
            tell(stretch).then_some((rank.min((1 << (31 - POSITION_BITS)) - 2), at))
        };
        let stretches = (symbols.len() + 1).saturating_sub(STRETCH);
        let mut all: Vec<usize> = (0..(stretches + 1).saturating_sub(WINDOW))
            .filter_map(|window| (window..window + WINDOW).filter_map(rank).min())
            .map(|(_, at)| at)
            .collect();
        all.dedup();
        all
    }

    fn check(symbols: &[u8]) {
        let order = Order::new(&[9; 32]);
        let mut found = Vec::new();
        order.choose(symbols, &mut Scratch::new(), |at| found.push(at));
        assert_eq!(found, by_definition(&order, symbols));
    }

    proptest::proptest! {
        #[test]
        fn choosing_by_doubling_agrees_with_the_definition(
            symbols in proptest::collection::vec(b'a'..=b'z', 0..400),
            few in proptest::collection::vec(b'a'..=b'g', 0..200),
        ) {
            check(&symbols);
            check(&few);
        }
    }

    #[test]
    fn sampling_is_as_thin_as_the_theory_says() {
        let mut random = blake3::Hasher::new().finalize_xof();
        let mut symbols = [0; BLOCK];
        let (order, mut scratch, mut count) = (Order::new(&[3; 32]), Scratch::new(), 0_u32);
        for _ in 0..50 {
            random.fill(&mut symbols);
            for symbol in &mut symbols {
                *symbol = b'a' + *symbol % 26;
            }
            order.choose(&symbols, &mut scratch, |_| count += 1);
        }
        let windows = u32::try_from(BLOCK - STRETCH - WINDOW + 2).unwrap();
        let density = f64::from(count) / (50.0 * f64::from(windows));
        assert!((density - 2.0 / 25.0).abs() < 0.002, "{density}");
    }

    #[test]
    fn what_says_nothing_is_never_chosen_and_repetition_does_not_flood() {
        let order = Order::new(&[3; 32]);
        for (text, most) in [
            ("0", 0),
            ("0x00", 0),
            ("abcd", 0),
            ("e3b0c44298fc1c149afb", 0),
            ("deadbeef", 0),
            ("horses", 180),
            ("abcdefghijk", 100),
        ] {
            let symbols: Vec<u8> = text.bytes().cycle().take(BLOCK).collect();
            let mut count = 0;
            order.choose(&symbols, &mut Scratch::new(), |_| count += 1);
            assert!(count <= most, "{text} {count}");
        }
    }
}
