use super::*;
use crate::report::{Buckets, Interval, Summary, Test};

fn report() -> Report {
    let buckets = |scale: u64| Buckets((1..100).map(|it| (it * scale, 100 - it)).collect());
    let summary = |scale| Summary {
        count: 4950,
        min: scale,
        p50: 30 * scale,
        p99: 95 * scale,
        max: 99 * scale,
        buckets: buckets(scale),
        ..Summary::default()
    };
    let interval = |number: u32| Interval {
        at_s: f64::from(number) * 0.1,
        seconds: 0.1,
        sent: 100,
        received: 90,
        latency: if number == 7 { Buckets::default() } else { buckets(1000) },
        ..Interval::default()
    };
    Report {
        test: Test {
            kind: "echo".into(),
            connections: 2,
            r#loop: "open".into(),
            rate: Some(1e3),
            time_s: 20.0,
            ..Test::default()
        },
        latency: summary(1000),
        service: summary(900),
        pacing: summary(1),
        intervals: (0..200).map(interval).collect(),
        warnings: vec!["a < b & \"c\"".to_owned()],
        ..Report::default()
    }
}

#[test]
fn the_page_needs_nothing_from_anywhere() {
    let page = render(&report());
    for reference in ["http", "//", "src=", "href", "@import", "url(", "<link", "<img", "fetch("] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn every_plot_is_there_and_has_numbers_only() {
    let page = render(&report());
    assert_eq!(page.matches("<svg ").count(), 4);
    assert_eq!(page.matches("</svg>").count(), 4);
    for wrong in ["NaN", "inf", "=\"-"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    assert!(page.contains("<dt>p99</dt><dd>95.0 <small>us</small></dd>"), "{page}");
    assert!(page.contains("a &lt; b &amp; &quot;c&quot;"));
}

#[test]
fn a_result_without_any_message_has_a_page_too() {
    let page = render(&Report { intervals: vec![Interval::default()], ..Report::default() });
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    render(&Report::default());
}

#[test]
fn times_are_of_the_calendar() {
    for (unix_s, text) in [
        (0, "1970-01-01 00:00 UTC"),
        (951_782_400, "2000-02-29 00:00 UTC"),
        (1_735_689_599, "2024-12-31 23:59 UTC"),
        (4_102_444_800, "2100-01-01 00:00 UTC"),
    ] {
        assert_eq!(utc(unix_s), text);
    }
}
