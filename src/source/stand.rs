//! For tests: a context, and a site on loopback that answers as told.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::{Context, Source};
use crate::http;
use crate::model::batch::{Cursor, Page};
use crate::model::document::Item;

/// A client that may reach these addresses.
pub(super) fn client(allow: &[&str], dir: &Path) -> http::Client {
    let settings = http::Settings {
        contact: None,
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        pace: Duration::ZERO,
        pace_by_host: Vec::new(),
        stall: Duration::from_secs(10),
        total: Duration::from_mins(1),
        max_body: 1 << 20,
        max_redirects: 4,
        attempts: 1,
        proxy: None,
        proxy_auth: None,
        spool: dir.to_owned(),
    };
    http::Client::new(settings).unwrap()
}

/// A context whose client may reach loopback.
pub(super) fn context(dir: &Path) -> Context {
    Context {
        http: client(&["127.0.0.1/32"], dir),
        data_dir: dir.to_owned(),
        max_body: 1 << 20,
        validator: Arc::new(|_| None),
        now: || Timestamp::UNIX_EPOCH,
    }
}

/// A whole pass: the items, what could not be seen, the cursor, the last page's validators.
pub(super) async fn pass(
    source: &dyn Source,
    from: Option<&Cursor>,
) -> (Vec<Item>, Vec<String>, Page) {
    let (mut items, mut gaps) = (Vec::new(), Vec::new());
    let mut at = from.cloned();
    loop {
        let mut page = source.poll(at.as_ref()).await.unwrap();
        assert!(page.items.len() <= super::PAGE_ITEMS);
        items.append(&mut page.items);
        gaps.extend(page.gap.take());
        if !page.more {
            return (items, gaps, page);
        }
        at = Some(page.next);
    }
}

type Answer = (u16, String);

/// What a site does with a path and its query.
type Rule = dyn Fn(&str) -> Answer + Send + Sync;

/// A site. It gives everything the same `ETag`, and honours it.
pub(super) struct Site {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    rule: Mutex<Box<Rule>>,
    log: Mutex<Vec<String>>,
}

impl Site {
    pub(super) async fn start(rule: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { rule: Mutex::new(Box::new(rule)), log: Mutex::default() });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, _tasks: tasks }
    }

    pub(super) fn change(&self, rule: impl Fn(&str) -> Answer + Send + Sync + 'static) {
        *self.shared.rule.lock().unwrap() = Box::new(rule);
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths asked for since the last time.
    pub(super) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.log.lock().unwrap())
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().as_str().to_owned();
    shared.log.lock().unwrap().push(path.clone());
    if request.headers().get("if-none-match").is_some_and(|tag| tag == "\"tag\"") {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let (status, body) = shared.rule.lock().unwrap()(&path);
    (StatusCode::from_u16(status).unwrap(), [("etag", "\"tag\"")], body).into_response()
}
