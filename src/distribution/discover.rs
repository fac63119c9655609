//! `gadgetron discover`: runs the discovery command, asks every worker, prints who is there.

use std::{
    collections::HashSet,
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use distributed::{
    Address, Source, discover,
    link::{Tcp, query},
};
use futures::{StreamExt, stream};

use super::arguments::DiscoveryArguments;
use crate::time_span;

/// How many workers are asked at a time.
const AT_A_TIME: usize = 64;

/// Run GADGETRON_REMOTE_WORKER_COMMAND, ask every worker it lists, print who is there.
#[derive(Debug, Args)]
pub struct DiscoverArguments {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How long a worker may take to answer.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_span::parse)]
    timeout: Duration,
    #[command(flatten)]
    discovery: DiscoveryArguments,
}

/// What one worker answered.
#[derive(Debug)]
struct Found {
    address: Address,
    answer: Result<(String, Duration), String>,
}

/// Runs the subcommand; `Ok(false)` when no worker answers.
pub async fn run(arguments: &DiscoverArguments, source: &Source, out: &mut (dyn Write + Send)) -> io::Result<bool> {
    let addresses = match discover(source, &arguments.discovery.limits()).await {
        Ok(listed) => {
            listed.warn_of_skipped(&HashSet::new());
            listed.addresses
        }
        Err(error) => {
            tracing::warn!("{error}");
            Vec::new()
        }
    };
    let found: Vec<Found> = stream::iter(addresses)
        .map(|address| ask(address, arguments.timeout))
        .buffered(AT_A_TIME)
        .collect()
        .await;
    if arguments.json {
        print_json(&found, out)?
    } else {
        print_table(&found, out)?
    }
    Ok(found.iter().any(|worker| worker.answer.is_ok()))
}

async fn ask(address: Address, limit: Duration) -> Found {
    let answer = query(&Tcp, &address, "gadgetron::info", limit).await;
    let answer = answer
        .map(|answer| (version(&answer.text), answer.time))
        .map_err(|error| error.to_string());
    Found { address, answer }
}

/// The version in the answer to `gadgetron::info`, of which a line reads `-- Version : 4.7.2`.
fn version(answer: &str) -> String {
    let lines = answer.lines().filter_map(|line| line.split_once(':'));
    let mut versions = lines.filter(|(name, _)| name.trim_start_matches([' ', '-']).trim_end() == "Version");
    let version = versions.next().map(|(_, version)| version.trim());
    version
        .unwrap_or("unknown")
        .chars()
        .filter(|c| !c.is_control())
        .take(40)
        .collect()
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

fn print_table(found: &[Found], out: &mut (dyn Write + Send)) -> io::Result<()> {
    let width = found
        .iter()
        .map(|worker| worker.address.to_string().len())
        .max()
        .unwrap_or(0)
        .max(7);
    writeln!(out, "{:width$}  ANSWER  VERSION       TIME", "ADDRESS")?;
    for Found { address, answer } in found {
        let address = address.to_string();
        match answer {
            Ok((version, time)) => {
                writeln!(
                    out,
                    "{address:width$}  yes     {version:12}  {} ms",
                    milliseconds(*time)
                )?;
            }
            Err(error) => writeln!(out, "{address:width$}  no      -             {error}")?,
        }
    }
    let answered = found.iter().filter(|worker| worker.answer.is_ok()).count();
    writeln!(out, "{answered} of {} workers answer", found.len())
}

fn print_json(found: &[Found], out: &mut (dyn Write + Send)) -> io::Result<()> {
    let workers: Vec<_> = found
        .iter()
        .map(|Found { address, answer }| match answer {
            Ok((version, time)) => serde_json::json!({
                "address": address.to_string(), "answer": true, "version": version, "milliseconds": milliseconds(*time),
            }),
            Err(error) => serde_json::json!({ "address": address.to_string(), "answer": false, "error": error }),
        })
        .collect();
    writeln!(out, "{:#}", serde_json::Value::Array(workers))
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches};

    use super::*;

    #[test]
    fn the_version_is_found_in_the_originals_table() {
        let table = "Gadgetron Version Info\n  -- Version            : 4.7.2\n  -- Git SHA1           : 846ed3f\n";
        assert_eq!(version(table), "4.7.2");
        assert_eq!(version("hello"), "unknown");
    }

    #[tokio::test]
    async fn who_does_not_answer_is_listed_as_such() {
        // A port that was free a moment ago: nobody listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let source = Source::Command(format!("echo '[\"{address}\"]'"));
        for json in [true, false] {
            let line = ["discover", "--json"].into_iter().take(1 + usize::from(json));
            let arguments = DiscoverArguments::augment_args(clap::Command::new("")).get_matches_from(line);
            let arguments = DiscoverArguments::from_arg_matches(&arguments).unwrap();
            let mut out = Vec::new();
            assert!(!run(&arguments, &source, &mut out).await.unwrap());
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&address.to_string()), "{text}");
            assert!(
                text.contains(if json {
                    "\"answer\": false"
                } else {
                    "0 of 1 workers answer"
                }),
                "{text}"
            );
        }
    }
}
