//! A bar on a terminal; nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shardcast_load::generator::Progress;

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(10));
        let template = "{spinner:.cyan} [{bar:40.cyan/dim}] {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self(bar)
    }

    pub(super) fn show(&self, progress: &Progress) {
        let (elapsed, total) = (progress.elapsed.as_secs_f64(), progress.total.as_secs_f64());
        self.0.set_position((elapsed / total.max(1e-9) * STEPS as f64) as u64);
        let rate = progress.received as f64 / elapsed.max(1e-3);
        self.0.set_message(format!("{elapsed:.1} of {total:.1} s, {rate:.0} messages/s"));
    }

    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}

const STEPS: u64 = 1000;
