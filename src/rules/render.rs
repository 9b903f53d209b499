//! Diagnostics as a person reads them.

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Severity};

/// The diagnostics as text: path, line and column, the line itself, a caret, and the hint.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics {
        let _ = writeln!(text, "{}\n", render_one(diagnostic, &renderer));
    }
    text
}

fn render_one(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = diagnostic.path.to_string_lossy();
    let title = match diagnostic.spot {
        Some(_) => diagnostic.title.clone(),
        None => format!("{path}: {}", diagnostic.title),
    };
    let mut group = Group::with_title(level.primary_title(title));
    if let Some(spot) = &diagnostic.spot {
        let mark = AnnotationKind::Primary.span(spot.marked.clone()).label(&diagnostic.label);
        let snippet = Snippet::source(&spot.source_line).line_start(spot.line).path(path);
        group = group.element(snippet.annotation(mark));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint));
    }
    renderer.render(&[group])
}
