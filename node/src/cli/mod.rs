//! The command line: parse, find the node, ask it, print the answer.
//!
//! `main.rs` calls [`main`]. Every data command is a call of the local API through [`crate::api::client`]; only
//! `init`, `enroll join`, `serve` and `demo` do work in this process, through [`crate::run`]. Nothing here opens a
//! journal, a document or a key.

mod approvals;
mod args;
mod close;
mod expire;
mod forms;
mod look;
mod output;
mod own;
mod points;
mod report;
mod rows;
mod setup;
mod table;
mod transfer;
mod usage;
mod write;
mod zh;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use xiangyue_protocol::{Code, Refusal};

use self::args::{Cli, Doc, Enroll, Init, Verb};
use self::output::{Output, exit};
use crate::api::client::{Client, Failure};
use crate::config::{Config, Loaded, Overrides};
use crate::i18n::Lang;

/// What a command came to: an exit code, or why it failed.
type Outcome = Result<u8, Failure>;

/// Runs the program with this process's arguments and variables.
pub fn main() -> ExitCode {
    let env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    ExitCode::from(run(std::env::args_os().collect(), &env))
}

/// What a command works with.
struct Session {
    output: Output,
    loaded: Loaded,
    overrides: Overrides,
    /// Clerk to enter things for when the command does not say.
    by: String,
}

impl Session {
    /// The node to ask.
    fn client(&self) -> Result<Client, Failure> {
        let slow: fn() = match self.output.lang {
            Lang::Zh => || output::note("节点尚未应答，等待中……"),
            Lang::En => || output::note("the node has not answered yet; waiting"),
        };
        Ok(Client::open(&self.loaded.config.data)?.tell_when_slow(slow))
    }
}

fn run(arguments: Vec<OsString>, env: &[(String, String)]) -> u8 {
    let (lang, json) = peek(&arguments);
    let lang = lang.or_else(|| variable(env, "XIANGYUE_LANG")?.parse().ok());
    let locale = Lang::from_locale(|name| variable(env, name));
    let output = Output { lang: lang.unwrap_or(locale), json };
    let cli = match parse(arguments, output) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let overrides = overrides(&cli);
    let by = variable(env, "XIANGYUE_BY").unwrap_or_default();
    let loaded = match Config::load(&overrides, env) {
        Ok(loaded) => loaded,
        Err(refusal) => return output.refusal(&refusal.into()),
    };
    let output = Output { lang: lang.or(loaded.config.lang).unwrap_or(locale), json };
    if matches!(cli.command, Verb::Serve(_) | Verb::Status) {
        output.strange_variables(&loaded.strange_variables);
    }
    let session = Session { output, loaded, overrides, by };
    dispatch(&session, cli.command).unwrap_or_else(|failure| output.refusal(&failure))
}

fn dispatch(session: &Session, command: Verb) -> Outcome {
    match command {
        Verb::Init(Init::Township(args)) => setup::init_township(session, args),
        Verb::Enroll(Enroll::Token(args)) => setup::token(session, args),
        Verb::Enroll(Enroll::Join(args)) => setup::join(session, args),
        Verb::Serve(args) => setup::serve(session, &args),
        Verb::Revoke(args) => setup::revoke(session, args),
        Verb::Readmit(args) => setup::readmit(session, &args),
        Verb::Demo(args) => setup::demo(session, &args),
        Verb::Status => look::status(session),
        Verb::Stats(args) => look::stats(session, &args),
        Verb::Report(args) => report::report(session, args),
        Verb::Expire(args) => expire::expire(session, args),
        Verb::Close(args) => close::close(session, args),
        Verb::Form(args) => forms::form(session, &args),
        Verb::Put(args) => rows::put(session, args),
        Verb::Rows(args) => rows::rows(session, args),
        Verb::Withdraw(args) => rows::withdraw(session, args),
        Verb::Inbox => rows::inbox(session),
        Verb::Doc(Doc::List) => look::documents(session),
        Verb::Doc(Doc::Show(args)) => look::document(session, &args),
        Verb::Doc(Doc::History(args)) => look::history(session, &args),
        Verb::Import(args) => transfer::import(session, &args),
        Verb::Export(args) => transfer::export(session, args),
        Verb::Award(args) => write::award(session, args),
        Verb::Approvals(args) => approvals::approvals(session, &args),
        Verb::Approve(args) => approvals::approve(session, args),
        Verb::Decline(args) => approvals::decline(session, args),
        Verb::Redeem(args) => write::redeem(session, args),
        Verb::Reverse(args) => write::reverse(session, args),
        Verb::Grant(args) => write::grant(session, args),
        Verb::Balance(args) => points::balance(session, &args),
        Verb::Statement(args) => points::statement(session, &args),
        Verb::Config(args) => own::config(session, &args),
        Verb::Explain(args) => own::explain(session, &args),
        Verb::Completions(args) => own::completions(session, &args),
    }
}

/// Parses the arguments; help and mistakes are printed here, and the exit code comes back.
fn parse(arguments: Vec<OsString>, output: Output) -> Result<Cli, u8> {
    let command = zh::arrange(Cli::command());
    let command = output.lang.pick(zh::localise(command.clone()), command);
    let error = match command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            Err(exit::OK)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !output.json => {
            let _ = error.print();
            Err(exit::USAGE)
        }
        _ => {
            output.refusal(&usage::explain(&error, output.lang));
            Err(exit::USAGE)
        }
    }
}

/// The language and form of output asked for, before anything is parsed: mistakes are told in them too.
fn peek(arguments: &[OsString]) -> (Option<Lang>, bool) {
    let words: Vec<&str> =
        arguments.iter().skip(1).map_while(|word| word.to_str()).take_while(|w| *w != "--").collect();
    let after = words.iter().position(|word| *word == "--lang").and_then(|at| words.get(at + 1).copied());
    let joined = words.iter().find_map(|word| word.strip_prefix("--lang="));
    (after.or(joined).and_then(|lang| lang.parse().ok()), words.contains(&"--json"))
}

/// What the command line says over the configuration.
fn overrides(cli: &Cli) -> Overrides {
    let mut keys = Vec::new();
    if let Verb::Serve(serve) = &cli.command {
        keys.extend(serve.listen.clone().map(|value| ("listen", value)));
        keys.extend(serve.api.clone().map(|value| ("api", value)));
        keys.extend(serve.log.clone().map(|value| ("log", value)));
        keys.extend((!serve.dial.is_empty()).then(|| ("dial", serve.dial.join(","))));
    }
    if let Verb::Init(Init::Township(init)) = &cli.command {
        keys.extend(init.listen.clone().map(|value| ("listen", value)));
        keys.extend(init.address.clone().map(|value| ("address", value)));
    }
    if let Verb::Enroll(Enroll::Join(join)) = &cli.command {
        keys.extend(join.listen.clone().map(|value| ("listen", value)));
    }
    Overrides { file: cli.global.config.clone(), data: cli.global.data.clone(), keys }
}

fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.clone())
}

/// A refusal about a file of the person's.
fn file_refusal(code: Code, path: &std::path::Path, error: impl std::fmt::Display) -> Failure {
    Refusal::new(code, format_args!("{}: {error}", path.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peeked(line: &str) -> (Option<Lang>, bool) {
        peek(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn language_and_form_are_known_before_parsing() {
        assert_eq!(peeked("xiangyue status --lang zh --json"), (Some(Lang::Zh), true));
        assert_eq!(peeked("xiangyue --lang=en oops"), (Some(Lang::En), false));
        assert_eq!(peeked("xiangyue balance -- --json"), (None, false));
        assert_eq!(peeked("xiangyue --lang fr"), (None, false));
    }
}
