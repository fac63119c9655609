//! What could not be sent, counted, so that nothing is dropped silently.

use std::collections::BTreeMap;

use protocol::error::EncodeError;
use tracing::warn;

/// How many different problems are told to the client; the log has the first message of each kind anyway.
const KINDS: usize = 16;

/// Messages that did not reach the client, by reason.
#[derive(Debug, Default)]
pub(super) struct Unsent(BTreeMap<String, u64>);

impl Unsent {
    /// Counts one. The run goes on: other messages may have a writer.
    pub(super) fn count(&mut self, error: &EncodeError) {
        let level = match error {
            // A chain may pass on what its configuration has no use for: the original's `ismrmrd_dump.xml` passes on
            // every readout. That is worth a word, but no failure.
            EncodeError::NoWriter { .. } => "WARNING",
            EncodeError::DoesNotFit { .. } => "ERROR",
        };
        let words = format!("{level}: {error}");
        if let Some(count) = self.0.get_mut(&words) {
            *count += 1;
        } else if self.0.len() < KINDS {
            warn!("{error}");
            self.0.insert(words, 1);
        }
    }

    /// A line for each reason.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .map(|(words, count)| format!("[Connection Main Thread/Writers] {words} ({count} messages not sent)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_one_line_with_its_count() {
        let mut unsent = Unsent::default();
        let no_writer = EncodeError::NoWriter {
            type_name: "Readout".into(),
            known: vec!["Image"],
        };
        for _ in 0..3 {
            unsent.count(&no_writer);
        }
        unsent.count(&EncodeError::does_not_fit("meta attributes", "too long"));
        let words: Vec<_> = unsent.words().collect();
        assert_eq!(
            words,
            [
                "[Connection Main Thread/Writers] ERROR: meta attributes: too long (1 messages not sent)",
                "[Connection Main Thread/Writers] WARNING: no writer is configured for a message of type `Readout`; \
                 configured: Image (3 messages not sent)",
            ]
        );
    }

    #[test]
    fn reasons_are_bounded() {
        let mut unsent = Unsent::default();
        for index in 0..1000 {
            unsent.count(&EncodeError::does_not_fit("part", index));
        }
        assert_eq!(unsent.words().count(), KINDS);
    }
}
