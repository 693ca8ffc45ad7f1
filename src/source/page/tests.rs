//! A recorded listing, its paging and its items, served on loopback.

use super::*;
use crate::source::stand::{Site, context, pass as pass_over};

const FIXTURE: &str = include_str!("../../../tests/fixtures/source/page.html");

fn settings(more: &str) -> Settings {
    let text = format!(
        "url = 'https://pastes.example/recent'\nitem = 'div.t'\ndate = 'time'\nauthor = '.by'\n{more}"
    );
    toml::from_str(&text).unwrap()
}

fn base() -> Url {
    Url::parse("https://pastes.example/recent").unwrap()
}

#[test]
fn a_listing_is_read_row_by_row() {
    let settings = settings(
        "id = '/([^/]+)$'\nraw_url = 'https://raw.example/{id}?x={url}'\nnext = 'a.older'",
    );
    let rows = parse(FIXTURE, &base(), &settings).unwrap();
    let items: Vec<Item> = rows.list.iter().map(parse::Row::item).collect();
    assert_eq!(items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["k3Zd", "k3Zc", "k3Zb"]);
    assert_eq!(items[0].place, "https://pastes.example/k3Zd");
    assert_eq!(items[0].author.as_deref(), Some("someone & co"));
    assert_eq!(items[0].published, Some("2026-03-03T10:00:19Z".parse().unwrap()));
    assert_eq!(items[1].published, Some("2026-03-03T09:59:14Z".parse().unwrap()));
    assert_eq!((items[2].published, items[2].version.as_str()), (None, ""), "no date is guessed");
    assert_eq!(items[2].place, "https://other.example/k3Zb");
    assert_eq!(items[0].handle["url"], "https://raw.example/k3Zd?x=https://pastes.example/k3Zd");
    assert_eq!(rows.next.as_ref().map(Url::as_str), Some("https://pastes.example/recent?page=2"));
    assert!(rows.unusable().unwrap().starts_with("2 of 5 items"), "the rest is not passed over");
}

#[test]
fn a_page_that_shows_nothing_we_know_is_an_error_not_no_news() {
    let drifted = "<html><body><p>We moved!</p></body></html>";
    let error = parse(drifted, &base(), &settings("")).unwrap_err();
    assert!(matches!(&error, Error::Malformed(why) if why.contains("may_be_empty")), "{error}");
    assert!(parse(drifted, &base(), &settings("may_be_empty = true")).unwrap().list.is_empty());

    let no_links = "<div class=t>one</div><div class=t>two</div>";
    for more in ["", "may_be_empty = true"] {
        let error = parse(no_links, &base(), &settings(more)).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{error}");
    }
    let deep = "<div>".repeat(5000);
    assert!(matches!(parse(&deep, &base(), &settings("")), Err(Error::Malformed(_))));
}

#[test]
fn an_id_cannot_leave_its_place_in_the_address() {
    let link = base();
    let raw =
        |id: &str| parse::raw_address("https://raw.example/x/{id}/y", id, &link).map(String::from);
    assert_eq!(
        raw("a/../../b?c#d").as_deref(),
        Some("https://raw.example/x/a%2F..%2F..%2Fb%3Fc%23d/y")
    );
    assert_eq!(raw("é@").as_deref(), Some("https://raw.example/x/%C3%A9%40/y"));
    assert_eq!(raw(".."), None);
    assert_eq!(raw(""), None);
}

#[test]
fn settings_that_cannot_work_are_refused_where_they_stand() {
    for (more, words) in [
        ("link = 'a['", "not a CSS selector"),
        ("id = '('", "not a regular expression"),
        ("pages = 3", "unknown field"),
    ] {
        let text = format!("url = 'https://a.example/'\nitem = 'li'\n{more}");
        let error = toml::from_str::<Settings>(&text).unwrap_err();
        assert!(error.message().contains(words), "{error}");
        assert!(error.span().is_some_and(|span| span.start > 30), "{error}");
    }
}

fn rows(ids: impl Iterator<Item = u32>, next: Option<&str>) -> Rows {
    let list: Vec<String> = ids.map(|n| format!("<li><a href='/{n}'>{n}</a></li>")).collect();
    let list = list.concat();
    let next = next.map(|next| format!("<a class=next href='{next}'>next</a>")).unwrap_or_default();
    parse(&format!("<ul>{list}</ul>{next}"), &base(), &list_settings()).unwrap()
}

fn list_settings() -> Settings {
    toml::from_str(
        "url = 'https://a.example/'\nitem = 'li'\nid = '[0-9]+$'\nnext = 'a.next'\nmax_pages = 3",
    )
    .unwrap()
}

/// One pass over a site that shows `ids`, newest first, ten to a page.
fn pass(newest: u32, from: &Cursor) -> (Vec<String>, u32, Option<String>, Cursor) {
    let (mut ids, mut pages, mut gap, mut at) = (Vec::new(), 0, None, from.clone());
    loop {
        let Position { known, pass } = position(Some(&at));
        let number = pass.as_ref().map_or(0, |pass| pass.pages);
        let newest = newest - 10 * number;
        let rows = rows((newest - 9..=newest).rev(), Some("?more"));
        let pass = pass.unwrap_or_else(first_page);
        let page = step(&list_settings(), known, pass, &rows);
        pages += 1;
        ids.extend(page.items.into_iter().map(|item| item.id));
        gap = gap.or(page.gap);
        at = page.next;
        if !page.more {
            return (ids, pages, gap, at);
        }
    }
}

fn first_page() -> Pass {
    Pass {
        url: base(),
        pages: 0,
        after: None,
        seen: Window::default(),
        overlaps: false,
        validator: None,
    }
}

#[test]
fn paging_goes_on_while_a_page_brings_something_new() {
    let start = cursor(&Position::default());
    let (ids, pages, gap, known) = pass(1000, &start);
    assert_eq!((ids.len(), pages, gap), (30, 3, None), "the first pass goes to the limit");

    let (_, pages, gap, _) = pass(1000, &known);
    assert_eq!((pages, gap), (1, None), "nothing new on the first page");

    let (ids, pages, gap, _) = pass(1012, &known);
    assert_eq!((pages, gap), (3, None));
    assert!((1001..=1012).all(|n| ids.contains(&n.to_string())));

    let (_, pages, gap, _) = pass(1100, &known);
    assert_eq!(pages, 3);
    assert!(
        gap.is_some(),
        "the limit was reached before anything known: 1001 to 1070 were not seen"
    );
}

#[test]
fn a_next_link_that_leads_in_a_circle_ends_the_pass() {
    let rows = rows(1..11, Some("/"));
    let first = step(&list_settings(), Window::default(), first_page(), &rows);
    let Position { known, pass } = position(Some(&first.next));
    let second = step(&list_settings(), known, pass.unwrap(), &rows);
    assert!(!second.more);
}

#[test]
fn a_page_of_fifty_thousand_items_is_listed_in_slices() {
    let rows = rows(0..50_000, None);
    let (mut listed, mut at) = (0, cursor(&Position::default()));
    loop {
        let Position { known, pass } = position(Some(&at));
        let page = step(&list_settings(), known, pass.unwrap_or_else(first_page), &rows);
        assert!(page.items.len() <= PAGE_ITEMS);
        listed += page.items.len();
        at = page.next;
        if !page.more {
            break;
        }
    }
    assert_eq!(listed, 50_000);
}

fn source(site: &Site, more: &str, dir: &std::path::Path) -> Listing {
    let text = format!(
        "url = {:?}\nitem = 'li'\nid = '[0-9]+$'\nraw_url = '{}'\nnext = 'a.next'\n{more}",
        site.url("/list"),
        site.url("/raw/{id}"),
    );
    let settings = toml::from_str(&text).unwrap();
    Listing::new("pastes".parse().unwrap(), settings, context(dir)).unwrap()
}

/// Three pages of ten, newest first.
fn shelf(newest: u32) -> impl Fn(&str) -> (u16, String) {
    move |path| {
        let (path, page) = path.split_once("?page=").unwrap_or((path, "0"));
        let page: u32 = page.parse().unwrap();
        if let Some(id) = path.strip_prefix("/raw/") {
            return (200, format!("text of {id}"));
        }
        let newest = newest - 10 * page;
        let row = |n| format!("<li><a href='/p/{n}'>{n}</a></li>");
        let list = (newest - 9..=newest).rev().map(row).collect::<Vec<_>>().concat();
        (200, format!("<ul>{list}</ul><a class=next href='?page={}'>older</a>", page + 1))
    }
}

#[tokio::test]
async fn a_listing_is_paged_through_and_its_items_fetched_raw() {
    let site = Site::start(shelf(100)).await;
    let dir = tempfile::tempdir().unwrap();
    let source = source(&site, "max_pages = 3", dir.path());
    let (items, gaps, page) = pass_over(&source, None).await;
    assert_eq!((items.len(), gaps.len()), (30, 0));
    assert_eq!(site.log(), ["/list", "/list?page=1", "/list?page=2"]);
    let document = source.fetch(&items[0]).await.unwrap();
    assert_eq!(crate::fs::body_bytes(&document.body).unwrap(), "text of 100");
    assert_eq!(items[0].place, site.url("/p/100"));
    site.log();

    site.change(shelf(103));
    let (items, gaps, page) = pass_over(&source, Some(&page.next)).await;
    assert_eq!((items.len(), gaps.len()), (20, 0));
    assert_eq!(site.log(), ["/list", "/list?page=1"], "nothing on the second page is new");

    site.change(shelf(200));
    let (_, gaps, _) = pass_over(&source, Some(&page.next)).await;
    assert_eq!(gaps, [NO_OVERLAP]);
}

#[tokio::test]
async fn a_page_that_fails_in_the_middle_is_a_gap_and_gone_through_again() {
    let site =
        Site::start(
            |path| if path.contains("page=1") { (500, String::new()) } else { shelf(100)(path) },
        )
        .await;
    let dir = tempfile::tempdir().unwrap();
    let source = source(&site, "", dir.path());
    let (items, gaps, page) = pass_over(&source, None).await;
    assert_eq!(items.len(), 10);
    assert!(gaps[0].starts_with("page 2 of the listing was not seen"), "{gaps:?}");
    site.change(shelf(100));
    assert_eq!(
        pass_over(&source, Some(&page.next)).await.0.len(),
        50,
        "the rest was not taken for known"
    );

    site.change(|_| (429, String::new()));
    assert!(matches!(source.poll(None).await, Err(Error::RateLimited { .. })));
}

#[tokio::test]
async fn a_listing_that_has_not_changed_is_not_sent_again() {
    let site = Site::start(shelf(100)).await;
    let dir = tempfile::tempdir().unwrap();
    let mut source = source(&site, "max_pages = 2", dir.path());
    let (items, _, first) = pass_over(&source, None).await;
    assert_eq!(items.len(), 20);
    let known = first.validators.clone();
    assert_eq!(known[0].url, site.url("/list"), "it speaks for the whole pass");

    source.context.validator =
        Arc::new(move |url| known.iter().find(|validator| validator.url == url).cloned());
    site.log();
    let (items, gaps, second) = pass_over(&source, Some(&first.next)).await;
    assert_eq!((items.len(), gaps.len(), second.validators.len()), (0, 0, 0));
    assert_eq!(site.log(), ["/list"], "the pages behind it were not asked for");
    assert_eq!(second.next, first.next, "what is known stays known");

    let (items, ..) = pass_over(&source, None).await;
    assert_eq!(items.len(), 20, "where nothing is known no validator counts");
}

#[tokio::test]
async fn a_pass_that_could_not_see_everything_earns_no_validator() {
    let site =
        Site::start(
            |path| if path.contains("page=1") { (500, String::new()) } else { shelf(100)(path) },
        )
        .await;
    let dir = tempfile::tempdir().unwrap();
    let (_, gaps, page) = pass_over(&source(&site, "", dir.path()), None).await;
    assert_eq!((gaps.len(), page.validators.len()), (1, 0));

    let site = Site::start(|_| {
        (200, "<li><a href='/p/1'>one</a></li><li><a href='mailto:a@b'>two</a></li>".to_owned())
    })
    .await;
    let (_, gaps, page) = pass_over(&source(&site, "", dir.path()), None).await;
    assert_eq!((gaps.len(), page.validators.len()), (1, 0), "{gaps:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_listing_is_an_error_of_the_right_kind() {
    let dir = tempfile::tempdir().unwrap();
    for (status, kind) in
        [(200, "Malformed"), (403, "Refused"), (404, "Refused"), (500, "Unavailable")]
    {
        let site = Site::start(move |_| (status, "DOES NOT HAVE ACCESS".to_owned())).await;
        let error = source(&site, "", dir.path()).poll(None).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{status}: {error:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_page_is_rows_or_an_error_and_every_row_is_a_web_address(
        page in "(<li>|<a href='|'>|</a>|</li>|//|javascript:|file:///|http://a.example|[0-9]|%|\\{id\\}|\u{e9}| ){0,60}"
    ) {
        let settings: Settings = toml::from_str(
            "url = 'https://a.example/'\nitem = 'li'\nraw_url = 'https://raw.example/{id}'\nmay_be_empty = true",
        ).unwrap();
        for row in parse(&page, &base(), &settings).map(|rows| rows.list).unwrap_or_default() {
            let item = row.item();
            proptest::prop_assert!(is_web(&Url::parse(&item.place).unwrap()), "{}", item.place);
            let fetched = Url::parse(item.handle["url"].as_str().unwrap()).unwrap();
            proptest::prop_assert_eq!(fetched.host_str(), Some("raw.example"));
        }
    }
}
