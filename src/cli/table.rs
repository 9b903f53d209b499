//! Tables that fit the terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::page::Page;
use super::words;

/// No column is made narrower than this.
const NARROWEST: usize = 8;

/// Between two columns.
const GAP: &str = "  ";

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();

/// A column's heading, and what becomes of the column when the terminal is too narrow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Text that is always shown whole.
    Left(&'static str),
    /// Numbers, always shown whole, on the right side.
    Right(&'static str),
    /// Text that may be cut.
    Elastic(&'static str),
    /// Text that may be left out; of several, the last goes first.
    Spare(&'static str),
}

impl Column {
    const fn heading(self) -> &'static str {
        let (Self::Left(text) | Self::Right(text) | Self::Elastic(text) | Self::Spare(text)) = self;
        text
    }
}

/// A cell of one line.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: words::clean(text.as_ref()), style: Style::new() }
    }
}

impl Cell {
    pub(super) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Rows under headings. `indent` stands before each line.
pub(super) fn render<const N: usize>(
    columns: [Column; N],
    rows: &[[Cell; N]],
    indent: &str,
    page: &Page,
) -> String {
    Table::new(columns).add(rows, indent, page)
}

/// A table that is written in parts, since there may be more rows than are to be held at once. Its
/// columns are as wide as the rows so far want.
pub(super) struct Table<const N: usize> {
    columns: [Column; N],
    widths: [usize; N],
    has_headings: bool,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: [Column; N]) -> Self {
        let widths = columns.map(|column| column.heading().chars().count());
        Self { columns, widths, has_headings: false }
    }

    /// The next rows, the first of them under the headings.
    pub(super) fn add(&mut self, rows: &[[Cell; N]], indent: &str, page: &Page) -> String {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.text.chars().count().max(*width);
            }
        }
        let mut widths = self.widths.map(Some);
        if let Some(page) = page.width {
            shrink(self.columns, &mut widths, page.saturating_sub(indent.len()));
        }
        let headings = self.columns.map(|column| Cell::from(column.heading()).styled(HEADING));
        let headings = (!std::mem::replace(&mut self.has_headings, true)).then_some(&headings);
        let mut text = String::new();
        for row in headings.into_iter().chain(rows) {
            text.push_str(indent);
            push_row(&mut text, self.columns, row, widths);
        }
        text
    }
}

/// Leaves columns out and cuts others until the table fits, or nothing more can be given. A column
/// without a width is left out.
fn shrink<const N: usize>(columns: [Column; N], widths: &mut [Option<usize>; N], page: usize) {
    while total(widths) > page {
        let spare = (0..N)
            .rfind(|index| widths[*index].is_some() && matches!(columns[*index], Column::Spare(_)));
        let Some(spare) = spare else { break };
        widths[spare] = None;
    }
    let excess = total(widths).saturating_sub(page);
    let elastic = columns.iter().zip(widths.iter_mut()).filter_map(|(column, width)| {
        if matches!(column, Column::Elastic(_)) { width.as_mut() } else { None }
    });
    if let Some(widest) = elastic.max() {
        *widest = widest.saturating_sub(excess).max(NARROWEST.min(*widest));
    }
}

/// The width of a line.
fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + GAP.len() * shown.count().saturating_sub(1)
}

fn push_row<const N: usize>(
    text: &mut String,
    columns: [Column; N],
    row: &[Cell; N],
    widths: [Option<usize>; N],
) {
    let start = text.len();
    for ((column, cell), width) in columns.into_iter().zip(row).zip(widths) {
        let Some(width) = width else { continue };
        if text.len() > start {
            text.push_str(GAP);
        }
        let fitted = fit(&cell.text, width);
        let padding = std::iter::repeat_n(' ', width - fitted.chars().count());
        if matches!(column, Column::Right(_)) {
            text.extend(padding.clone());
        }
        if cell.style.is_plain() || fitted.is_empty() {
            text.push_str(&fitted);
        } else {
            let _ = write!(text, "{}{fitted}{:#}", cell.style, cell.style);
        }
        if !matches!(column, Column::Right(_)) {
            text.extend(padding);
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
