//! Calls that wait for the firewall.

use std::collections::BTreeMap;

use super::event::{Answer, Reply, Ticket};
use super::network::Network;
use super::roster::JailId;

/// Which call waits for which elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    by_element: BTreeMap<(JailId, Network), Vec<Ticket>>,
    progress: BTreeMap<Ticket, Progress>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Progress {
    left: usize,
    done: u32,
    refusal: Option<String>,
}

impl Calls {
    /// A call waits for these elements, at least one.
    pub(super) fn wait(&mut self, ticket: Ticket, elements: &[(JailId, Network)]) {
        for element in elements {
            self.by_element.entry(*element).or_default().push(ticket);
        }
        self.progress.insert(ticket, Progress { left: elements.len(), done: 0, refusal: None });
    }

    /// An element is as it was wanted, or was refused. The answers that this completes.
    pub(super) fn settle(
        &mut self,
        element: (JailId, Network),
        outcome: Result<(), &str>,
    ) -> Vec<Reply> {
        let mut replies = Vec::new();
        for ticket in self.by_element.remove(&element).unwrap_or_default() {
            let Some(progress) = self.progress.get_mut(&ticket) else { continue };
            progress.left -= 1;
            match outcome {
                Ok(()) => progress.done += 1,
                Err(reason) => {
                    progress.refusal.get_or_insert_with(|| format!("{}: {reason}", element.1));
                }
            }
            if progress.left == 0 {
                replies.extend(self.complete(ticket));
            }
        }
        replies
    }

    /// Settles all elements of which `is_settled` says so.
    pub(super) fn settle_where(
        &mut self,
        is_settled: impl Fn(&(JailId, Network)) -> bool,
        outcome: Result<(), &str>,
    ) -> Vec<Reply> {
        let elements: Vec<_> = self.by_element.keys().copied().filter(|e| is_settled(e)).collect();
        elements.into_iter().flat_map(|element| self.settle(element, outcome)).collect()
    }

    fn complete(&mut self, ticket: Ticket) -> Option<Reply> {
        let progress = self.progress.remove(&ticket)?;
        let answer = match progress.refusal {
            None => Answer::Done(progress.done),
            Some(reason) => Answer::Refused(reason),
        };
        Some(Reply { ticket, answer })
    }
}
