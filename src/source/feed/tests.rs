//! Recorded feeds of each format, served on loopback.

use std::collections::HashSet;

use jiff::Timestamp;

use super::*;
use crate::source::stand::{Site, context, pass};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/source/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn base() -> Url {
    Url::parse("https://snippets.example/feed.xml").unwrap()
}

fn link(entry: &Entry) -> Option<&str> {
    match &entry.content {
        Content::Linked(link) => Some(link.as_str()),
        Content::Own { .. } => None,
    }
}

fn own(entry: &Entry) -> &str {
    match &entry.content {
        Content::Linked(link) => panic!("expected content, not {link}"),
        Content::Own { text, .. } => text,
    }
}

#[test]
fn rss_is_read_oldest_first_with_links_resolved() {
    let entries = parse(&fixture("feed.rss.xml"), &base(), true).unwrap();
    let links: Vec<Option<&str>> = entries.iter().map(link).collect();
    assert_eq!(
        links,
        [
            Some("https://snippets.example/s/100"),
            None,
            Some("https://snippets.example/s/102"),
            Some("https://snippets.example/s/103"),
        ]
    );
    assert_eq!(entries[3].id, "tag:snippets.example,2026:103");
    assert_eq!(entries[3].published, Some("2026-03-03T12:00:00Z".parse().unwrap()));
    assert!(entries[3].version.starts_with("2026-03-03T12:00:00Z-"), "{}", entries[3].version);
    assert_eq!(own(&entries[1]), "only words", "a script is not a link");
    assert_eq!(entries[2].id.len(), 16, "without a guid, link and title make the id");
}

#[test]
fn without_following_the_content_is_the_document() {
    let entries = parse(&fixture("feed.rss.xml"), &base(), false).unwrap();
    assert!(own(&entries[3]).contains("if (a &amp;&amp; b) { go(); }"));
    assert!(entries.iter().all(|entry| link(entry).is_none()));
}

#[test]
fn atom_and_json_are_read_too() {
    let atom = parse(&fixture("feed.atom.xml"), &base(), true).unwrap();
    assert_eq!((atom[0].id.as_str(), link(&atom[0])), ("urn:1", Some("https://example.org/1")));
    assert_eq!(atom[0].updated, Some("2026-03-03T08:00:00Z".parse().unwrap()));

    let json = parse(&fixture("feed.json"), &base(), true).unwrap();
    assert_eq!(json.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["6", "7"]);
    assert_eq!(own(&json[0]), "<p>six</p>");
    assert_eq!(json[1].updated, Some("2026-03-04T10:00:00Z".parse().unwrap()));
    assert_eq!(json[1].published, Some("2026-03-03T08:00:00Z".parse().unwrap()));
    assert_eq!(json[1].author.as_deref(), Some("Kay"));
}

fn rss(items: &str) -> Vec<u8> {
    format!("<rss version=\"2.0\"><channel><title>t</title>{items}</channel></rss>").into_bytes()
}

#[test]
fn ids_hold_over_two_readings_and_never_hide_an_entry() {
    // A title that is cut is no id; one guid for everything is none either; nor is nothing at all.
    let long = "x".repeat(400);
    let items = format!(
        "<item><title>{long}1</title></item><item><title>{long}2</title></item>\
         <item><guid>same</guid><link>https://a.example/1</link></item>\
         <item><guid>same</guid><link>https://a.example/2</link></item>\
         <item><description>nothing else</description></item>"
    );
    let first = parse(&rss(&items), &base(), true).unwrap();
    let second = parse(&rss(&items), &base(), true).unwrap();
    assert_eq!(first, second);
    let ids: HashSet<&str> = first.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_changed_entry_has_another_version_even_if_its_time_stands_still() {
    let feed = |words: &str| {
        let item = format!(
            "<item><guid>1</guid><title>t</title><description>{words}</description>\
             <pubDate>Tue, 03 Mar 2026 09:00:00 GMT</pubDate></item>"
        );
        parse(&rss(&item), &base(), false).unwrap().remove(0).version
    };
    assert_eq!(feed("a"), feed("a"));
    assert_ne!(feed("a"), feed("b"));
}

#[test]
fn what_is_no_feed_is_malformed_not_empty() {
    for body in ["", "DOES NOT HAVE ACCESS", "<html><body>moved</body></html>", "{}", "[]", "<rss"]
    {
        let error = parse(body.as_bytes(), &base(), true).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{body}: {error}");
    }
    assert_eq!(parse(&rss(""), &base(), true).unwrap(), []);
}

fn listing(ids: std::ops::Range<u32>) -> Listing {
    let newest_first = ids.rev().map(|n| {
        format!("<item><guid>{n}</guid><link>https://a.example/{n}</link><title>{n}</title></item>")
    });
    let entries = parse(&rss(&newest_first.collect::<String>()), &base(), true).unwrap();
    let exchange = Exchange {
        method: "GET".to_owned(),
        url: base().to_string(),
        request_headers: Vec::new(),
        redirects: Vec::new(),
        final_url: base().to_string(),
        status: 200,
        response_headers: Vec::new(),
        peer: None,
        proxy: None,
        started: Timestamp::UNIX_EPOCH,
        finished: Timestamp::UNIX_EPOCH,
    };
    let validator = Some(Validator {
        url: base().to_string(),
        etag: Some("\"1\"".to_owned()),
        last_modified: None,
    });
    Listing { entries, exchange, validator }
}

fn walk(listing: &Listing, mut position: Position) -> (Vec<String>, Position, Option<String>) {
    let (mut ids, mut gap) = (Vec::new(), None);
    loop {
        let page = listing.page(position);
        assert!(page.items.len() <= PAGE_ITEMS);
        assert_eq!(
            page.validators.is_empty(),
            page.more,
            "a validator is earned by the whole feed"
        );
        ids.extend(page.items.into_iter().map(|item| item.id));
        gap = gap.or(page.gap);
        position = super::position(Some(&page.next));
        if !page.more {
            return (ids, position, gap);
        }
    }
}

#[test]
fn a_long_feed_is_listed_in_slices_each_entry_once() {
    let (ids, position, gap) = walk(&listing(0..1234), Position::default());
    assert_eq!(ids, (0..1234).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!((position.after, gap), (None, None));
}

#[test]
fn a_feed_that_moves_on_between_two_slices_loses_nothing() {
    let first = listing(0..1200).page(Position::default());
    let (ids, _, _) = walk(&listing(300..1300), position(Some(&first.next)));
    assert_eq!(ids, (500..1300).map(|n| n.to_string()).collect::<Vec<_>>());
    // Where we stopped is not listed any more: from the beginning, rather than from anywhere.
    let (ids, _, _) = walk(&listing(700..1300), position(Some(&first.next)));
    assert_eq!(ids.len(), 600);
}

#[test]
fn a_window_without_overlap_is_a_gap() {
    let (_, known, gap) = walk(&listing(0..20), Position::default());
    assert_eq!(gap, None, "nothing is known at the first look");
    assert_eq!(walk(&listing(19..40), position(Some(&cursor(&known)))).2, None);
    assert!(walk(&listing(20..40), position(Some(&cursor(&known)))).2.is_some());
    assert!(walk(&listing(0..0), known).2.is_some());
}

fn source(site: &Site, more: &str, dir: &std::path::Path) -> Feed {
    let settings = toml::from_str(&format!("url = {:?}\n{more}", site.url("/feed"))).unwrap();
    let mut context = context(dir);
    context.validator = Arc::new(|url| {
        Some(Validator {
            url: url.to_owned(),
            etag: Some("\"tag\"".to_owned()),
            last_modified: None,
        })
    });
    Feed::new("feed".parse().unwrap(), settings, context).unwrap()
}

fn fixture_site(path: &str) -> (u16, String) {
    match path {
        "/feed" => (
            200,
            String::from_utf8(fixture("feed.rss.xml"))
                .unwrap()
                .replace("https://snippets.example", ""),
        ),
        "/s/103" => (404, String::new()),
        "/s/102" => (500, "<html>oops</html>".to_owned()),
        path => (200, format!("text of {path}")),
    }
}

#[tokio::test]
async fn a_feed_is_read_its_links_fetched_and_what_fails_is_an_error() {
    let site = Site::start(fixture_site).await;
    let dir = tempfile::tempdir().unwrap();
    let source = source(&site, "", dir.path());
    let (items, gaps, page) = pass(&source, None).await;
    assert_eq!((items.len(), gaps.len()), (4, 0));
    assert_eq!(page.validators[0].etag.as_deref(), Some("\"tag\""));

    // An error page is no document: scanned as one, it would count as looked at and clean.
    assert!(matches!(source.fetch(&items[2]).await, Err(Error::Unavailable(_))));
    assert!(matches!(source.fetch(&items[3]).await, Err(Error::Gone(_))));
    let own = source.fetch(&items[1]).await.unwrap();
    assert_eq!(crate::fs::body_bytes(&own.body).unwrap(), "only words");
    assert!(matches!(own.provenance, Provenance::Http(_)));

    site.log();
    let (items, _, again) = pass(&source, Some(&page.next)).await;
    assert_eq!((items.len(), again.next), (0, page.next), "not modified");
    assert_eq!(site.log(), ["/feed"]);
}

#[tokio::test]
async fn without_a_cursor_or_in_the_middle_no_validator_hides_the_rest() {
    let many = |_: &str| {
        let item = |n| format!("<item><guid>{n}</guid><link>/{n}</link></item>");
        (200, String::from_utf8(rss(&(0..700).rev().map(item).collect::<String>())).unwrap())
    };
    let site = Site::start(many).await;
    let dir = tempfile::tempdir().unwrap();
    let first = source(&site, "", dir.path()).poll(None).await.unwrap();
    assert_eq!((first.items.len(), first.more, first.validators.len()), (500, true, 0));
    // As after a restart: nothing remembered but the cursor.
    let rest = source(&site, "", dir.path()).poll(Some(&first.next)).await.unwrap();
    assert_eq!((rest.items.len(), rest.more, rest.validators.len()), (200, false, 1));
}

#[tokio::test]
async fn content_of_its_own_is_found_again_after_a_restart_or_is_gone() {
    let site = Site::start(fixture_site).await;
    let dir = tempfile::tempdir().unwrap();
    let (items, _, _) = pass(&source(&site, "follow = false", dir.path()), None).await;
    let later = source(&site, "follow = false", dir.path());
    let document = later.fetch(&items[3]).await.unwrap();
    assert!(document.media_type.unwrap().starts_with("text/html"));
    site.change(|_| (200, String::from_utf8(rss("")).unwrap()));
    let later = source(&site, "follow = false", dir.path());
    assert!(matches!(later.fetch(&items[3]).await, Err(Error::Gone(_))));
    site.change(|_| (404, String::new()));
    assert!(
        matches!(later.poll(None).await, Err(Error::Refused(_))),
        "a feed that is not there is not empty"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_feed_or_an_error(bytes: Vec<u8>, tail in "(<|/|item|link|>|&|title|guid|x| ){0,60}") {
        parse(&bytes, &base(), true).ok();
        parse(&rss(&tail), &base(), true).ok();
        parse(format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{tail}").as_bytes(), &base(), false).ok();
    }
}
