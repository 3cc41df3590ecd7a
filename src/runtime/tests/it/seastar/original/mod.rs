//! The cases of Seastar's own tests of its RPC, `tests/unit/rpc_test.cc` at commit 525fcc86: each has a test here with its
//! name, and asserts what the original asserts of what peers and applications see.
//!
//! | case | what is different here |
//! | --- | --- |
//! | `test_rpc_connect_abort`, `test_stream_negotiation_error`, `test_stream_connection_error` | A relay cuts the connection; the original has sockets in memory that fail. |
//! | `test_rpc_client_send_glitch`, `test_rpc_server_send_glitch` | The relay cuts after each number of bytes, not of operations, so also within a frame. |
//! | `test_rpc_send_timeout_on_connect` | The server does not answer the negotiation. |
//! | `test_rpc_cancel`, `test_timeout_cancel` | Dropping the future cancels. A request is withdrawn until it was given to the connection, and the original sends the first in its queue nevertheless. |
//! | `test_rpc_remote_verb_error` | The text is that of the handler's error. |
//! | `test_max_absolute_timeout` | Time-outs are relative. |
//! | `test_client_info` | A connection has one value of each type instead of values by name. |
//! | `test_retrieve_missing_auxiliary_wait_handler`, `…_no_wait_handler` | What is missing is made, so the handler aborts the connection itself. |
//! | `test_rpc_metric_domains` | The negotiation is not counted. |
//! | `test_lz4_compressor`, `test_lz4_fragmented_compressor` | A frame is in one piece when it is compressed. |
//! | `test_rpc_stream_backpressure_across_shards` | As many messages as in a debug build of the original. There is no backlog of tasks to be measured: a sink waits for its window. |
//!
//! Two cases have no counterpart:
//!
//! | case | why |
//! | --- | --- |
//! | `test_loggers` | There is no logger to be set: all of Shardcast logs through `tracing`, whose subscriber belongs to the program. |
//! | `test_retrieve_missing_auxiliary_standalone` | A [`Context`](shardcast::Context) without a connection cannot be made. |

mod calls;
mod compression;
mod handlers;
mod queues;
mod streams;

/// The second verb of most cases.
const SUM: shardcast::seastar::Verb<(i32, i32), i32> = shardcast::seastar::Verb::new(1);
