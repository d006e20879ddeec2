//! `config`, `explain`, `completions`: about the program itself; no node is asked.

use clap::CommandFactory;
use serde::Serialize;
use xiangyue_protocol::{Code, Refusal};

use super::args::{self, Cli, ConfigVerb};
use super::output::{Show, exit};
use super::table::{Side, Table};
use super::{Outcome, Session, zh};
use crate::api::types::ApiError;
use crate::config::{Loaded, Source};
use crate::i18n::{self, Lang};

pub(super) fn config(session: &Session, verb: &ConfigVerb) -> Outcome {
    let loaded = &session.loaded;
    match verb {
        ConfigVerb::Check => {
            if let Some((name, near)) = loaded.strange_variables.first() {
                let detail = format!("unknown variable `{name}`; nearest: `{near}`");
                return Err(Refusal::new(Code::BadConfig, detail).into());
            }
            session.output.answer(&Checked { ok: true, file: file(loaded) })?;
        }
        ConfigVerb::Show => {
            let settings = loaded.settings.iter().map(|(key, value, source)| Setting { key, value, source: *source });
            session.output.answer(&Settings { file: file(loaded), settings: settings.collect() })?;
        }
    }
    Ok(exit::OK)
}

fn file(loaded: &Loaded) -> Option<String> {
    loaded.file.as_ref().map(|path| path.display().to_string())
}

/// The answer of `config check`.
#[derive(Serialize)]
struct Checked {
    ok: bool,
    file: Option<String>,
}

impl Show for Checked {
    fn show(&self, lang: Lang) -> String {
        match &self.file {
            Some(file) => lang.pick(format!("{file} 无误\n"), format!("{file} is good\n")),
            None => lang.pick("没有配置文件，使用默认值\n", "no configuration file; the defaults hold\n").to_owned(),
        }
    }
}

/// The answer of `config show`.
#[derive(Serialize)]
struct Settings<'s> {
    file: Option<String>,
    settings: Vec<Setting<'s>>,
}

/// One setting.
#[derive(Serialize)]
struct Setting<'s> {
    key: &'static str,
    value: &'s str,
    source: Source,
}

impl Show for Settings<'_> {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("设置", "key"), Side::Left),
            (lang.pick("值", "value"), Side::Left),
            (lang.pick("来源", "from"), Side::Left),
        ]);
        let file = self.file.as_deref().unwrap_or_default();
        for setting in &self.settings {
            let source = match setting.source {
                Source::Default => lang.pick("默认", "default"),
                Source::File => file,
                Source::Variable => lang.pick("环境变量", "variable"),
                Source::CommandLine => lang.pick("命令行", "command line"),
            };
            table.row([setting.key.to_owned(), setting.value.to_owned(), source.to_owned()]);
        }
        table.render()
    }
}

pub(super) fn explain(session: &Session, args: &args::Explain) -> Outcome {
    let codes = match &args.code {
        Some(text) => vec![find(text)?],
        None => Code::ALL.to_vec(),
    };
    let codes = codes.into_iter().map(|code| ApiError::from(Refusal::new(code, ""))).collect();
    session.output.answer(&Explained { codes }).map(|()| exit::OK)
}

/// The code that `XY-110`, `xy110` or `110` stands for.
fn find(text: &str) -> Result<Code, Refusal> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let found = Code::ALL.iter().copied().find(|code| code.as_str().strip_prefix("XY-") == Some(&digits));
    found.ok_or_else(|| Refusal::new(Code::UnknownCode, text))
}

/// The answer of `explain`.
#[derive(Serialize)]
struct Explained {
    codes: Vec<ApiError>,
}

impl Show for Explained {
    /// Both languages always: whoever asks may be helping someone who reads the other.
    fn show(&self, _: Lang) -> String {
        let mut text = String::new();
        for error in &self.codes {
            let side = |lang| error.side().map(|side| i18n::side(lang, side)).unwrap_or_default();
            text.push_str(&format!("[{}]\n", error.code));
            text.push_str(&format!("  {}；{}（责任：{}）\n", error.message_zh, error.advice_zh, side(Lang::Zh)));
            text.push_str(&format!("  {}; {} (side: {})\n", error.message_en, error.advice_en, side(Lang::En)));
        }
        text
    }
}

/// The answer of `completions --json`.
#[derive(Serialize)]
struct Script {
    shell: String,
    script: String,
}

impl Show for Script {
    fn show(&self, _: Lang) -> String {
        self.script.clone()
    }
}

pub(super) fn completions(session: &Session, args: &args::Completions) -> Outcome {
    let command = Cli::command();
    let mut command = session.output.lang.pick(zh::localise(command.clone()), command);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "xiangyue", &mut script);
    let script = Script { shell: args.shell.to_string(), script: String::from_utf8_lossy(&script).into_owned() };
    session.output.answer(&script).map(|()| exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for text in ["XY-110", "xy-110", "110", "XY110"] {
            assert_eq!(find(text).unwrap(), Code::UnknownAccount, "{text}");
        }
        assert_eq!(find("XY-999").unwrap_err().code(), Code::UnknownCode);
        assert!(find("").is_err());
    }

    #[test]
    fn an_explanation_speaks_both_languages() {
        let explained = Explained { codes: vec![ApiError::from(Refusal::new(Code::UnknownAccount, ""))] };
        let text = explained.show(Lang::En);
        assert!(text.contains("账户不存在；") && text.contains("unknown account; "), "{text}");
    }
}
