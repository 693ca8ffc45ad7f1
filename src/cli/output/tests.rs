//! What is printed, on streams that can be read afterwards.

use std::sync::Arc;

use super::*;

/// A stream that can be read afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What a command prints, as plain text: data and messages.
pub(in crate::cli) fn printed<E: std::fmt::Debug>(
    print: impl FnOnce(&Output) -> Result<(), E>,
) -> (String, String) {
    let (data, messages) = (Shared::default(), Shared::default());
    let plain = |shared: &Shared| -> Box<dyn Write + Send> {
        let boxed: Box<dyn Write + Send> = Box::new(shared.clone());
        Box::new(anstream::StripStream::new(boxed))
    };
    print(&Output::over(plain(&data), plain(&messages))).unwrap();
    (data.text(), messages.text())
}

#[test]
fn hostile_text_is_escaped_wherever_it_is_printed() {
    let hostile = "a\u{1b}]0;owned\u{7}\u{202e}b";
    let shown = "a\\u{1b}]0;owned\\u{7}\\u{202e}b";
    let (data, messages) = printed(|output| -> Result<(), Error> {
        output.line(hostile)?;
        output.line_in(Tone::Bad, hostile)?;
        output.text(hostile)?;
        let mut table = Table::new(["NAME"]);
        table.row([hostile.into()]);
        output.table(&table)?;
        output.note(hostile);
        output.warning(hostile);
        output.error(&anyhow::anyhow!("{hostile}"));
        Ok(())
    });
    assert_eq!(data, format!("{shown}\n{shown}\n{shown}\nNAME\n{shown}\n"));
    assert_eq!(messages, format!("{shown}\nwarning: {shown}\nerror: {shown}\n"));
}

#[test]
fn json_begins_with_its_schema_and_keeps_its_meaning() {
    #[derive(Serialize)]
    struct Report {
        title: &'static str,
    }
    let (data, _) = printed(|output| output.json_line(&Report { title: "\u{202e}\u{1b}" }));
    assert_eq!(data, "{\"schema\":1,\"title\":\"\\u202e\\u001b\"}\n");
    let (data, _) = printed(|output| output.json(&Report { title: "x" }));
    assert_eq!(data, "{\n  \"schema\": 1,\n  \"title\": \"x\"\n}\n");
}

#[test]
fn a_table_lines_up_and_does_not_wrap_in_a_pipe() {
    let long = "x".repeat(300);
    let mut table = Table::new(["NAME", "COUNT", "PLACE"]);
    assert!(table.is_empty());
    table.row(["billing".into(), Cell::number(7), long.as_str().into()]);
    table.row(["a".into(), Cell::number(1200), Cell::toned(Tone::Good, "here")]);
    let (data, _) = printed(|output| output.table(&table));
    assert_eq!(
        data,
        format!("NAME     COUNT  PLACE\nbilling      7  {long}\na         1200  here\n")
    );
    assert!(table.render(Some(60)).lines().count() > 3, "it wraps on a terminal");
}

#[test]
fn a_reader_that_went_away_is_no_error_but_a_full_disk_is() {
    let error =
        |kind: io::ErrorKind| anyhow::Error::from(Error(kind.into())).context("while listing");
    assert!(is_closed(&error(io::ErrorKind::BrokenPipe)));
    assert!(!is_closed(&error(io::ErrorKind::StorageFull)));
    // A broken pipe elsewhere, to a child process say, is a failure.
    assert!(!is_closed(&io::Error::from(io::ErrorKind::BrokenPipe).into()));
}
