//! `source test` and `source explain`: a source by itself, without the record.

use std::sync::Arc;

use serde::Serialize;

use super::super::output::{Cell, Output, Table, Tone};
use super::super::workplace::Workplace;
use super::super::{Exit, clock, reach};
use super::Test;
use crate::config::Config;
use crate::http;
use crate::model::document::Item;
use crate::model::finding::Verdict;
use crate::model::ids::SourceName;
use crate::source::{Context, Source};

/// Items shown of a listing.
const SHOWN: usize = 50;

/// One item as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    place: &'a str,
    title: Option<&'a str>,
    author: Option<&'a str>,
    published: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a str>,
}

/// What fetching an item gave.
enum Fetched {
    NotTried,
    Document { bytes: u64, verdict: Option<Verdict> },
    Failed(String),
}

pub(super) fn explain(config: &Config, name: &SourceName, output: &Output) -> anyhow::Result<Exit> {
    let source = reach::runtime()?.block_on(async { build(config, name) })?;
    output.text(&source.explain())?;
    Ok(Exit::Clean)
}

pub(super) fn run(config: &Config, test: &Test, output: &Output) -> anyhow::Result<Exit> {
    let runtime = reach::runtime()?;
    let (page, fetched) = runtime.block_on(async {
        let source = build(config, &test.name)?;
        let page = source
            .poll(None)
            .await
            .map_err(|error| anyhow::anyhow!("the source `{}` fails: {error}", test.name))?;
        let detector = Workplace::of(config.clone())?.detector();
        let detector = detector
            .inspect_err(|error| output.warning(&format!("nothing is recognised here: {error:#}")))
            .ok();
        let mut fetched = Vec::new();
        for item in page.items.iter().rev().take(test.fetch) {
            let outcome = match source.fetch(item).await {
                Ok(document) => {
                    let verdict =
                        detector.as_ref().map(|detector| detector.inspect(&document).verdict());
                    Fetched::Document { bytes: document.body.len(), verdict }
                }
                Err(error) => Fetched::Failed(error.to_string()),
            };
            fetched.push(outcome);
        }
        anyhow::Ok((page, fetched))
    })?;
    let failed = fetched.iter().any(|outcome| matches!(outcome, Fetched::Failed(_)));
    let mut outcomes: Vec<Fetched> = fetched.into_iter().rev().collect();
    let untried = page.items.len() - outcomes.len();
    outcomes.splice(0..0, std::iter::repeat_with(|| Fetched::NotTried).take(untried));
    if test.report.json {
        let rows: Vec<Row<'_>> =
            page.items.iter().zip(&outcomes).map(|(item, outcome)| row(item, outcome)).collect();
        output.json(&serde_json::json!({ "source": test.name, "items": rows, "more": page.more, "gap": page.gap }))?;
    } else {
        table(&page.items, &outcomes, output)?;
        let more = if page.more { ", and more on further pages" } else { "" };
        let noun = if page.items.len() == 1 { "item" } else { "items" };
        output.line(&format!("{} {noun}{more}", page.items.len()))?;
    }
    if let Some(gap) = &page.gap {
        output.warning(gap);
    }
    Ok(if failed || page.gap.is_some() { Exit::Partial } else { Exit::Clean })
}

fn build(config: &Config, name: &SourceName) -> anyhow::Result<Arc<dyn Source>> {
    let definition = super::find(config, name)?;
    crate::fs::create_private_dir(&config.data.spool())?;
    let settings = config.http.settings(&config.base)?;
    let context = Context {
        max_body: settings.max_body,
        http: http::Client::new(settings)?,
        data_dir: config.data.path().to_owned(),
        validator: Arc::new(|_| None),
        now: clock::now,
    };
    definition
        .build(&context)
        .map_err(|error| anyhow::anyhow!("the source `{name}` cannot be used: {error}"))
}

fn row<'a>(item: &'a Item, outcome: &'a Fetched) -> Row<'a> {
    let (bytes, verdict, failed) = match outcome {
        Fetched::NotTried => (None, None, None),
        Fetched::Document { bytes, verdict } => (Some(*bytes), *verdict, None),
        Fetched::Failed(why) => (None, None, Some(why.as_str())),
    };
    Row {
        id: &item.id,
        place: &item.place,
        title: item.title.as_deref(),
        author: item.author.as_deref(),
        published: item.published,
        bytes,
        verdict,
        failed,
    }
}

fn table(items: &[Item], outcomes: &[Fetched], output: &Output) -> anyhow::Result<()> {
    let mut table = Table::new(["id", "published", "title", "where", "fetched"]);
    let hidden = items.len().saturating_sub(SHOWN);
    for (item, outcome) in items.iter().zip(outcomes).skip(hidden) {
        let fetched = match outcome {
            Fetched::NotTried => Cell::toned(Tone::Faint, "not tried"),
            Fetched::Document { bytes, verdict: Some(verdict) } => {
                format!("{bytes} bytes, {}", word(*verdict)).into()
            }
            Fetched::Document { bytes, verdict: None } => format!("{bytes} bytes").into(),
            Fetched::Failed(why) => Cell::toned(Tone::Bad, why),
        };
        table.row([
            item.id.as_str().into(),
            item.published.map_or_else(|| "unknown".to_owned(), |at| format!("{at:.0}")).into(),
            item.title.as_deref().unwrap_or("").into(),
            item.place.as_str().into(),
            fetched,
        ]);
    }
    output.table(&table)?;
    if hidden > 0 {
        output.line(&format!("({hidden} older ones are not shown; --json has all)"))?;
    }
    Ok(())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Leak => "leak",
        Verdict::Possible => "possible",
        Verdict::Unreadable => "unreadable",
        Verdict::Clean => "clean",
    }
}
