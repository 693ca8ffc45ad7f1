//! Tables for people, and the few colours that mean something.

use comfy_table::{Attribute, CellAlignment, Color, ContentArrangement};
use owo_colors::OwoColorize as _;

use crate::escape::visible;

/// What a colour means. Nothing is told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// No colour.
    Plain,
    /// All well.
    Good,
    /// Look at this.
    Warn,
    /// Something is wrong.
    Bad,
    /// Of less importance.
    Faint,
    /// A heading.
    Strong,
}

impl Tone {
    pub(super) fn paint(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Good => text.green().to_string(),
            Self::Warn => text.yellow().to_string(),
            Self::Bad => text.red().bold().to_string(),
            Self::Faint => text.dimmed().to_string(),
            Self::Strong => text.bold().to_string(),
        }
    }
}

/// One cell of a table. Hostile text is escaped here.
#[derive(Debug, Clone)]
pub struct Cell(comfy_table::Cell);

impl Cell {
    /// A cell in a colour.
    pub fn toned(tone: Tone, text: &str) -> Self {
        let cell = comfy_table::Cell::new(visible(text));
        Self(match tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Warn => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red).add_attribute(Attribute::Bold),
            Tone::Faint => cell.add_attribute(Attribute::Dim),
            Tone::Strong => cell.add_attribute(Attribute::Bold),
        })
    }

    /// A number: aligned to the right.
    pub fn number(number: impl std::fmt::Display) -> Self {
        Self(comfy_table::Cell::new(number).set_alignment(CellAlignment::Right))
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self(comfy_table::Cell::new(visible(text.as_ref())))
    }
}

/// Rows under headings, without lines between them.
#[derive(Debug, Clone)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        // Colours are always written here and taken out again by the stream where they are not wanted.
        table.load_style(comfy_table::presets::NOTHING).enforce_styling();
        if headings.iter().any(|heading| !heading.is_empty()) {
            table.set_header(headings.map(|text| Cell::toned(Tone::Faint, text).0));
        }
        table.style_text_only();
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self(table)
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.0.add_row(cells.map(|cell| cell.0));
    }

    /// Whether there is nothing but headings.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As text, wrapped to a width if there is one.
    pub(super) fn render(&self, width: Option<u16>) -> String {
        let mut table = self.0.clone();
        match width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width)
            }
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}
