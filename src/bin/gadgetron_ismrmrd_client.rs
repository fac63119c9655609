//! `gadgetron_ismrmrd_client`: sends an ISMRMRD file to a server and stores the images that come back.
//!
//! The options are those of Gadgetron's own client. The exit status tells the truth: 0 only when all went well and
//! something came back that could be kept.

use std::{
    io::{IsTerminal, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use clap::Parser;
use gadgetron::{
    client::{self, ClientError, ConfigurationChoice, OutputFiles, Progress, Request, Settings},
    files::{RawDataFile, ReadLimits},
    protocol::codec::Precision,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Sends raw data to a Gadgetron server and stores the images that come back.
#[derive(Debug, Parser)]
#[command(name = "gadgetron_ismrmrd_client", version)]
struct Arguments {
    /// Address or name of the server.
    #[arg(short, long, default_value = "localhost")]
    address: String,
    /// Port of the server.
    #[arg(short, long, default_value_t = 9002)]
    port: u16,
    /// ISMRMRD raw data to send.
    #[arg(short, long, required_unless_present_any = ["query", "info"])]
    filename: Option<PathBuf>,
    /// File for the images; they are added to those in it.
    #[arg(short, long, default_value = "out.h5")]
    outfile: PathBuf,
    /// Group of the raw data in the file.
    #[arg(short = 'g', long, default_value = "/dataset")]
    in_group: String,
    /// Group for the images [default: date and time in UTC].
    #[arg(short = 'G', long)]
    out_group: Option<String>,
    /// Name of a configuration the server has.
    #[arg(short, long, default_value = "default.xml")]
    config: String,
    /// Configuration file to send; it comes before a name.
    #[arg(short = 'C', long)]
    config_local: Option<PathBuf>,
    /// How often to send the data, each time over a new connection.
    #[arg(short, long, default_value_t = 1)]
    loops: u32,
    /// Milliseconds to wait for a connection.
    #[arg(short, long, default_value_t = 10_000)]
    timeout: u64,
    /// Milliseconds that the server may send nothing; 0 for ever.
    #[arg(long, default_value_t = 0)]
    silence: u64,
    /// Format of the output.
    #[arg(short = 'F', long, default_value = "h5", value_parser = ["h5"])]
    outformat: String,
    /// Compress readouts to so many bits for each value, 1 to 31 [0: do not compress].
    #[arg(short = 'P', long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=31))]
    precision: u8,
    /// Compress readouts so that no value is off by more than this fraction of the noise [0: do not compress]. The server
    /// is asked for the noise scan that the data depend on; where it has none, sigma is taken to be 1.
    #[arg(short = 'T', long, default_value_t = 0.0)]
    tolerance: f32,
    /// Compress with ZFP, which this client cannot.
    #[arg(short = 'Z', long = "ZFP", default_value_t = false, action = clap::ArgAction::Set, hide = true)]
    zfp: bool,
    /// Send the configuration without data and store the answer, as a query for a dependency.
    #[arg(short, long)]
    query: bool,
    /// Ask the server about itself (such as gadgetron::info) and print the answer; -q is allowed beside it.
    #[arg(short = 'Q', long)]
    info: Option<String>,
    /// Succeed although nothing comes back (a noise measurement, say), or nothing that there is a file format for.
    #[arg(long)]
    allow_nothing: bool,
    /// Say what is sent and how fast.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    read_limits: ReadLimits,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("the runtime could not be started: {error}")),
    };
    for _ in 0..arguments.loops {
        if let Err(error) = runtime.block_on(job(&arguments)) {
            // What still waits on a thread that blocks must not keep the program.
            runtime.shutdown_background();
            return match error.downcast_ref::<ClientError>() {
                // They are on standard error already, as they came.
                Some(ClientError::Server(words)) if words.len() == 1 => failed("the server reported an error"),
                Some(ClientError::Server(words)) => failed(&format!("the server reported {} errors", words.len())),
                _ => failed(&error.to_string()),
            };
        }
    }
    ExitCode::SUCCESS
}

fn failed(reason: &str) -> ExitCode {
    say(&format!("gadgetron_ismrmrd_client: {reason}"));
    ExitCode::FAILURE
}

fn say(words: &str) {
    // Nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// By bits or by a tolerance: both at once are refused, as in the original. 0 is as if nothing was said.
fn compression(arguments: &Arguments) -> Result<Option<Precision>, String> {
    let precision = match (arguments.precision, arguments.tolerance) {
        (0, 0.0) => None,
        (0, tolerance) if tolerance > 0.0 => Some(Precision::Tolerance(tolerance)),
        (0, tolerance) => return Err(format!("a tolerance is positive, not {tolerance}")),
        (bits, 0.0) => Some(Precision::Bits(bits)),
        _ => {
            return Err(
                "a precision (-P) and a tolerance (-T) cannot be given together: leave one of them out".to_owned(),
            );
        }
    };
    match precision {
        Some(_) if arguments.zfp => Err("ZFP compression is not supported: without -Z it is NHLBI's".to_owned()),
        precision => Ok(precision),
    }
}

/// Where compression follows the noise, the server says how much of it there is; without its answer sigma is 1.
async fn with_noise(
    precision: Precision,
    request: &Request,
    arguments: &Arguments,
) -> Result<Precision, Box<dyn std::error::Error>> {
    let (
        Precision::Tolerance(fraction),
        Request::Reconstruction {
            measurement: Some(file),
            ..
        },
    ) = (precision, request)
    else {
        return Ok(precision);
    };
    let (reader, writer) = connect(arguments).await?.into_split();
    let known = client::noise_statistics(reader, writer, file.header_xml(), settings(arguments)).await;
    Ok(match known {
        Ok(Some(noise)) => {
            if arguments.verbose {
                say(&format!(
                    "the noise of these data: standard deviation {} or more at {} us a sample",
                    noise.least_sigma, noise.dwell_time_us
                ));
            }
            Precision::Noise {
                fraction,
                sigma: noise.least_sigma,
                dwell_time_us: noise.dwell_time_us,
            }
        }
        Ok(None) => {
            say(
                "the server knows of no noise scan for these data: the tolerance is that of values, not of their noise",
            );
            precision
        }
        Err(error) => {
            say(&format!("{error}; the tolerance is that of values, not of their noise"));
            precision
        }
    })
}

async fn connect(arguments: &Arguments) -> Result<tokio::net::TcpStream, client::ConnectError> {
    let timeout = Duration::from_millis(arguments.timeout);
    client::connect(&arguments.address, arguments.port, timeout).await
}

fn settings(arguments: &Arguments) -> Settings {
    Settings {
        silence: (arguments.silence > 0).then(|| Duration::from_millis(arguments.silence)),
        ..Settings::default()
    }
}

async fn job(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let group = arguments.out_group.clone().unwrap_or_else(date_and_time);
    let (request, items) = request(arguments)?;
    let asked = matches!(request, Request::Query(_));
    if !asked && arguments.verbose {
        say(&format!(
            "Gadgetron ISMRMRD client: {} to {}:{}, {} items; images to {}, group {group}",
            arguments
                .filename
                .as_deref()
                .unwrap_or_else(|| "nothing".as_ref())
                .display(),
            arguments.address,
            arguments.port,
            items,
            arguments.outfile.display(),
        ));
    }
    let compression = match compression(arguments)? {
        Some(precision) => Some(with_noise(precision, &request, arguments).await?),
        None => None,
    };
    let started = Instant::now();
    let (reader, writer) = connect(arguments).await?.into_split();
    let settings = Settings {
        compression,
        ..settings(arguments)
    };
    let progress = Arc::new(Progress::default());
    let output = OutputFiles::new(&arguments.outfile, &group);
    let running = client::run(reader, writer, request, output, settings, Arc::clone(&progress));
    let outcome = with_bar(items, &progress, running).await?;

    if arguments.verbose {
        let seconds = started.elapsed().as_secs_f64();
        let megabytes = progress.bytes_sent.load(Ordering::Relaxed) as f64 / 1e6;
        say(&format!(
            "{megabytes:.1} MB sent, {} messages back, {seconds:.3} s, {:.0} MB/s",
            outcome.received.kept,
            megabytes / seconds
        ));
    }
    match (outcome.received.kept, outcome.received.dropped) {
        (0, 0) if asked => Err("the server did not answer".into()),
        (0, 0) if !arguments.allow_nothing => Err("the server reported no error, but nothing came back".into()),
        (0, dropped) if !arguments.allow_nothing => Err(format!(
            "nothing was stored: there is no file format for any of the {dropped} messages that came back"
        )
        .into()),
        _ => Ok(()),
    }
}

/// What to ask, and how many items there are to send.
fn request(arguments: &Arguments) -> Result<(Request, u64), Box<dyn std::error::Error>> {
    if let Some(question) = &arguments.info {
        return Ok((Request::Query(question.clone()), 0));
    }
    let configuration = match &arguments.config_local {
        Some(path) => ConfigurationChoice::Text(
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
        ),
        None => ConfigurationChoice::Named(arguments.config.clone()),
    };
    let measurement = match &arguments.filename {
        Some(path) if !arguments.query => Some(Box::new(RawDataFile::open_with(
            path,
            &arguments.in_group,
            arguments.read_limits,
        )?)),
        _ => None,
    };
    let items = measurement
        .as_ref()
        .map_or(0, |file| file.acquisition_count() + file.waveform_count());
    let request = Request::Reconstruction {
        configuration,
        measurement,
    };
    Ok((request, items))
}

/// Waits for `job` with a bar on the terminal, if there is one.
async fn with_bar<T>(items: u64, progress: &Progress, job: impl Future<Output = T>) -> T {
    if items == 0 || !std::io::stderr().is_terminal() {
        return job.await;
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} sent, {msg} back, {elapsed}");
    let bar = ProgressBar::new(items);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    tokio::pin!(job);
    loop {
        tokio::select! {
            result = &mut job => {
                bar.finish_and_clear();
                return result;
            }
            _ = ticks.tick() => {
                bar.set_position(progress.items_sent.load(Ordering::Relaxed));
                bar.set_message(progress.messages_received.load(Ordering::Relaxed).to_string());
            }
        }
    }
}

/// Now, as the original names its groups: `2026-01-31 23:59:59`, in UTC.
fn date_and_time() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_options_are_understood() {
        let line = "client -a host -p 1 -f in.h5 -o out.h5 -g /dataset -G group -c x.xml -l 2 -t 5 -F h5";
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(
            (arguments.address.as_str(), arguments.port, arguments.loops),
            ("host", 1, 2)
        );
        assert_eq!(compression(&arguments), Ok(None));
        assert!(Arguments::try_parse_from(["client"]).is_err());
        assert!(Arguments::try_parse_from(["client", "-q", "-C", "local.xml"]).is_ok());
        assert!(Arguments::try_parse_from(["client", "-Q", "gadgetron::info"]).is_ok());
        let both = Arguments::try_parse_from(["client", "-f", "in.h5", "-c", "name.xml", "-C", "no-such-file.xml"]);
        assert!(
            request(&both.unwrap())
                .unwrap_err()
                .to_string()
                .starts_with("no-such-file.xml")
        );
    }

    #[test]
    fn compression_is_by_bits_or_by_tolerance() {
        let chosen = |options: &str| {
            let line = format!("client -f in.h5 {options}");
            compression(&Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?)
        };
        assert_eq!(chosen("-P 12"), Ok(Some(Precision::Bits(12))));
        assert_eq!(chosen("-T 0.25"), Ok(Some(Precision::Tolerance(0.25))));
        assert_eq!(chosen("-T 0.25 -P 0"), Ok(Some(Precision::Tolerance(0.25))));
        assert!(chosen("-T 0.25 -P 7").unwrap_err().contains("cannot be given together"));
        assert!(chosen("-P 32").is_err());
        assert!(chosen("-T -1").is_err() && chosen("-T NaN").is_err());
        assert!(chosen("-T 0.25 -Z 1").is_err() && chosen("-T 0.25 -Z true").unwrap_err().contains("ZFP"));
    }
}
