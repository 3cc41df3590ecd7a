//! `shardcast conns`.

use anyhow::Context;
use serde_json::Value;

use super::{
    args::{ConnsArgs, SortBy, State},
    client::Client,
    human,
};
use crate::output::{escape, print, print_error};

/// Prints the connections of a server.
///
/// # Errors
///
/// The server cannot be reached, or its response cannot be read.
pub(crate) fn conns(args: &ConnsArgs) -> anyhow::Result<()> {
    let path = match args.state {
        State::Open => "/connections",
        State::Closed => "/connections?state=closed",
    };
    let page = Client::reader(&args.server).get_page(path)?;
    let mut rows: Vec<Value> =
        serde_json::from_slice(&page.body).context("the server's response is not a list")?;
    if let Some(shards) = page.missing_shards {
        print_error(format_args!(
            "warning: connections of these shards are missing, they do not respond: {shards}"
        ));
    }
    choose(&mut rows, args.shard, args.sort);
    if args.json {
        return print(&(escape::json(&serde_json::to_string(&rows)?).into_owned() + "\n"));
    }
    print(&table(&rows, args.state))
}

/// Keeps those of the shard, in the given order; by default, in that of the server.
fn choose(rows: &mut Vec<Value>, shard: Option<u16>, sort: Option<SortBy>) {
    rows.retain(|row| shard.is_none_or(|shard| row["shard"] == shard));
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap_or_default();
    let Some(sort) = sort else { return };
    rows.sort_by(|one, other| {
        let largest_first = |field| number(other, field).total_cmp(&number(one, field));
        let text = |field| one[field].as_str().cmp(&other[field].as_str());
        match sort {
            SortBy::Id => id_of(one).cmp(&id_of(other)),
            SortBy::Peer => text("peer"),
            SortBy::Listener => text("listener"),
            SortBy::Age => largest_first("age_seconds"),
            SortBy::Idle => largest_first("idle_seconds"),
            SortBy::Queued => largest_first("queued_bytes"),
            SortBy::Received => largest_first("received_bytes"),
            SortBy::Sent => largest_first("sent_bytes"),
            SortBy::Dropped => largest_first("dropped_messages"),
        }
    });
}

fn id_of(row: &Value) -> Option<shardcast::ConnId> {
    row["id"].as_str()?.parse().ok()
}

fn table(rows: &[Value], state: State) -> String {
    let mut head = ["ID", "LISTENER", "PROTOCOL", "PEER"].map(String::from).to_vec();
    if state == State::Closed {
        head.push("REASON".into());
        head.push("CLOSED".into());
    }
    head.extend(["AGE", "IDLE", "RECV", "SENT", "QUEUED", "DROPPED"].map(String::from));
    let mut lines = vec![head];
    for row in rows {
        let text = |field: &str| row[field].as_str().unwrap_or("-").to_owned();
        let seconds = |field: &str| human::seconds(row[field].as_f64().unwrap_or_default());
        let bytes = |field: &str| human::bytes(row[field].as_u64().unwrap_or_default());
        let mut line: Vec<String> = ["id", "listener", "protocol", "peer"].map(text).to_vec();
        if state == State::Closed {
            line.push(text("reason"));
            line.push(seconds("closed_seconds_ago") + " ago");
        }
        line.extend(["age_seconds", "idle_seconds"].map(seconds));
        line.extend(["received_bytes", "sent_bytes", "queued_bytes"].map(bytes));
        line.push(row["dropped_messages"].as_u64().unwrap_or_default().to_string());
        lines.push(line);
    }
    human::table(&lines, if state == State::Closed { 5 } else { 4 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> Vec<Value> {
        let row = |id: &str, shard: u16, queued: u64| {
            json!({"id": id, "shard": shard, "listener": "push", "protocol": null, "peer": "127.0.0.1:5",
                "age_seconds": 3.0, "idle_seconds": 0.5, "received_bytes": 8, "sent_bytes": 2048,
                "queued_bytes": queued, "dropped_messages": 0})
        };
        vec![row("0-10-0", 0, 5), row("0-9-0", 0, 7), row("1-2-0", 1, 6)]
    }

    #[test]
    fn chosen_and_sorted_as_asked() {
        let ids = |shard, sort| {
            let mut rows = rows();
            choose(&mut rows, shard, sort);
            rows.iter().map(|row| row["id"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None), ["0-10-0", "0-9-0", "1-2-0"]);
        assert_eq!(ids(None, Some(SortBy::Id)), ["0-9-0", "0-10-0", "1-2-0"]);
        assert_eq!(ids(None, Some(SortBy::Queued)), ["0-9-0", "1-2-0", "0-10-0"]);
        assert_eq!(ids(Some(1), None), ["1-2-0"]);
    }

    #[test]
    fn a_table_has_a_line_per_connection() {
        let text = table(&rows()[..1], State::Open);
        let expected = "ID      LISTENER  PROTOCOL  PEER          AGE   IDLE  RECV  SENT  QUEUED  DROPPED\n\
                        0-10-0  push      -         127.0.0.1:5  3.0s  500ms     8  2.0K       5        0\n";
        assert_eq!(text, expected);
        assert_eq!(table(&[], State::Closed).lines().count(), 1);
    }
}
