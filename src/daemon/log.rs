//! Where our own log goes: to the journal with fields when systemd started us, else to the
//! standard error as plain lines.

use std::fmt;
use std::io::stderr;
use std::os::linux::fs::MetadataExt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter};

/// Starts the log.
pub(super) fn start() {
    let ours = filter::Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("jailkeeper", LevelFilter::INFO);
    let registry = tracing_subscriber::registry();
    if stderr_is_the_journal()
        && let Ok(layer) = tracing_journald::layer()
    {
        // Without a prefix a field like `jailkeeper_jail` becomes JAILKEEPER_JAIL, and
        // `message_id` the MESSAGE_ID by which the catalogue knows it.
        let layer = layer
            .with_field_prefix(None)
            .with_syslog_identifier("jailkeeperd".to_owned())
            .with_filter(ours);
        registry.with(layer).init();
    } else {
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(stderr)
            .event_format(PlainLine)
            .with_filter(ours);
        registry.with(layer).init();
    }
}

/// Says why the process is about to end, on the standard error in any case: whose an entry is journald
/// reads in /proc, where a process that has ended is gone, so that `systemctl status` would not show why.
/// Of a stream it knows from the beginning.
pub(super) fn last_word(error: &dyn fmt::Display) {
    let error = error.to_string();
    if stderr_is_the_journal() {
        // SD_ERR of sd-daemon(3), in front of each line.
        error.lines().for_each(|line| eprintln!("<3>{line}"));
    } else {
        eprintln!("error: {error}");
    }
}

/// Whether the standard error is the very stream to the journal that `JOURNAL_STREAM` names
/// (systemd.exec(5)).
fn stderr_is_the_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Ok(metadata) = std::fs::metadata("/proc/self/fd/2") else { return false };
    named == format!("{}:{}", metadata.st_dev(), metadata.st_ino())
}

/// The message alone, with its level where that is not the usual one.
struct PlainLine;

impl<S, N> FormatEvent<S, N> for PlainLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *event.metadata().level() {
            Level::ERROR => write!(writer, "error: ")?,
            Level::WARN => write!(writer, "warning: ")?,
            _ => {}
        }
        let mut message = Message { writer: &mut writer, result: Ok(()) };
        event.record(&mut message);
        message.result?;
        writeln!(writer)
    }
}

struct Message<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.result = write!(self.writer, "{value:?}");
        }
    }
}
