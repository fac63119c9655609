//! Every way a discovery command can fail, with real commands.

use std::time::{Duration, Instant};

use super::*;

async fn ask(command: &str) -> Result<Vec<String>, String> {
    let limits = DiscoveryLimits {
        time: Duration::from_secs(5),
        output: 64 * 1024,
    };
    ask_within(command, limits).await
}

async fn ask_within(command: &str, limits: DiscoveryLimits) -> Result<Vec<String>, String> {
    discover(&Source::Command(command.into()), &limits)
        .await
        .map(|listed| listed.addresses.iter().map(Address::to_string).collect())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_shell_runs_it_with_tilde_pipes_and_quotes() {
    let home = "HOME=$(mktemp -d); echo '[\"a:1\", \"b:2\"]' > ~/workers.json; cat ~/workers.json | tr a c; rm -r ~/";
    assert_eq!(ask(home).await.unwrap(), ["c:1", "b:2"]);
}

#[tokio::test]
async fn a_list_whose_quotes_the_shell_took_is_understood() {
    let addresses = ask(r#"echo ["localhost:9050", "localhost:9051"]"#).await.unwrap();
    assert_eq!(addresses, ["localhost:9050", "localhost:9051"]);
}

#[tokio::test]
async fn each_failure_says_which_it_was() {
    let unset = discover(&Source::Unset, &DiscoveryLimits::default()).await.unwrap_err();
    assert_eq!(
        unset.to_string(),
        "no workers: GADGETRON_REMOTE_WORKER_COMMAND is not set"
    );
    for (command, words) in [
        (
            "no-such-command-here",
            vec!["was not found", "its error output begins", "no-such-command-here"],
        ),
        (
            "echo broken >&2; echo more >&2; exit 3",
            vec!["ended with exit status: 3", "begins: broken"],
        ),
        ("kill -9 $$", vec!["ended with signal: 9"]),
        ("echo hello", vec!["no JSON list of addresses", "begins \"hello\""]),
        ("true", vec!["it printed nothing"]),
        (
            "echo '[]'; echo nobody there >&2",
            vec!["an empty list", "nobody there"],
        ),
        ("echo '[1, 2]'", vec!["none of its 2 entries is an address"]),
        ("head -c 100000 /dev/zero", vec!["printed more than 65536 bytes"]),
        ("yes", vec!["printed more than 65536 bytes"]),
    ] {
        let error = ask(command).await.unwrap_err();
        for word in words {
            assert!(error.contains(word), "{command}: {error}");
        }
        assert!(!error.contains("\nmore"), "{error}");
    }
}

#[tokio::test]
async fn credentials_in_the_error_output_are_hidden() {
    let error = ask("echo 'no route to http://me:secret@relay:5000' >&2; exit 7")
        .await
        .unwrap_err();
    assert!(error.contains("http://***@relay:5000"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let source = Source::Command("curl http://me:secret@relay:5000".into());
    assert!(!format!("{source:?}").contains("secret"));
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_its_children() {
    let folder = std::env::temp_dir().join(format!("discovery-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let child = folder.join("child");
    // The child keeps standard output open and outlives the shell, unless the whole group is ended.
    let command = format!(
        "sh -c 'echo $$ > {}; exec sleep 1000' & echo '[\"a:1\"]'",
        child.display()
    );
    let limits = DiscoveryLimits {
        time: Duration::from_millis(500),
        ..DiscoveryLimits::default()
    };
    let started = Instant::now();
    let error = ask_within(&command, limits).await.unwrap_err();
    assert!(error.contains("took longer than 500ms and was ended"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
    let pid = std::fs::read_to_string(&child).unwrap().trim().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    wait_until_gone(&pid).await;
}

#[tokio::test]
async fn dropping_the_question_ends_the_command() {
    let folder = std::env::temp_dir().join(format!("discovery-drop-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("pid");
    let command = Source::Command(format!("echo $$ > {}; sleep 1000; true", file.display()));
    let limits = DiscoveryLimits::default();
    let pid = tokio::select! {
        _ = discover(&command, &limits) => unreachable!("it sleeps"),
        pid = async {
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                    _ => tokio::task::yield_now().await,
                }
            }
        } => pid,
    };
    std::fs::remove_dir_all(&folder).unwrap();
    wait_until_gone(&pid).await;
}

/// Until no such process runs; what is left of a dead one that nobody collected does not count.
async fn wait_until_gone(pid: &str) {
    let status = format!("/proc/{pid}/stat");
    let runs = || {
        let stat = std::fs::read_to_string(&status).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    tokio::time::timeout(Duration::from_secs(5), async {
        while runs() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the process is gone");
}

#[tokio::test]
async fn a_fixed_list_needs_no_command() {
    let addresses: Vec<Address> = vec!["a:1".parse().unwrap(), "a:1".parse().unwrap()];
    let source = Source::Fixed(addresses.clone());
    let found = discover(&source, &DiscoveryLimits::default()).await.unwrap();
    assert_eq!(found.addresses, addresses[..1]);
}
