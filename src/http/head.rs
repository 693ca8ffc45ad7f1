//! Heads of messages as bytes, for the connections that are not the client's: strict, capped, read no byte too far.

use base64::Engine as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::secret::Secret;

/// Bytes of one head.
const MOST_BYTES: u64 = 64 * 1024;
/// Header lines of one head.
const MOST_FIELDS: usize = 100;

/// The first line and the header lines of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The first line, printable ASCII.
    pub(super) start: String,
    /// Names in lower case, values without the space around them.
    pub(super) fields: Vec<(String, Vec<u8>)>,
}

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
    /// The connection ended or broke.
    #[error("the connection ended too early")]
    Ended,
    /// It is not one.
    #[error("{0}")]
    Malformed(&'static str),
}

impl Head {
    /// Reads a head and not a byte of what follows.
    pub(super) async fn read<R: AsyncBufRead + Unpin>(reader: &mut R) -> Result<Self, HeadError> {
        let mut capped = reader.take(MOST_BYTES);
        let start = line(&mut capped).await?;
        let start = String::from_utf8(start)
            .map_err(|_| HeadError::Malformed("the first line is not ASCII"))?;
        if !start.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(HeadError::Malformed("the first line is not ASCII"));
        }
        let mut fields = Vec::new();
        loop {
            let line = line(&mut capped).await?;
            if line.is_empty() {
                return Ok(Self { start, fields });
            }
            if fields.len() >= MOST_FIELDS {
                return Err(HeadError::Malformed("too many headers"));
            }
            fields.push(field(&line).ok_or(HeadError::Malformed("a header is not one"))?);
        }
    }

    /// The values of a header.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The only value of a header, as text.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next().filter(|_| values.next().is_none())?;
        std::str::from_utf8(value).ok()
    }

    /// The status, if this is the head of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        let mut words = self.start.splitn(3, ' ');
        let (version, status) = (words.next()?, words.next()?);
        let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        (matches!(version, "HTTP/1.1" | "HTTP/1.0") && digits).then(|| status.parse().ok())?
    }

    /// Takes out what concerns one connection only and says that it ends after this message.
    pub(super) fn close(&mut self) {
        let named: Vec<String> = self
            .values("connection")
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
            .filter(|name| {
                !matches!(name.as_str(), "transfer-encoding" | "content-length" | "host")
            })
            .collect();
        self.fields.retain(|(name, _)| {
            let hop = matches!(
                name.as_str(),
                "connection" | "keep-alive" | "upgrade" | "te" | "http2-settings"
            );
            !hop && !name.starts_with("proxy-") && !named.contains(name)
        });
        self.fields.push(("connection".to_owned(), b"close".to_vec()));
    }

    /// As it is sent.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [self.start.as_bytes(), b"\r\n"].concat();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

async fn line<R: AsyncBufRead + Unpin>(
    reader: &mut tokio::io::Take<R>,
) -> Result<Vec<u8>, HeadError> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).await.map_err(|_| HeadError::Ended)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(line.to_vec()),
        None if line.ends_with(b"\n") => {
            Err(HeadError::Malformed("a line ends without a carriage return"))
        }
        None if reader.limit() == 0 => Err(HeadError::Malformed("the head is too large")),
        None => Err(HeadError::Ended),
    }
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let visible = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if name.is_empty() || !name.iter().all(token) || !value.iter().all(visible) {
        return None;
    }
    Some((String::from_utf8(name.to_ascii_lowercase()).ok()?, value.to_vec()))
}

/// The value of a header that signs in with user and password.
pub(super) fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Secret::new(format!("{user}:{}", password.reveal()));
    Secret::new(format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair.reveal())
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn read(bytes: &[u8]) -> (Result<Head, HeadError>, usize) {
        let mut rest = bytes;
        let head = Head::read(&mut rest).await;
        (head, rest.len())
    }

    #[tokio::test]
    async fn a_head_is_read_and_not_a_byte_more() {
        let (head, rest) =
            read(b"HTTP/1.1 200 OK\r\nX-A:  b c \r\nx-a:d\r\nempty:\r\n\r\nSSH-2.0").await;
        let head = head.unwrap();
        assert_eq!(rest, 7);
        assert_eq!(head.status(), Some(200));
        assert_eq!(head.values("x-a").collect::<Vec<_>>(), [b"b c".as_slice(), b"d"]);
        assert_eq!(
            (head.value("x-a"), head.value("empty"), head.value("none")),
            (None, Some(""), None)
        );
        assert_eq!(head.to_bytes(), b"HTTP/1.1 200 OK\r\nx-a: b c\r\nx-a: d\r\nempty: \r\n\r\n");
    }

    #[tokio::test]
    async fn what_is_no_head_is_refused() {
        let long =
            [b"GET / HTTP/1.1\r\nx: ".as_slice(), &b"y".repeat(70_000), b"\r\n\r\n"].concat();
        let many = [b"GET / HTTP/1.1\r\n".as_slice(), &b"x: y\r\n".repeat(101), b"\r\n"].concat();
        for (bytes, malformed) in [
            (b"".as_slice(), false),
            (b"GET / HTTP/1.1\r\nx: y\r\n", false),
            (b"GET / HTTP/1.1\nx: y\n\n", true),
            (b"GET / HTTP/1.1\r\nx y\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\nx : y\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\n: y\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\nx: y\r\n folded\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\nx: y\0\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\nx: y\rz: w\r\n\r\n", true),
            (b"GET /\0 HTTP/1.1\r\n\r\n", true),
            (&long, true),
            (&many, true),
        ] {
            let error = read(bytes).await.0.unwrap_err();
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
            assert_eq!(matches!(error, HeadError::Malformed(_)), malformed, "{shown:?}: {error}");
        }
        for start in [
            "HTTP/2 200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 +20 OK",
            "ICY 200 OK",
            "",
        ] {
            assert_eq!(
                Head { start: start.to_owned(), fields: Vec::new() }.status(),
                None,
                "{start}"
            );
        }
    }

    #[tokio::test]
    async fn what_concerns_one_connection_stays_there() {
        let (head, _) = read(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, X-Hop, content-length\r\nx-hop: 1\r\nkeep-alive: 5\r\n\
              proxy-authorization: Basic x\r\nproxy-connection: keep-alive\r\nte: trailers\r\ncontent-length: 3\r\n\r\n",
        )
        .await;
        let mut head = head.unwrap();
        head.close();
        let names: Vec<_> = head.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host", "content-length", "connection"]);
        assert_eq!(head.value("connection"), Some("close"));
    }

    #[test]
    fn signing_in_is_encoded_as_the_standard_says() {
        let header = basic("Aladdin", &Secret::new("open sesame".to_owned()));
        assert_eq!(header.reveal(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_what_is_read_is_read_again_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let message = [b"GET / HTTP/1.1\r\n".as_slice(), &bytes, b"\r\n\r\n"].concat();
            if let (Ok(head), _) = runtime.block_on(read(&message)) {
                prop_assert_eq!(runtime.block_on(read(&head.to_bytes())).0.unwrap(), head);
            }
        }
    }
}
