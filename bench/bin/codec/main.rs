//! How long one message takes to encode and to decode: in Tars, and in Protocol Buffers by prost.
#![forbid(unsafe_code)]

mod measure;
mod protobuf;
mod tars;

use std::hint::black_box;

use clap::Parser;
use prost::Message;
use shardcast::tars::codec::{DecodeStruct, TarsStruct, TarsWriter};
use shardcast_bench::machine;

use measure::best_ns;

#[derive(Parser)]
struct Args {
    /// Rounds; the best one counts.
    #[arg(long, default_value_t = 60)]
    rounds: u32,
    /// Messages in a round.
    #[arg(long, default_value_t = 20_000)]
    messages: u32,
    /// Only the rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// One line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() {
    let args = Args::parse();
    let wanted = ROWS.iter().filter(|row| row.what.contains(&args.only));
    let figures: Vec<_> =
        wanted.map(|row| (row.what, (row.tars)(&args), row.prost.map(|run| run(&args)))).collect();
    if args.json {
        let cells =
            figures.iter().map(|(what, tars, prost)| (what.to_string(), serde_json::json!([tars, prost])));
        shardcast_bench::say!("{}", serde_json::Value::Object(cells.collect()));
        return;
    }
    shardcast_bench::say!("{}", machine::describe());
    shardcast_bench::say!("{:<26} {:>8} {:>8} {:>7}", "ns of CPU per message", "tars", "prost", "ratio");
    for (what, tars, prost) in figures {
        match prost {
            Some(prost) => shardcast_bench::say!("{what:<26} {tars:>8.1} {prost:>8.1} {:>7.2}", tars / prost),
            None => shardcast_bench::say!("{what:<26} {tars:>8.1}"),
        }
    }
}

/// A figure: what is measured, and how, here and there.
struct Row {
    what: &'static str,
    tars: fn(&Args) -> f64,
    prost: Option<fn(&Args) -> f64>,
}

const ROWS: &[Row] = &[
    Row { what: "encode, reused buffer", tars: encode_reused, prost: Some(prost_encode_reused) },
    Row { what: "encode, new buffer", tars: encode_new, prost: Some(prost_encode_new) },
    Row { what: "decode, owned", tars: decode_owned, prost: Some(prost_decode) },
    Row { what: "decode, borrowed", tars: decode_borrowed, prost: None },
];

fn encode_reused(args: &Args) -> f64 {
    let message = tars::Msg::sample();
    let mut w = TarsWriter::new();
    best_ns(args.rounds, args.messages, || {
        w.clear();
        black_box(&message).write_fields(&mut w);
        black_box(w.as_bytes().as_ptr())
    })
}

fn encode_new(args: &Args) -> f64 {
    let message = tars::Msg::sample();
    best_ns(args.rounds, args.messages, || black_box(&message).to_vec())
}

fn decode_owned(args: &Args) -> f64 {
    let bytes = tars::Msg::sample().to_vec();
    best_ns(args.rounds, args.messages, || {
        black_box(&tars::Msg::from_slice(black_box(&bytes)).expect("a message"));
    })
}

fn decode_borrowed(args: &Args) -> f64 {
    let bytes = tars::Msg::sample().to_vec();
    best_ns(args.rounds, args.messages, || {
        black_box(&tars::MsgRef::from_slice(black_box(&bytes)).expect("a message"));
    })
}

fn prost_encode_reused(args: &Args) -> f64 {
    let message = protobuf::Msg::sample();
    let mut out = Vec::new();
    best_ns(args.rounds, args.messages, || {
        out.clear();
        black_box(&message).encode(&mut out).expect("a growing buffer");
        black_box(out.as_ptr())
    })
}

fn prost_encode_new(args: &Args) -> f64 {
    let message = protobuf::Msg::sample();
    best_ns(args.rounds, args.messages, || black_box(&message).encode_to_vec())
}

fn prost_decode(args: &Args) -> f64 {
    let bytes = protobuf::Msg::sample().encode_to_vec();
    best_ns(args.rounds, args.messages, || {
        black_box(&protobuf::Msg::decode(black_box(&*bytes)).expect("a message"));
    })
}
