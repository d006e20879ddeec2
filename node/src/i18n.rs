//! Languages, and how numbers and times are written for people. The command line and the console use it.
//!
//! Longer texts stand beside the code that prints them, in both languages, through [`Lang::pick`].

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Millis, Refusal, Side};

/// A language for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The text of this language.
    pub fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// `zh` or `en`.
    pub fn as_str(self) -> &'static str {
        self.pick("zh", "en")
    }

    /// The language of the locale: the first of `LC_ALL`, `LC_MESSAGES`, `LANG` that is set and not empty.
    /// Chinese when it names Chinese, English otherwise.
    pub fn from_locale(env: impl Fn(&str) -> Option<String>) -> Lang {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
        match locale {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        }
    }
}

impl FromStr for Lang {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "zh" => Ok(Lang::Zh),
            "en" => Ok(Lang::En),
            _ => Err(Refusal::new(Code::BadValue, text)),
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose side a refusal lies on, in words.
pub fn side(lang: Lang, side: Side) -> &'static str {
    match side {
        Side::Input => lang.pick("录入的内容", "what was entered"),
        Side::Peer => lang.pick("对方节点", "the other node"),
        Side::Version => lang.pick("两端版本不同", "versions differ; neither is at fault"),
        Side::Local => lang.pick("本节点", "this node"),
    }
}

/// A whole number with a comma every three digits.
pub fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The same for a count.
pub fn count(value: u64) -> String {
    thousands(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A size: whole bytes below 1 KiB, then one decimal of KiB, MiB, GiB.
pub fn bytes(value: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", value / unit, value % unit * 10 / unit),
        None => format!("{value} B"),
    }
}

/// A duration as the largest unit that fits: `3 分钟`, `3 min`.
pub fn span(lang: Lang, millis: u64) -> String {
    let seconds = millis / 1000;
    let (value, zh, en) = match seconds {
        0..60 => (seconds, "秒", "s"),
        60..3_600 => (seconds / 60, "分钟", "min"),
        3_600..172_800 => (seconds / 3_600, "小时", "h"),
        _ => (seconds / 86_400, "天", "days"),
    };
    format!("{value} {}", lang.pick(zh, en))
}

/// How long before `now` something happened, in words; `None` is "never".
pub fn ago(lang: Lang, now: Millis, then: Option<Millis>) -> String {
    let Some(then) = then else { return lang.pick("从未", "never").to_owned() };
    let passed = now.0.saturating_sub(then.0);
    if passed < 5_000 {
        return lang.pick("刚刚", "just now").to_owned();
    }
    let span = span(lang, passed);
    lang.pick(format!("{span}前"), format!("{span} ago"))
}

/// A moment in Chinese time (UTC+8), to the second.
pub fn moment(at: Millis) -> String {
    let timestamp = Timestamp::from_second(at.seconds()).unwrap_or(Timestamp::MAX);
    Offset::constant(8).to_datetime(timestamp).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The system's time. Only people's eyes depend on it here; the node keeps a trusted time of its own.
pub fn now() -> Millis {
    Millis(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_chooses_the_language() {
        let lang = |set: &'static [(&str, &str)]| {
            Lang::from_locale(move |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(lang(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(lang(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(lang(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW"), ("LANG", "en_US")]), Lang::Zh);
        assert_eq!(lang(&[]), Lang::En);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(-1_000), "-1,000");
        assert_eq!(thousands(1_018_717), "1,018,717");
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
        assert_eq!(bytes(3 << 40), "3072.0 GiB");
    }

    #[test]
    fn times_are_told_in_words() {
        let now = Millis(10_000_000_000);
        assert_eq!(ago(Lang::Zh, now, Some(Millis(now.0 - 180_000))), "3 分钟前");
        assert_eq!(ago(Lang::En, now, Some(Millis(now.0 - 7_200_000))), "2 h ago");
        assert_eq!(ago(Lang::Zh, now, Some(Millis(now.0 + 9))), "刚刚");
        assert_eq!(ago(Lang::En, now, None), "never");
        assert_eq!(moment(Millis(1_611_590_400_000)), "2021-01-26 00:00:00");
    }
}
