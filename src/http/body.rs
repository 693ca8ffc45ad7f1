//! Reading a body. Owns decoding and the caps; its one invariant: no more than the cap is kept or held in memory,
//! counted after decompression, and reading ends at the deadline.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

use crate::fs::{self, Spool};
use crate::model::document::Body;

/// What is understood; sent as `Accept-Encoding`.
pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd, deflate";
/// Bytes read at a time.
const CHUNK: usize = 32 * 1024;
/// The largest window of zstd on the web (RFC 9659): 8 MiB, as a power of two.
const ZSTD_WINDOW: u32 = 23;
/// Encodings put one around the other; more is nobody's honest answer and stays as it is.
const MOST_ENCODINGS: usize = 2;

/// What one body may cost.
#[derive(Debug)]
pub(super) struct Caps<'a> {
    /// Bytes after decompression.
    pub(super) bytes: u64,
    /// Each read must bring something within this time.
    pub(super) stall: Duration,
    /// When all is over.
    pub(super) deadline: Instant,
    /// Where a large body goes.
    pub(super) spool: &'a Path,
}

/// How a body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// As the server said.
    Whole,
    /// There was more than the cap.
    Capped,
    /// The time was over.
    OutOfTime,
    /// The connection or its content broke.
    Broken(String),
}

/// A body as far as it came.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) body: Body,
    pub(super) end: End,
}

type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

/// Reads a body to its end or to a cap; fails only if it cannot be kept.
pub(super) async fn collect<S, B, E>(
    stream: S,
    encodings: &[String],
    caps: &Caps<'_>,
) -> Result<Collected, fs::Error>
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: bytes::Buf + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let stream = stream.map(|chunk| chunk.map_err(io::Error::other));
    let mut reader: Reader = Box::pin(StreamReader::new(stream));
    let mut spool = Spool::new(caps.spool);
    let end = match patiently(reader.fill_buf(), caps).await {
        Ok([]) => End::Whole,
        Err(end) => end,
        Ok(_) => fill(decoded(reader, encodings), &mut spool, caps).await?,
    };
    Ok(Collected { body: spool.finish(), end })
}

async fn fill(mut reader: Reader, spool: &mut Spool, caps: &Caps<'_>) -> Result<End, fs::Error> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match patiently(reader.read(&mut chunk), caps).await {
            Ok(0) => return Ok(End::Whole),
            Ok(read) => read,
            Err(end) => return Ok(end),
        };
        let room = usize::try_from(caps.bytes - spool.len()).unwrap_or(usize::MAX);
        // A file is written without leaving this thread: a chunk goes to the page cache in microseconds.
        spool.write(&chunk[..read.min(room)])?;
        if read > room {
            return Ok(End::Capped);
        }
    }
}

async fn patiently<T>(
    read: impl Future<Output = io::Result<T>>,
    caps: &Caps<'_>,
) -> Result<T, End> {
    let stalled = Instant::now() + caps.stall;
    match timeout_at(stalled.min(caps.deadline), read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(End::Broken(super::failure::innermost(&error))),
        Err(_) if stalled < caps.deadline => Err(End::Broken("it stopped sending".to_owned())),
        Err(_) => Err(End::OutOfTime),
    }
}

/// Puts decoders around a reader; if one encoding is not known, the bytes stay as they were sent.
fn decoded(reader: Reader, encodings: &[String]) -> Reader {
    let known =
        |name: &String| matches!(name.as_str(), "gzip" | "x-gzip" | "br" | "zstd" | "deflate");
    if encodings.len() > MOST_ENCODINGS || !encodings.iter().all(known) {
        return reader;
    }
    encodings.iter().rev().fold(reader, |reader, encoding| {
        let decoder: Pin<Box<dyn AsyncRead + Send>> = match encoding.as_str() {
            "br" => Box::pin(BrotliDecoder::new(reader)),
            "zstd" => {
                let mut decoder =
                    ZstdDecoder::with_params(reader, &[DParameter::window_log_max(ZSTD_WINDOW)]);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            "deflate" => Box::pin(ZlibDecoder::new(reader)),
            _ => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        };
        Box::pin(BufReader::new(decoder))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;
    use futures_util::stream;

    use async_compression::tokio::bufread::{BrotliEncoder, ZlibEncoder, ZstdEncoder};

    use super::*;
    use crate::fs::body_bytes;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn collected(sent: Vec<u8>, encodings: &[&str], cap: u64) -> (Bytes, End) {
        let dir = tempfile::tempdir().unwrap();
        let caps = Caps {
            bytes: cap,
            stall: Duration::from_secs(5),
            deadline: Instant::now() + Duration::from_secs(20),
            spool: dir.path(),
        };
        let chunks: Vec<_> = sent
            .chunks(7_000)
            .map(|part| Ok::<_, io::Error>(Bytes::copy_from_slice(part)))
            .collect();
        let encodings: Vec<String> = encodings.iter().map(|&name| name.to_owned()).collect();
        let collected = collect(stream::iter(chunks), &encodings, &caps).await.unwrap();
        (body_bytes(&collected.body).unwrap(), collected.end)
    }

    #[tokio::test]
    async fn bodies_are_decoded_and_cut_at_the_cap() {
        let text = b"fn invoice() {}\n".repeat(1_000);
        let len = text.len() as u64;
        let twice = gzip(&gzip(&text));
        let members = [gzip(&text[..5]), gzip(&text[5..])].concat();
        let brotli = encoded(BrotliEncoder::new, &text).await;
        let zstd = encoded(ZstdEncoder::new, &text).await;
        let zlib = encoded(ZlibEncoder::new, &text).await;
        let cases: [(&str, Vec<u8>, &[&str]); 9] = [
            ("plain", text.clone(), &[]),
            ("gzip", gzip(&text), &["gzip"]),
            ("gzip twice", twice, &["gzip", "x-gzip"]),
            ("gzip in members", members, &["gzip"]),
            ("brotli", brotli, &["br"]),
            ("zstd", zstd, &["zstd"]),
            ("zlib", zlib, &["deflate"]),
            ("unknown", text.clone(), &["compress"]),
            ("a tower", text.clone(), &["gzip", "gzip", "gzip"]),
        ];
        for (name, sent, encodings) in cases {
            assert_eq!(
                collected(sent.clone(), encodings, len).await,
                (text.clone().into(), End::Whole),
                "{name}"
            );
            let (cut, end) = collected(sent, encodings, len - 1).await;
            assert_eq!((cut.as_ref(), end), (&text[..text.len() - 1], End::Capped), "{name}");
        }
    }

    async fn encoded<'a, E: AsyncRead>(
        encoder: impl FnOnce(&'a [u8]) -> E,
        text: &'a [u8],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        Box::pin(encoder(text)).read_to_end(&mut out).await.unwrap();
        out
    }

    #[tokio::test]
    async fn a_bomb_is_cut_at_the_cap() {
        let bomb = gzip(&gzip(&vec![0; 16 << 20]));
        assert!(bomb.len() < 2_000, "{}", bomb.len());
        let (kept, end) = collected(bomb, &["gzip", "gzip"], 3 << 20).await;
        assert_eq!((kept.len(), end), (3 << 20, End::Capped));
    }

    #[tokio::test]
    async fn what_breaks_midway_is_kept_so_far_and_nothing_is_no_error() {
        let text = b"0123456789".repeat(100_000);
        let mut cut = gzip(&text);
        cut.truncate(cut.len() / 2);
        let (kept, end) = collected(cut, &["gzip"], 1 << 30).await;
        assert!(matches!(end, End::Broken(_)), "{end:?}");
        assert!(!kept.is_empty() && text.starts_with(&kept));
        assert_eq!(collected(Vec::new(), &["gzip"], 10).await, (Bytes::new(), End::Whole));
        let (kept, end) = collected(b"this is no gzip".to_vec(), &["gzip"], 10).await;
        assert!(kept.is_empty() && matches!(end, End::Broken(_)), "{end:?}");
    }
}
