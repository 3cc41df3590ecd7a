//! A server of Tars RPC: the servant of `tars/hello.tars`, for clients in any language.
//!
//! Watch: a call that waits (`slow`) delays no other, also on the same connection; pushes are typed, and end with their
//! connection.
#![forbid(unsafe_code)]

use std::{cell::Cell, error::Error, time::Duration};

use clap::Parser;
use shardcast::{
    Failure, Listener, SendError, Server,
    tars::rpc::{Adapter, CallContext},
    task,
};
use shardcast_examples::{End, ready};

use idl::test_app::{All, HelloDispatcher, HelloEchoReply, HelloServant, PushSender};

mod idl {
    shardcast::include_tars!();
}

#[derive(Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:10100")]
    listen: String,
    /// Shards to run; all cores if not given.
    #[arg(long)]
    shards: Option<u16>,
}

struct Hello;

impl HelloServant for Hello {
    async fn hello(&self, _cx: &CallContext, no: i32, name: String) -> Result<String, Failure> {
        Ok(format!("hello {name} #{no}"))
    }

    async fn echo(&self, _cx: &CallContext, r#in: All) -> Result<HelloEchoReply, Failure> {
        let ret = i32::try_from(r#in.ints.len()).map_err(|_| Failure::new(1, "too many ints"))?;
        Ok(HelloEchoReply { ret, result: r#in })
    }

    async fn fail(&self, _cx: &CallContext, code: i32, why: String) -> Result<(), Failure> {
        Err(Failure::new(code, why))
    }

    async fn slow(&self, _cx: &CallContext, ms: i32) -> Result<i32, Failure> {
        task::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
        Ok(ms)
    }

    async fn context(&self, cx: &CallContext, name: String) -> Result<String, Failure> {
        cx.set_response_context("seen", &name);
        Ok(cx.context_value(&name).unwrap_or_default())
    }

    async fn register_push(&self, cx: &CallContext, interval_ms: i32) -> Result<i32, Failure> {
        let interval = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(0).max(1));
        let connection = cx.connection().clone();
        // State of the connection: the last registration counts.
        let local = connection.local().ok_or_else(|| Failure::new(1, "the connection has ended"))?;
        let registrations = local.state(|| Cell::new(0_u64));
        let own = registrations.get() + 1;
        registrations.set(own);
        local.spawn("push", async move {
            for n in 0_u64.. {
                task::sleep(interval).await;
                if registrations.get() != own {
                    break;
                }
                // A peer that does not read misses some, which is counted.
                if connection.push(PushSender::push_msg(&format!("push {n}"))) == Err(SendError::Closed) {
                    break;
                }
            }
        });
        Ok(0)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let end = End::watch()?;
    let args = Args::parse();
    let adapter = Adapter::over(Listener::new("hello", args.listen))
        .servant("TestApp.HelloServer.HelloObj", |_| HelloDispatcher::new(Hello));
    let mut builder = Server::builder().listen(adapter.listener());
    if let Some(shards) = args.shards {
        builder = builder.shards(shards);
    }
    let server = builder.start()?;
    ready(server.address("hello")?);
    end.wait(None);
    Ok(server.stop()?)
}
