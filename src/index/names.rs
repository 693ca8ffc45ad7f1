//! Names and versions of documents, encrypted in blocks: neither they nor their lengths show.

use std::io;

use super::codec::Broken;
use super::format::SegmentId;
use super::seal::Seal;

/// A document's name and version.
pub(super) type Named = (String, String);

/// How many documents share a block.
pub(super) const IN_BLOCK: u32 = 32;

/// What a block is encrypted for: it opens at no other place.
fn about(segment: SegmentId, block: u32) -> [u8; 20] {
    let mut about = [0; 20];
    about[..16].copy_from_slice(&segment.0);
    about[16..].copy_from_slice(&block.to_le_bytes());
    about
}

pub(super) fn encrypt(
    seal: &Seal,
    segment: SegmentId,
    block: u32,
    names: &[Named],
) -> io::Result<Vec<u8>> {
    let plain = postcard::to_stdvec(names).map_err(io::Error::other)?;
    seal.encrypt(&about(segment, block), plain)
}

pub(super) fn decrypt(
    seal: &Seal,
    segment: SegmentId,
    block: u32,
    sealed: &[u8],
) -> Result<Vec<Named>, Broken> {
    let plain = seal.decrypt(&about(segment, block), sealed)?;
    postcard::take_from_bytes(&plain).map(|(names, _padding)| names).map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    #[test]
    fn a_block_opens_at_its_place_only() {
        let seal = Seal::new(&Keys::from_bytes([4; 32]));
        let names = vec![("src/a.rs".to_owned(), "v1".to_owned()), (String::new(), String::new())];
        let id = SegmentId([1; 16]);
        let sealed = encrypt(&seal, id, 3, &names).unwrap();
        assert_eq!(decrypt(&seal, id, 3, &sealed), Ok(names));
        assert_eq!(decrypt(&seal, id, 2, &sealed), Err(Broken));
        assert_eq!(decrypt(&seal, SegmentId([2; 16]), 3, &sealed), Err(Broken));
    }
}
