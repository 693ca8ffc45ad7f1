//! What the key does for the index: encrypts names, authenticates bytes, hides which name is which.
//!
//! All of it rests on the subkey for names, split once more by use.

use std::fmt;
use std::io;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::codec::Broken;
use crate::keys::{Keys, Purpose};

/// Bytes of a checksum.
pub(super) const CHECKSUM: usize = 32;
/// Bytes of the nonce that stands before every ciphertext.
const NONCE: usize = 24;
/// Plain text is filled up to a multiple of this, so that its length says little.
const PADDING: usize = 64;

/// The keys of one index.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    checksums: Zeroizing<[u8; 32]>,
    names: Zeroizing<[u8; 32]>,
    key_id: String,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Seal {
    pub(super) fn new(keys: &Keys) -> Self {
        let subkey = keys.subkey(Purpose::Names);
        let derive = |context| Zeroizing::new(blake3::derive_key(context, subkey.as_ref()));
        let encryption = derive("leakwarden 2026-11 index encryption v1");
        Self {
            cipher: XChaCha20Poly1305::new(&(*encryption).into()),
            checksums: derive("leakwarden 2026-11 index checksums v1"),
            names: derive("leakwarden 2026-11 index name keys v1"),
            key_id: keys.fingerprint(),
        }
    }

    /// Tells whether the index was made with this key.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Encrypts under a fresh nonce, which is put in front. What `about` says must be said again to decrypt.
    pub(super) fn encrypt(&self, about: &[u8], mut plain: Vec<u8>) -> io::Result<Vec<u8>> {
        plain.resize(plain.len().next_multiple_of(PADDING), 0);
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: &plain, aad: about };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| io::Error::other("too long to encrypt"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Gives the plain text back, zeros at its end, or says that the bytes or `about` are not what was encrypted.
    pub(super) fn decrypt(&self, about: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Broken)?;
        self.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: about })
            .map_err(|_| Broken)
    }

    /// Begins a keyed checksum: nobody without the key can make one that fits other bytes.
    pub(super) fn checksum(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.checksums)
    }

    /// What stands for a document's name: equal for equal names of one corpus, and says nothing else. Wide
    /// enough that two names never meet.
    pub(super) fn name_key(&self, corpus: u32, name: &str) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.names);
        hasher.update(&corpus.to_le_bytes()).update(name.as_bytes());
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        u128::from_le_bytes(key)
    }
}

/// Bytes nobody can guess, and that no other index will ever draw.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| io::Error::other(format!("the system gave no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_reads_back_under_the_same_key_and_purpose_only() {
        let seal = Seal::new(&Keys::from_bytes([1; 32]));
        let sealed = seal.encrypt(b"block 1", b"src/payroll.rs".to_vec()).unwrap();
        assert_eq!(sealed.len(), NONCE + PADDING + 16, "the length of a short text does not show");
        let plain = seal.decrypt(b"block 1", &sealed).unwrap();
        assert!(plain.starts_with(b"src/payroll.rs\0"));
        assert_eq!(seal.decrypt(b"block 2", &sealed), Err(Broken));
        let other = Seal::new(&Keys::from_bytes([2; 32]));
        assert_eq!(other.decrypt(b"block 1", &sealed), Err(Broken));
        for length in 0..sealed.len() {
            assert_eq!(seal.decrypt(b"block 1", &sealed[..length]), Err(Broken));
        }
        assert_ne!(sealed, seal.encrypt(b"block 1", b"src/payroll.rs".to_vec()).unwrap());
    }

    #[test]
    fn a_name_key_depends_on_the_key_the_corpus_and_the_name() {
        let seal = Seal::new(&Keys::from_bytes([1; 32]));
        let other = Seal::new(&Keys::from_bytes([2; 32]));
        let keys = [
            seal.name_key(1, "a"),
            seal.name_key(2, "a"),
            seal.name_key(1, "b"),
            other.name_key(1, "a"),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(seal.name_key(1, "a"), keys[0]);
    }
}
