//! What was wrong with the command line, in either language.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use xiangyue_protocol::{Code, Refusal};

use crate::api::client::Failure;
use crate::i18n::Lang;
use crate::tables::citizen::mask_shapes;

/// The refusal that stands for clap's error. A value that one of our own types refused keeps its code.
pub(super) fn explain(error: &Error, lang: Lang) -> Failure {
    let argument = context(error, ContextKind::InvalidArg);
    let inner = error.source().and_then(|source| source.downcast_ref::<Refusal>());
    if let Some(refusal) = inner {
        let value = context(error, ContextKind::InvalidValue);
        if refusal.detail().strip_prefix(value.as_str()).is_some_and(|hint| hint.starts_with(" (")) {
            return said(refusal.code(), &format!("{argument} {}", refusal.detail()));
        }
        // The type may know what is allowed.
        let allowed = Some(refusal.detail()).filter(|detail| !detail.is_empty() && !value.contains(detail));
        let allowed = allowed.map_or_else(String::new, |detail| format!(" ({detail})"));
        return said(refusal.code(), &format!("{argument} {value:?}{allowed}"));
    }
    said(Code::Usage, &lang.pick(zh(error, &argument), en(error)))
}

/// A mistyped line may hold a citizen id, which is never shown.
fn said(code: Code, detail: &str) -> Failure {
    Refusal::new(code, mask_shapes(detail)).into()
}

/// The first paragraph of clap's own message.
fn en(error: &Error) -> String {
    let text = anstream::adapter::strip_str(&error.to_string()).to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let text = lines.collect::<Vec<_>>().join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

fn zh(error: &Error, argument: &str) -> String {
    let value = context(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} 缺少取值"),
        ErrorKind::InvalidValue => {
            let valid = context(error, ContextKind::ValidValue);
            let valid = if valid.is_empty() { valid } else { format!("，可选：{valid}") };
            format!("{argument} 不能取 {value:?}{valid}")
        }
        ErrorKind::ValueValidation => format!("{argument} 不能取 {value:?}"),
        ErrorKind::UnknownArgument => {
            let near = context(error, ContextKind::SuggestedArg);
            if near.is_empty() {
                format!("没有参数 {argument}")
            } else {
                format!("没有参数 {argument}，是否为 {near}？")
            }
        }
        ErrorKind::InvalidSubcommand => {
            let near = context(error, ContextKind::SuggestedSubcommand).replace(' ', "、");
            let name = context(error, ContextKind::InvalidSubcommand);
            if near.is_empty() {
                format!("没有命令 {name}")
            } else {
                format!("没有命令 {name}，是否为 {near}？")
            }
        }
        ErrorKind::MissingRequiredArgument => format!("缺少 {argument}"),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let valid = context(error, ContextKind::ValidSubcommand).replace(' ', "、");
            if valid.is_empty() { "缺少命令".to_owned() } else { format!("缺少命令，可选：{valid}") }
        }
        ErrorKind::ArgumentConflict => {
            let other = context(error, ContextKind::PriorArg);
            if other == argument || other.is_empty() {
                format!("{argument} 只能给出一次")
            } else {
                format!("{argument} 不能与 {other} 同时使用")
            }
        }
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{argument} 的取值个数不对")
        }
        ErrorKind::InvalidUtf8 => "参数不是 UTF-8 文字".to_owned(),
        _ => en(error),
    }
}

fn context(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;
    use crate::cli::zh::localise;

    fn wrong(line: &str, lang: Lang) -> (String, String) {
        let command = lang.pick(localise(Cli::command()), Cli::command());
        let error = command.try_get_matches_from(line.split_whitespace()).expect_err(line);
        let failure = explain(&error, lang);
        (failure.error().code.clone(), failure.error().detail.clone())
    }

    #[test]
    fn chinese_users_are_told_in_chinese() {
        let detail = |line| wrong(line, Lang::Zh).1;
        assert_eq!(detail("xiangyue demos"), "没有命令 demos，是否为 demo？");
        assert_eq!(detail("xiangyue status --jsno"), "没有参数 --jsno，是否为 --json？");
        assert_eq!(detail("xiangyue balance"), "缺少 <ACCOUNT>");
        assert_eq!(detail("xiangyue enroll --json"), "缺少命令，可选：token、join");
        assert_eq!(detail("xiangyue import a --kind houshold"), "--kind <KIND> houshold (户 household)");
        assert!(detail("xiangyue import a --dry-run --skip-bad b").contains("不能与"));
    }

    #[test]
    fn a_value_refused_by_its_type_keeps_its_code() {
        let (code, detail) = wrong("xiangyue award A R 5 --request S --date 2026-13-01", Lang::En);
        assert_eq!((code.as_str(), detail.as_str()), ("XY-103", "--date <DATE> \"2026-13-01\""));
        assert_eq!(wrong("xiangyue award A R 0 --request S", Lang::Zh).0, "XY-104");
        assert_eq!(wrong("xiangyue award A R -5 --request S", Lang::Zh).0, "XY-104", "a number, and not in range");
        let (code, detail) = wrong("xiangyue export people --format csv --out x", Lang::Zh);
        assert_eq!(code, "XY-105");
        assert!(detail.starts_with("<WHAT> \"people\" (accounts, entries,") && detail.contains("balances"), "{detail}");
        assert_eq!(wrong("xiangyue init township --code 12 --name x", Lang::Zh).0, "XY-101");
    }

    #[test]
    fn english_keeps_the_library_s_words() {
        let (code, detail) = wrong("xiangyue balance", Lang::En);
        assert_eq!(code, "XY-310");
        assert_eq!(detail, "the following required arguments were not provided: <ACCOUNT>");
    }
}
