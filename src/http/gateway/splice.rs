//! Copying between the child and the world, counted.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::timeout;

use super::Shared;
use crate::http::Error;
use crate::http::dial::{Stream, Target};

/// Bytes copied at a time.
const CHUNK: usize = 32 * 1024;

/// Copies until the far side ends, or shortly after the child did.
pub(super) async fn both_ways(
    shared: &Shared,
    target: &Target,
    child: &mut Stream,
    outside: &mut Stream,
) -> Result<(), Error> {
    let (mut from_child, mut to_child) = split(child);
    let (mut from_outside, mut to_outside) = split(outside);
    let up = outward(&mut from_child, &mut to_outside);
    let down = inward(shared, target, &mut from_outside, &mut to_child);
    tokio::pin!(down);
    tokio::select! {
        done = &mut down => return done,
        () = up => {}
    }
    // The child has nothing more to say: the far side may finish, but not stay open for ever.
    timeout(shared.inner.settings.stall, down).await.unwrap_or(Ok(()))
}

/// Works at both until the one that counts is done.
pub(super) async fn alongside<T>(
    helping: impl Future<Output = ()>,
    counts: impl Future<Output = T>,
) -> T {
    tokio::pin!(counts);
    tokio::select! {
        done = &mut counts => return done,
        () = helping => {}
    }
    counts.await
}

/// Copies what the child sends until it ends, and tells the far side so.
pub(super) async fn outward(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) {
    // Whichever side breaks, the other direction notices.
    tokio::io::copy(from, to).await.ok();
    to.shutdown().await.ok();
}

/// Copies what comes from outside, as much as may; an error if there is more.
pub(super) async fn inward(
    shared: &Shared,
    target: &Target,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Error> {
    let most = shared.limits.bytes;
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let before = shared.received.fetch_add(read as u64, Ordering::Relaxed);
        if before.saturating_add(read as u64) > most {
            let why = format!("it sent more than {most} bytes");
            return Err(Error::Malformed { host: target.to_string(), why });
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            break;
        }
    }
    to.shutdown().await.ok();
    Ok(())
}
