//! What was measured, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Zoned;
use serde::{Deserialize, Serialize};

/// What was measured, or why it could not be.
pub(crate) type Outcome<T> = Result<T, String>;

/// What a figure counts.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Unit {
    PerSecond,
    Seconds,
    Millis,
    Nanos,
    Mebibytes,
    Count,
    Times,
}

/// Which of two figures is the better one.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Better {
    More,
    Less,
}

/// What is to be reached. Where a figure means something on one machine only, a part of what another
/// reaches beside it does as well.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    better: Better,
    figure: Option<f64>,
    beside: Option<(String, f64)>,
}

impl Goal {
    pub(crate) fn at_least(figure: f64) -> Self {
        Self { better: Better::More, figure: Some(figure), beside: None }
    }

    pub(crate) fn at_most(figure: f64) -> Self {
        Self { better: Better::Less, figure: Some(figure), beside: None }
    }

    /// The more the better, and no figure of its own.
    pub(crate) fn more() -> Self {
        Self { better: Better::More, figure: None, beside: None }
    }

    /// The less the better, and no figure of its own.
    pub(crate) fn less() -> Self {
        Self { better: Better::Less, figure: None, beside: None }
    }

    /// So many times as good as this one is enough.
    pub(crate) fn or_beside(self, who: &str, times: f64) -> Self {
        Self { beside: Some((who.to_owned(), times)), ..self }
    }

    /// How many times better the first is than the second.
    fn times(&self, ours: f64, other: f64) -> f64 {
        match self.better {
            Better::More => ours / other,
            Better::Less => other / ours,
        }
    }

    fn text(&self, unit: Unit) -> String {
        let words = match self.better {
            Better::More => "at least",
            Better::Less => "at most",
        };
        let figure = self.figure.map(|figure| format!("{words} {}", shown(figure, unit)));
        let beside = self.beside.as_ref().map(|(who, times)| format!("{times}× {who}"));
        match (figure, beside) {
            (Some(figure), Some(beside)) => format!("{figure}, or {beside}"),
            (figure, beside) => figure.or(beside).unwrap_or_default(),
        }
    }
}

/// One thing that was measured, ours and the others'.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) goal: Goal,
    pub(crate) ours: Outcome<f64>,
    pub(crate) others: Vec<(String, Outcome<f64>)>,
}

impl Row {
    pub(crate) fn new(what: &str, unit: Unit, goal: Goal, ours: Outcome<f64>) -> Self {
        Self { what: what.to_owned(), unit, goal, ours, others: Vec::new() }
    }

    pub(crate) fn beside(mut self, who: &str, figure: Outcome<f64>) -> Self {
        self.others.push((who.to_owned(), figure));
        self
    }

    fn met(&self) -> &'static str {
        let Ok(ours) = &self.ours else { return "**no**" };
        let of_figure = self.goal.figure.map(|figure| self.goal.times(*ours, figure) >= 1.0);
        let of_other = self.goal.beside.as_ref().map(|(who, times)| {
            let other = self.others.iter().find(|(name, _)| name == who);
            let other = other.and_then(|(_, figure)| figure.as_ref().ok());
            other.is_some_and(|other| self.goal.times(*ours, *other) >= *times)
        });
        match (of_figure, of_other) {
            (None, None) => "",
            (Some(true), _) | (None, Some(true)) => "yes",
            (_, Some(true)) => "by ratio",
            _ => "**no**",
        }
    }
}

/// A part's heading, table and notes.
pub(crate) fn section(name: &str, about: &str, rows: &[Row]) -> String {
    let mut others: Vec<&str> = Vec::new();
    for (who, _) in rows.iter().flat_map(|row| &row.others) {
        if !others.contains(&who.as_str()) {
            others.push(who);
        }
    }
    let mut notes = Vec::new();
    let mut text = format!("## {name}\n\n{about}\n\n_{}_\n\n", circumstances());
    let mut head = "| | goal | jailkeeper | met |".to_owned();
    for other in &others {
        write!(head, " {other} |").expect("a string");
    }
    writeln!(text, "{head}\n|---|---|---|---|{}", "---|".repeat(others.len())).expect("a string");
    for row in rows {
        let ours = cell(&row.ours, row.unit, &mut notes);
        let goal = row.goal.text(row.unit);
        write!(text, "| {} | {goal} | {ours} | {} |", row.what, row.met()).expect("a string");
        for other in &others {
            let figure = row.others.iter().find(|(who, _)| who == other).map(|(_, figure)| figure);
            let shown = figure.map(|figure| {
                let times = match (&row.ours, figure) {
                    (Ok(ours), Ok(other)) => times(row.goal.times(*ours, *other)),
                    _ => String::new(),
                };
                cell(figure, row.unit, &mut notes) + &times
            });
            write!(text, " {} |", shown.unwrap_or_default()).expect("a string");
        }
        text.push('\n');
    }
    for (number, note) in notes.iter().enumerate() {
        write!(text, "\n[{}] {note}\n", number + 1).expect("a string");
    }
    text
}

fn cell(figure: &Outcome<f64>, unit: Unit, notes: &mut Vec<String>) -> String {
    match figure {
        Ok(figure) => shown(*figure, unit),
        Err(why) => {
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            let at = notes.iter().position(|note| *note == why).unwrap_or_else(|| {
                notes.push(why);
                notes.len() - 1
            });
            format!("none [{}]", at + 1)
        }
    }
}

/// How many times better ours is.
fn times(times: f64) -> String {
    if times.is_finite() { format!(" ({}×)", number(times)) } else { String::new() }
}

fn shown(figure: f64, unit: Unit) -> String {
    let number = number(figure);
    match unit {
        Unit::PerSecond => format!("{number}/s"),
        Unit::Seconds => format!("{number} s"),
        Unit::Millis => format!("{number} ms"),
        Unit::Nanos => format!("{number} ns"),
        Unit::Mebibytes => format!("{number} MiB"),
        Unit::Count => number,
        Unit::Times => format!("{number}×"),
    }
}

/// Three digits that count, and thousands apart.
fn number(figure: f64) -> String {
    let decimals = match figure.abs() {
        0.0 => 0,
        size if size < 0.01 => 4,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{figure:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

/// Where and when, and of which commit.
fn circumstances() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once([':', '='])
            .map_or("?", |(_, value)| value.trim().trim_matches('"'))
            .to_owned()
    };
    let system = value(&read("/etc/os-release"), "PRETTY_NAME");
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let commit = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--exclude=*"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    let date = Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string();
    format!(
        "{processor}, {cores} cores, {system}, Linux {}; commit {commit}; {date}",
        kernel.trim()
    )
}

/// Puts the sections into the file of results, each in the place of what stood there of its part.
pub(crate) fn keep(path: &Path, order: &[&str], new: &[(&str, String)]) -> std::io::Result<()> {
    let old = fs::read_to_string(path).unwrap_or_default();
    let mut sections: BTreeMap<usize, String> = BTreeMap::new();
    let place = |name: &str| order.iter().position(|part| *part == name);
    for text in old.split("\n## ").skip(1) {
        let name = text.lines().next().unwrap_or_default();
        if let Some(place) = place(name) {
            sections.insert(place, format!("## {}\n", text.trim_end()));
        }
    }
    for (name, text) in new {
        if let Some(place) = place(name) {
            sections.insert(place, text.clone());
        }
    }
    let mut all = HEAD.to_owned();
    for text in sections.values() {
        all.push('\n');
        all.push_str(text);
    }
    fs::write(path, all)
}

const HEAD: &str = "# What jailkeeper reaches, and what others do

`make bench` writes this file; each section says where and when. In parentheses: how many times better
ours is. A figure means something beside the others of its row alone: they were measured in turn.
\"By ratio\": the figure is not reached on that machine, but the part of the floor or of the other that
it stands for is.
";
