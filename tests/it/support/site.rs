//! A paste site on this machine: a listing, and the texts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;

type Pastes = Arc<Mutex<BTreeMap<String, String>>>;

/// The site; gone with the test.
pub struct Site {
    address: SocketAddr,
    pastes: Pastes,
    _runtime: tokio::runtime::Runtime,
}

impl Site {
    /// Starts it without a paste.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let pastes = Pastes::default();
        let router = axum::Router::new()
            .route("/archive", get(listing))
            .route("/raw/{id}", get(raw))
            .with_state(Arc::clone(&pastes));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, pastes, _runtime: runtime }
    }

    /// Publishes a paste, or another text under the same name.
    pub fn publish(&self, id: &str, text: impl Into<String>) {
        self.pastes.lock().unwrap().insert(id.to_owned(), text.into());
    }

    /// A source that looks at the site every second.
    pub fn source(&self, name: &str) -> String {
        let address = self.address;
        format!(
            "[source.{name}]\nschedule = \"* * * * * *\"\njitter = \"0s\"\n[source.{name}.from.page]\n\
             url = \"http://{address}/archive\"\nitem = \"li\"\nlink = \"a\"\nid = \"/([a-z0-9]+)$\"\n\
             raw_url = \"http://{address}/raw/{{id}}\"\n\n"
        )
    }

    /// The address of a paste as the daemon names it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn listing(State(pastes): State<Pastes>) -> Html<String> {
    let pastes = pastes.lock().unwrap();
    let items: Vec<_> =
        pastes.keys().map(|id| format!("<li><a href=\"/p/{id}\">{id}</a></li>")).collect();
    let items = items.concat();
    Html(format!("<!doctype html><title>pastes</title><ul>{items}</ul>"))
}

async fn raw(State(pastes): State<Pastes>, Path(id): Path<String>) -> Result<String, StatusCode> {
    pastes.lock().unwrap().get(&id).cloned().ok_or(StatusCode::NOT_FOUND)
}
