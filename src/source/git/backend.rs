//! For tests: git's own server over HTTP, behind the smallest bridge that can start it.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

/// A server on loopback for the repositories in a folder.
pub(super) struct Backend {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    root: std::path::PathBuf,
    /// The value of `Authorization` that is asked for.
    wants: Option<String>,
    log: Mutex<Vec<String>>,
}

impl Backend {
    pub(super) async fn start(root: &Path, wants: Option<&str>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            wants: wants.map(str::to_owned),
            log: Mutex::default(),
        });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, _tasks: tasks }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// How many requests asked for objects since the last time.
    pub(super) fn fetches(&self) -> usize {
        let mut log = self.shared.log.lock().unwrap();
        let fetches = log.iter().filter(|body| body.contains("command=fetch")).count();
        log.clear();
        fetches
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    if shared.wants.as_ref().is_some_and(|wants| *wants != header("authorization")) {
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic realm=\"x\"")])
            .into_response();
    }
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut plain = Vec::new();
    if header("content-encoding") == "gzip" {
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain)
            .unwrap();
    } else {
        plain.extend_from_slice(&body);
    }
    shared.log.lock().unwrap().push(String::from_utf8_lossy(&plain).into_owned());
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&plain).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap().stdout;
    let split = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..split]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value.get(..3).unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(Body::from(output[split + 4..].to_vec())).unwrap()
}
