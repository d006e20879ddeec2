//! How answers and refusals reach a person or a program.
//!
//! With `--json` standard output carries exactly one JSON object, also for refusals; without it, text on standard
//! output and refusals on standard error. Colours appear only on a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use xiangyue_protocol::{Code, Refusal};

use crate::api::client::Failure;
use crate::api::types::{ApiError, ErrorBody};
use crate::i18n::{self, Lang};

/// Exit codes of the program.
pub(crate) mod exit {
    /// It was done.
    pub(crate) const OK: u8 = 0;
    /// It was refused.
    pub(crate) const REFUSED: u8 = 1;
    /// The command line or the configuration is wrong.
    pub(crate) const USAGE: u8 = 2;
    /// There is no node to ask.
    pub(crate) const UNREACHABLE: u8 = 3;
    /// It was ended by a signal, whose number is added: 130 after Ctrl-C.
    pub(crate) const SIGNALLED: u8 = 128;
}

/// How the code of a refusal looks on a terminal.
const CODE: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// An answer that a person can read.
pub(crate) trait Show: Serialize {
    /// The answer as text, each line ended.
    fn show(&self, lang: Lang) -> String;
}

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) lang: Lang,
    pub(crate) json: bool,
}

impl Output {
    /// Prints an answer.
    pub(crate) fn answer(self, answer: &impl Show) -> Result<(), Failure> {
        if self.json { self.object(answer) } else { self.text(&answer.show(self.lang)) }
    }

    /// Prints text on standard output.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        written(anstream::stdout().lock().write_all(text.as_bytes()))
    }

    /// Prints a refusal and tells the exit code for it.
    pub(crate) fn refusal(self, failure: &Failure) -> u8 {
        let error = failure.error();
        // There is nobody left to tell when these fail.
        let _ = if self.json {
            self.object(&ErrorBody { error: error.clone() })
        } else {
            written(anstream::stderr().lock().write_all(refusal_text(error, self.lang).as_bytes()))
        };
        match failure {
            Failure::Unreachable(_) => exit::UNREACHABLE,
            Failure::Refused(error)
                if [Code::NotReady, Code::NotRunning].iter().any(|code| error.code == code.as_str()) =>
            {
                exit::UNREACHABLE
            }
            Failure::Refused(error) if error.code == Code::BadConfig.as_str() => exit::USAGE,
            Failure::Refused(_) => exit::REFUSED,
        }
    }

    /// Says that the command was ended before it came to an answer.
    pub(crate) fn stopped(self) -> Result<(), Failure> {
        if self.json {
            return self.object(&serde_json::json!({ "stopped": true }));
        }
        written(anstream::stderr().lock().write_all(self.lang.pick("已停止\n", "stopped\n").as_bytes()))
    }

    /// Warns on standard error of variables that look like settings and are none.
    pub(crate) fn strange_variables(self, variables: &[(String, String)]) {
        for (name, near) in variables {
            let warning = self.lang.pick(
                format!("注意：没有设置 {name}，是否为 {near}？\n"),
                format!("attention: there is no setting {name}; did you mean {near}?\n"),
            );
            // There is nobody left to tell when this fails.
            let _ = anstream::stderr().lock().write_all(warning.as_bytes());
        }
    }

    /// Prints one JSON object on one line.
    pub(crate) fn object(self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| Refusal::new(Code::BadValue, error))?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        written(out.write_all(&line).and_then(|()| out.flush()))
    }
}

/// Says something beside the answer, on standard error.
pub(crate) fn note(line: &str) {
    // There is nobody left to tell when this fails.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// A reader that has gone away, as `head` does, is no fault.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Refusal::new(Code::Disk, error).into()),
        _ => Ok(()),
    }
}

/// A refusal in three lines: what, whose side, what to do.
pub(crate) fn refusal_text(error: &ApiError, lang: Lang) -> String {
    let mut text = format!("{CODE}[{}]{CODE:#} {}", error.code, error.message(lang));
    if !error.detail.is_empty() {
        text.push_str(lang.pick("：", ": "));
        text.push_str(&error.detail);
    }
    text.push('\n');
    if let Some(side) = error.side() {
        text.push_str(&format!("  {}{}\n", lang.pick("责任：", "whose side: "), i18n::side(lang, side)));
    }
    if !error.advice(lang).is_empty() {
        text.push_str(&format!("  {}{}\n", lang.pick("处理：", "what to do: "), error.advice(lang)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_whose_side_and_what_to_do() {
        let error = ApiError::from(Refusal::new(Code::UnknownAccount, "A1"));
        let text = |lang| anstream::adapter::strip_str(&refusal_text(&error, lang)).to_string();
        assert_eq!(
            text(Lang::En),
            "[XY-110] unknown account: A1\n  whose side: what was entered\n  \
             what to do: import the account first, or correct the number\n"
        );
        assert!(text(Lang::Zh).starts_with("[XY-110] 账户不存在：A1\n  责任：录入的内容\n  处理：请先"));
    }
}
