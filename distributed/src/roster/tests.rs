//! When the list is asked for, and who is on it. The commands are real.

use super::*;
use crate::testing::{fake, setup};

/// A command that counts how often it ran, and lists `a:1`, then `a:1` and `b:2`.
struct Counted {
    folder: tempfile::TempDir,
}

impl Counted {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn source(&self) -> Source {
        let runs = self.folder.path().join("runs");
        let runs = runs.display();
        Source::Command(format!(
            "echo >> {runs}; test $(wc -l < {runs}) = 1 && echo '[\"a:1\"]' || echo '[\"a:1\", \"b:2\"]'"
        ))
    }

    fn runs(&self) -> usize {
        let text = std::fs::read_to_string(self.folder.path().join("runs"));
        text.unwrap_or_default().lines().count()
    }
}

fn limits(pause: u64) -> RosterLimits {
    RosterLimits {
        pause: Duration::from_secs(pause),
        ..RosterLimits::default()
    }
}

async fn listed<C: Connector>(roster: &Roster<C>) -> Vec<String> {
    let workers = roster.list().await;
    workers.iter().map(|worker| worker.address().to_owned()).collect()
}

#[tokio::test]
async fn many_questions_at_once_are_one() {
    let command = Counted::new();
    let roster = Roster::new(command.source(), fake(|_, _| async {}), setup(), limits(3600));
    assert_eq!(listed(&roster).await, ["a:1"]);
    assert_eq!(listed(&roster).await, ["a:1"]);
    assert_eq!(command.runs(), 1);
}

#[tokio::test]
async fn every_later_question_is_asked_anew_and_new_workers_join() {
    let command = Counted::new();
    let roster = Roster::new(command.source(), fake(|_, _| async {}), setup(), limits(0));
    let before = roster.list().await;
    assert_eq!(before.len(), 1);
    let after = roster.list().await;
    assert_eq!(listed(&roster).await, ["a:1", "b:2"]);
    assert!(Arc::ptr_eq(&before[0], &after[0]), "the same worker stays the same");
}

#[tokio::test]
async fn a_command_that_fails_later_takes_no_worker_away() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("workers.json");
    std::fs::write(&file, "[\"a:1\"]").unwrap();
    let source = Source::Command(format!("cat {}", file.display()));
    let roster = Roster::new(source, fake(|_, _| async {}), setup(), limits(0));
    assert_eq!(listed(&roster).await, ["a:1"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(listed(&roster).await, ["a:1"]);
}

#[tokio::test]
async fn without_a_list_there_is_nobody() {
    let roster = Roster::new(Source::Unset, fake(|_, _| async {}), setup(), limits(0));
    assert_eq!(listed(&roster).await, [""; 0]);
}
