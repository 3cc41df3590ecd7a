use super::{prometheus::read, *};
use crate::admin::metrics::render;

#[test]
fn the_metrics_keep_the_rules_of_the_format() {
    let page = render(&Fake::default());
    let series = read(&page).unwrap_or_else(|error| panic!("{error}\n{page}"));
    let listener = "shard=\"1\",listener=\"push \\\"a\\\\b\\\"\\n\",proto=\"tars-framed\"";
    let queue = "shard=\"0\",queue=\"re\\\"ports\\\"\"";
    for (name, value) in [
        (format!("shardcast_connections{{{listener}}}"), 3.0),
        (format!("shardcast_connections_opened_total{{{listener}}}"), 5.0),
        (format!("shardcast_connections_closed_total{{{listener},code=\"idle\"}}"), 1.0),
        (format!("shardcast_push_dropped_total{{{listener},policy=\"drop-oldest\"}}"), 9.0),
        ("shardcast_shard_busy_seconds_total{shard=\"0\"}".into(), 1.5),
        ("shardcast_shard_info{shard=\"0\",cpu=\"4\"}".into(), 1.0),
        ("shardcast_shard_info{shard=\"1\",cpu=\"\"}".into(), 1.0),
        (format!("shardcast_task_queue_shares{{{queue}}}"), 100.0),
        (format!("shardcast_task_queue_run_seconds_total{{{queue}}}"), 2.5),
        (format!("shardcast_task_queue_polls_total{{{queue}}}"), 21.0),
        (format!("shardcast_task_queue_tasks{{{queue}}}"), 2.0),
        (format!("shardcast_calls_total{{{listener},object=\"A.B.C\"}}"), 8.0),
        (format!("shardcast_calls_total{{{listener},verb=\"7\"}}"), 3.0),
        (format!("shardcast_calls_total{{{listener},verb=\"others\"}}"), 0.0),
        (format!("shardcast_verb_waits_total{{{listener},verb=\"7\"}}"), 2.0),
        (format!("shardcast_verb_seconds_bucket{{{listener},verb=\"7\",le=\"0.001\"}}"), 2.0),
        (format!("shardcast_verb_seconds_count{{{listener},verb=\"7\"}}"), 3.0),
        (format!("shardcast_calls_failed_total{{{listener},reason=\"overload\"}}"), 4.0),
        (format!("shardcast_calls_waiting{{{listener}}}"), 1.0),
        ("shardcast_client_calls_total{domain=\"prices\"}".into(), 9.0),
        ("shardcast_client_calls_failed_total{domain=\"prices\",reason=\"timed-out\"}".into(), 5.0),
        ("shardcast_client_delay_seconds_total{domain=\"prices\"}".into(), 1.5),
        ("shardcast_proxy_calls_total{object=\"A.B.\\\"Obj\\\"\"}".into(), 7.0),
        ("shardcast_proxy_calls_failed_total{object=\"A.B.\\\"Obj\\\"\",reason=\"timed-out\"}".into(), 3.0),
        ("shardcast_proxy_endpoints{object=\"A.B.\\\"Obj\\\"\",state=\"usable\"}".into(), 2.0),
        ("shardcast_topics{shard=\"1\"}".into(), 12.0),
        ("shardcast_push_delivered_total{shard=\"0\"}".into(), 34.0),
        ("shardcast_resumes_total{shard=\"1\",result=\"gap\"}".into(), 6.0),
        ("shardcast_memory_max_bytes".into(), 1_073_741_824.0),
        ("shardcast_memory_pressure".into(), 2.0),
        ("shardcast_draining".into(), 0.0),
        (format!("shardcast_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
        ("shardcast_push_latency_seconds_bucket{shard=\"1\",le=\"0.00001\"}".into(), 98.0),
        ("shardcast_push_latency_seconds_bucket{shard=\"1\",le=\"0.0025\"}".into(), 99.0),
        ("shardcast_push_latency_seconds_bucket{shard=\"1\",le=\"+Inf\"}".into(), 100.0),
        ("shardcast_push_latency_seconds_count{shard=\"0\"}".into(), 100.0),
    ] {
        assert_eq!(series.get(&name), Some(&value), "{name}\n{page}");
    }
}

#[test]
fn every_metric_of_a_shard_has_its_label() {
    let page = render(&Fake::default());
    for name in read(&page).expect("the rules are kept").keys() {
        let whole_process = [
            "process_",
            "shardcast_memory_",
            "shardcast_draining",
            "shardcast_build_info",
            "shardcast_config_",
            "shardcast_log_",
            "shardcast_proxy_",
            "shardcast_client_calls_",
            "shardcast_client_delay_",
            "shardcast_clients",
        ];
        if !whole_process.iter().any(|prefix| name.starts_with(prefix)) {
            assert!(name.contains("{shard=\""), "{name}");
        }
    }
}

#[test]
fn the_process_is_measured() {
    let series = read(&render(&Fake::default())).expect("the rules are kept");
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(series.contains_key(name), "{name}");
    }
    assert!(series["process_resident_memory_bytes"] > 100_000.0);
    assert!(series["process_start_time_seconds"] > 1.6e9);
}
