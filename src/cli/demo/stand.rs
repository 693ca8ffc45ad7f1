//! Stand-ins on loopback: a paste site, a blog and a git host. The only part of the demo that is made up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::task::JoinSet;

use super::material::{self, Paste, Post};
use super::repository::Files;

/// Pastes on one page of the listing.
const PAGE: usize = 6;
/// The repository's name.
pub(super) const REPOSITORY: &str = "harbour-tools.git";

/// The running stand-ins. They end with this.
pub(super) struct Stands {
    /// The paste site.
    pub(super) pastes: SocketAddr,
    /// The blog.
    pub(super) blog: SocketAddr,
    /// The git host.
    pub(super) forge: SocketAddr,
    content: Arc<Content>,
    _serving: JoinSet<()>,
}

struct Content {
    pastes: Vec<Paste>,
    posts: Vec<Post>,
    repository_before: Files,
    repository_after: Files,
    /// Whether the planted pieces are out.
    is_leaking: AtomicBool,
}

impl Stands {
    /// Starts them, with the unrelated material.
    pub(super) async fn start(before: Files, after: Files) -> anyhow::Result<Self> {
        let content = Arc::new(Content {
            pastes: material::pastes(),
            posts: material::posts(),
            repository_before: before,
            repository_after: after,
            is_leaking: AtomicBool::new(false),
        });
        let mut serving = JoinSet::new();
        let pastes = Router::new()
            .route("/", get(listing))
            .route("/p/{id}", get(paste))
            .route("/raw/{id}", get(raw));
        let blog = Router::new().route("/feed.xml", get(feed)).route("/posts/{slug}", get(post));
        let forge = Router::new().route(&format!("/{REPOSITORY}/{{*path}}"), get(object));
        Ok(Self {
            pastes: serve(pastes, &content, &mut serving).await?,
            blog: serve(blog, &content, &mut serving).await?,
            forge: serve(forge, &content, &mut serving).await?,
            content,
            _serving: serving,
        })
    }

    /// Publishes the planted pieces.
    pub(super) fn leak(&self) {
        self.content.is_leaking.store(true, Ordering::Relaxed);
    }
}

async fn serve(
    site: Router<Arc<Content>>,
    content: &Arc<Content>,
    serving: &mut JoinSet<()>,
) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .context("cannot listen on 127.0.0.1 for the stand-ins")?;
    let address = listener.local_addr().context("the stand-in has no address")?;
    let site = site.with_state(Arc::clone(content));
    serving.spawn(async move {
        // A stand-in that breaks off is shown by the sources that look at it.
        axum::serve(listener, site).await.ok();
    });
    Ok(address)
}

impl Content {
    fn is_leaking(&self) -> bool {
        self.is_leaking.load(Ordering::Relaxed)
    }

    fn pastes(&self) -> Vec<&Paste> {
        let out = self.is_leaking();
        self.pastes.iter().filter(|paste| out || !paste.is_leak).collect()
    }

    fn posts(&self) -> Vec<&Post> {
        let out = self.is_leaking();
        self.posts.iter().filter(|post| out || !post.is_leak).collect()
    }
}

#[derive(Debug, serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    page: usize,
}

async fn listing(
    State(content): State<Arc<Content>>,
    Query(wanted): Query<Wanted>,
) -> Html<String> {
    let pastes = content.pastes();
    let first = wanted.page.saturating_mul(PAGE);
    let rows = pastes
        .iter()
        .skip(first)
        .take(PAGE)
        .map(|paste| {
            format!(
                "<tr><td><a class=\"title\" href=\"/p/{}\">{}</a></td></tr>\n",
                paste.id, paste.title
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let older = if first.saturating_add(PAGE) < pastes.len() {
        format!("<a class=\"older\" href=\"/?page={}\">older</a>\n", wanted.page + 1)
    } else {
        String::new()
    };
    page("Recent pastes", &format!("<table class=\"recent\">\n{rows}</table>\n{older}"))
}

async fn paste(State(content): State<Arc<Content>>, Path(id): Path<String>) -> Response {
    match content.pastes().into_iter().find(|paste| paste.id == id) {
        Some(paste) => {
            page(paste.title, &format!("<p><a href=\"/raw/{id}\">raw</a></p>")).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn raw(State(content): State<Arc<Content>>, Path(id): Path<String>) -> Response {
    match content.pastes().into_iter().find(|paste| paste.id == id) {
        Some(paste) => paste.text.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn feed(State(content): State<Arc<Content>>) -> impl IntoResponse {
    let items = content
        .posts()
        .iter()
        .map(|post| {
            format!(
                "<item><title>{}</title><link>/posts/{}</link><guid isPermaLink=\"false\">{}</guid></item>\n",
                post.title, post.slug, post.slug
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let feed = format!(
        "<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel><title>Slack water</title>\
         <link>/</link><description>A blog</description>\n{items}</channel></rss>\n"
    );
    ([(header::CONTENT_TYPE, "application/rss+xml")], feed)
}

async fn post(State(content): State<Arc<Content>>, Path(slug): Path<String>) -> Response {
    match content.posts().into_iter().find(|post| post.slug == slug) {
        Some(post) => {
            let body = format!(
                "<nav>Slack water: about, archive</nav>\n<h1>{}</h1>\n{}",
                post.title, post.html
            );
            page(post.title, &body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// One file of the repository, as git's plain protocol wants it.
async fn object(State(content): State<Arc<Content>>, Path(path): Path<String>) -> Response {
    let files =
        if content.is_leaking() { &content.repository_after } else { &content.repository_before };
    match files.get(&path) {
        Some(bytes) => {
            ([(header::CONTENT_TYPE, "application/octet-stream")], bytes.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><title>{title}</title></head>\n<body>\n{body}\n</body></html>\n"
    ))
}
