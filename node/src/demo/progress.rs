//! Progress of the demo on standard error: one bar a step, none when nobody watches.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::i18n::Lang;

/// All bars.
pub(super) struct Bars {
    all: MultiProgress,
    lang: Lang,
}

/// One step.
pub(super) struct Bar(ProgressBar);

impl Bars {
    pub(super) fn new(lang: Lang) -> Bars {
        Bars { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), lang }
    }

    /// A step of `total` parts.
    pub(super) fn begin(&self, zh: &str, en: &str, total: u64) -> Bar {
        let bar = self.all.add(ProgressBar::new(total));
        let style = ProgressStyle::with_template("{msg:36} {bar:24} {pos:>3}/{len:<3} {elapsed_precise}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(self.lang.pick(zh, en).to_owned());
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Bar(bar)
    }
}

impl Bar {
    pub(super) fn inc(&self, parts: u64) {
        self.0.inc(parts);
    }

    pub(super) fn set(&self, parts: u64) {
        self.0.set_position(parts);
    }

    pub(super) fn finish(&self) {
        self.0.finish();
    }
}
