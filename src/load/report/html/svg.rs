//! The SVG of the plots: scales, axes, lines.

use std::fmt::Write as _;

/// Maps values to places on an axis.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    /// Places of `low` and `high`.
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Scale {
    /// Equal differences are equal distances.
    pub(super) fn linear((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to, logarithmic: false }
    }

    /// Equal ratios are equal distances. `low` is above 0.
    pub(super) fn logarithmic((low, high): (f64, f64), places: (f64, f64)) -> Self {
        let scale = Self::linear((low.ln(), high.ln()), places);
        Self { logarithmic: true, ..scale }
    }

    /// The place of a value; values outside are put at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let part = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + part * (self.to - self.from)
    }

    /// Round values between the ends, in order; about `wanted` of them.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<f64> {
        if self.logarithmic {
            return log_ticks(self.low.exp(), self.high.exp(), wanted);
        }
        let step = round_step((self.high - self.low) / wanted.max(1) as f64);
        let first = (self.low / step).ceil() as i64;
        (first..).map(|it| it as f64 * step).take_while(|it| *it <= self.high + step * 1e-9).collect()
    }
}

/// The 1, 2 and 5 of each decade, or only the 1 when there are many decades.
fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let decades = (high / low).log10();
    let steps: &[f64] = if decades * 3.0 <= wanted as f64 + 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
    all.filter(|it| *it >= low * (1.0 - 1e-9) && *it <= high * (1.0 + 1e-9)).collect()
}

/// The next of 1, 2, 5, 10, … times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-12).log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|it| it * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// `low` and `high`, moved apart to values that are round on a logarithmic axis.
pub(super) fn round_log_range(low: f64, high: f64) -> (f64, f64) {
    let round_down = |value: f64| {
        let power = 10f64.powf(value.log10().floor());
        [5.0, 2.0, 1.0].into_iter().map(|it| it * power).find(|it| *it <= value).unwrap_or(power)
    };
    let round_up = |value: f64| {
        let power = 10f64.powf(value.log10().floor());
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= value).unwrap_or(power * 10.0)
    };
    let (low, high) = (round_down(low.max(1.0)), round_up(high.max(1.0)));
    (low, if high >= low * 4.0 { high } else { low * 5.0 })
}

/// A plot that is being written: a frame, and what is in it.
pub(super) struct Plot {
    out: String,
}

/// The inside of the frame, in units of the drawing.
pub(super) const LEFT: f64 = 64.0;
pub(super) const RIGHT: f64 = 944.0;
pub(super) const TOP: f64 = 14.0;

const WIDTH: f64 = 960.0;
/// Below the frame: labels of the axis.
const FOOT: f64 = 30.0;

impl Plot {
    /// A frame that ends at `bottom`; `label` describes it for screen readers.
    pub(super) fn new(bottom: f64, label: &str) -> Self {
        let out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">\n",
            bottom + FOOT,
            escape(label)
        );
        Self { out }
    }

    /// Lines across, with their labels at the left.
    pub(super) fn y_axis(&mut self, scale: &Scale, ticks: &[f64], label: impl Fn(f64) -> String) {
        for &tick in ticks {
            let y = scale.place(tick);
            self.line("grid", (LEFT, y), (RIGHT, y));
            self.text("tick end", (LEFT - 8.0, y + 4.0), &label(tick));
        }
    }

    /// Lines down to `bottom`, with their labels below.
    pub(super) fn x_axis(&mut self, scale: &Scale, bottom: f64, ticks: &[(f64, String)]) {
        for (tick, label) in ticks {
            let x = scale.place(*tick);
            self.line("grid", (x, TOP), (x, bottom));
            self.text("tick middle", (x, bottom + 19.0), label);
        }
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        self.add(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text)));
    }

    /// A line through points, with a gap where there is no point.
    pub(super) fn curve(&mut self, class: &str, points: impl IntoIterator<Item = Option<(f64, f64)>>) {
        let path = path(points);
        if !path.is_empty() {
            self.add(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
    }

    /// The area between a line and `bottom`.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)], bottom: f64) {
        let [(first, _), .., (last, _)] = points else { return };
        let line = path(points.iter().copied().map(Some));
        self.add(format_args!(
            "<path class=\"{class}\" d=\"{line}L{last:.1} {bottom:.1}L{first:.1} {bottom:.1}Z\"/>"
        ));
    }

    /// A cell, the more opaque the more is in it.
    pub(super) fn cell(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), opacity: f64) {
        self.add(format_args!(
            "<rect class=\"cell\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill-opacity=\"{opacity:.2}\"/>"
        ));
    }

    /// A column that shows `tip` under the pointer.
    pub(super) fn tip(&mut self, (x, width): (f64, f64), bottom: f64, tip: &str) {
        let height = bottom - TOP;
        self.add(format_args!(
            "<rect class=\"tip\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.2}\" height=\"{height:.1}\" data-tip=\"{}\"/>",
            escape(tip)
        ));
    }

    /// The whole plot.
    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{element}");
    }
}

fn path(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for point in points {
        if let Some((x, y)) = point {
            let _ = write!(path, "{}{x:.1} {y:.1}", if is_down { 'L' } else { 'M' });
        }
        is_down = point.is_some();
    }
    path
}

/// `text` as HTML text, or as the value of an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let linear = |low, high| Scale::linear((low, high), (0.0, 1.0)).ticks(5);
        assert_eq!(linear(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(linear(0.0, 0.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        let logarithmic = |low, high| Scale::logarithmic((low, high), (0.0, 1.0)).ticks(8);
        assert_eq!(logarithmic(5000.0, 100_000.0), [5000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0]);
        assert_eq!(logarithmic(1000.0, 1e9), [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]);
    }

    #[test]
    fn a_range_has_room_for_its_values() {
        for (low, high, expected) in [
            (7408.0, 24_494_079.0, (5000.0, 50_000_000.0)),
            (0.0, 0.0, (1.0, 5.0)),
            (1000.0, 1000.0, (1000.0, 5000.0)),
            (8000.0, 9000.0, (5000.0, 25_000.0)),
        ] {
            assert_eq!(round_log_range(low, high), expected);
        }
    }

    #[test]
    fn values_outside_are_put_at_the_end() {
        let scale = Scale::logarithmic((10.0, 1000.0), (0.0, 100.0));
        assert_eq!([0.0, 10.0, 100.0, 1e9].map(|it| scale.place(it).round()), [0.0, 0.0, 50.0, 100.0]);
    }

    #[test]
    fn what_html_would_read_as_markup_is_escaped() {
        assert_eq!(escape("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }
}
