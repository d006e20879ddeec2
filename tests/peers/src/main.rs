//! `peers-samod`: measures samod 0.16 on the product's ledger workload, as a reference peer on the same machine.
//!
//! Prints one JSON object per measurement on standard output. What is and is not comparable stands in the README.

#![forbid(unsafe_code)]

mod entries;
mod measure;
mod pair;
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use measure::Size;
use pair::Failure;

const USAGE: &str = "\
usage: peers-samod <measurement> [--option value ...]

  catch-up   [--docs 54] [--entries 100000] [--announce no]
  single     [--base 1852] [--entries 300] [--gap-ms 20]
  burst      [--base 1852] [--entries 5000]
  reconnect  [--docs 54] [--entries 100000] [--announce no]
  all        every one of them, in this order

Every measurement takes [--runs 1]. Example: peers-samod catch-up --runs 3";

/// Beyond this the peers are taken to have lost each other for good.
const LIMIT: Duration = Duration::from_secs(180);

/// `--name value` pairs; what a measurement takes is removed, so that a leftover is a mistake.
struct Options(BTreeMap<String, String>);

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, Failure> {
        let mut options = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("not an option: {word}"))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            options.insert(name.to_owned(), value);
        }
        Ok(Options(options))
    }

    fn number(&mut self, name: &str, default: u32) -> Result<u32, Failure> {
        match self.0.remove(name) {
            Some(text) => text.parse().map_err(|_| format!("--{name}: not a number: {text}").into()),
            None => Ok(default),
        }
    }

    fn yes(&mut self, name: &str) -> Result<bool, Failure> {
        match self.0.remove(name).as_deref() {
            Some("yes") => Ok(true),
            None | Some("no") => Ok(false),
            Some(other) => Err(format!("--{name}: yes or no, not {other}").into()),
        }
    }

    fn size(&mut self) -> Result<Size, Failure> {
        let size = Size {
            docs: self.number("docs", 54)?,
            entries: self.number("entries", 100_000)?,
            announce: self.yes("announce")?,
        };
        if size.docs == 0 { Err("--docs: at least 1".into()) } else { Ok(size) }
    }

    fn end(self) -> Result<(), Failure> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(format!("unknown option --{name}").into()))
    }
}

/// A measurement with its options read.
#[derive(Clone, Copy)]
enum Plan {
    CatchUp(Size),
    Single { base: u32, entries: u32, gap: Duration },
    Burst { base: u32, entries: u32 },
    Reconnect(Size),
}

impl Plan {
    fn parse(name: &str, options: &mut Options) -> Result<Vec<Plan>, Failure> {
        Ok(match name {
            "catch-up" => vec![Plan::CatchUp(options.size()?)],
            "single" => vec![Plan::Single {
                base: options.number("base", 1852)?,
                entries: options.number("entries", 300)?.max(1),
                gap: Duration::from_millis(options.number("gap-ms", 20)?.into()),
            }],
            "burst" => vec![Plan::Burst {
                base: options.number("base", 1852)?,
                entries: options.number("entries", 5000)?.max(1),
            }],
            "reconnect" => vec![Plan::Reconnect(options.size()?)],
            "all" => {
                let mut plans = Vec::new();
                for name in ["catch-up", "single", "burst", "reconnect"] {
                    plans.extend(Plan::parse(name, &mut Options(BTreeMap::new()))?);
                }
                plans
            }
            other => return Err(format!("no measurement {other}\n{USAGE}").into()),
        })
    }

    async fn run(self) -> Result<serde_json::Value, Failure> {
        let measuring = async {
            match self {
                Plan::CatchUp(size) => measure::catch_up(size).await,
                Plan::Single { base, entries, gap } => measure::single(base, entries, gap).await,
                Plan::Burst { base, entries } => measure::burst(base, entries).await,
                Plan::Reconnect(size) => measure::reconnect(size).await,
            }
        };
        let limited = tokio::time::timeout(LIMIT, measuring).await;
        limited.unwrap_or_else(|_| Err(format!("no result within {} s", LIMIT.as_secs()).into()))
    }
}

async fn run() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next().filter(|word| !word.contains("help")) else {
        println!("{USAGE}");
        return Ok(());
    };
    let mut options = Options::parse(words)?;
    let runs = options.number("runs", 1)?;
    let plans = Plan::parse(&name, &mut options)?;
    options.end()?;
    for plan in plans {
        for _ in 0..runs {
            println!("{}", plan.run().await?);
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers-samod: {error}");
            ExitCode::FAILURE
        }
    }
}
