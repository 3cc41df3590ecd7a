//! Sinks and sources.

use std::{convert::Infallible, fmt::Display, time::Duration};

use shardcast::{
    Server,
    seastar::{Client, Protocol, Registry, Sink, SinkRef, Source, StreamError, Verb},
    task,
};

use super::{Layout, Site, run_on};

const SUM: Verb<(i32, Source<i32>), i64> = Verb::new(4);
const TO_SUM: Verb<(i32, SinkRef<i32>), i64> = Verb::new(4);
const GOT: Verb<(i32, Source<i32>), SinkRef<String>> = Verb::new(5);
const TO_GOT: Verb<(i32, SinkRef<i32>), Source<String>> = Verb::new(5);
const UNKNOWN: Verb<(), ()> = Verb::new(999);
const DROP: Verb<Source<String>, i32> = Verb::new(14);
const TO_DROP: Verb<SinkRef<String>, i32> = Verb::new(14);

fn text<T>(result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

async fn got(mut source: Source<i32>, mut sink: Sink<String>) -> Result<(), StreamError> {
    while let Some(number) = source.recv().await? {
        sink.send(&format!("got {number}")).await?;
    }
    sink.finish().await
}

fn handlers(registry: &Registry) {
    registry.on(SUM, async |_cx, (_, mut source): (i32, Source<i32>)| {
        let mut sum = 0;
        while let Some(number) = source.recv().await? {
            sum += i64::from(number);
        }
        Ok::<_, StreamError>(sum)
    });
    registry.on(GOT, async |_cx, (_, source): (i32, Source<i32>)| {
        let sink = source.make_sink::<String>()?;
        let reference = sink.reference();
        task::spawn("got", async move { _ = got(source, sink).await });
        Ok::<_, StreamError>(reference)
    });
    registry.on(DROP, async |_cx, source: Source<String>| {
        drop(source);
        Ok::<_, Infallible>(1)
    });
}

fn site(layout: Layout) -> Site {
    Site::new(layout, Protocol::default(), handlers)
}

#[test]
fn a_stream_goes_in_both_directions() {
    for layout in Layout::ALL {
        for _ in 0..4 {
            let (sum, texts) = site(layout).run(async move |client: Client| {
                let mut sink = text(client.open_sink::<i32>().await)?;
                let summed = client.call(TO_SUM, &(666, sink.reference()));
                for number in 1..=100 {
                    text(sink.send(&number).await)?;
                }
                text(sink.finish().await)?;
                let sum = text(summed.await)?;

                let mut sink = text(client.open_sink::<i32>().await)?;
                let mut source = text(client.call(TO_GOT, &(666, sink.reference())).await)?;
                let mut texts = Vec::new();
                for number in 1..=100 {
                    text(sink.send(&number).await)?;
                    texts.extend(text(source.recv().await)?);
                }
                text(sink.finish().await)?;
                assert_eq!(source.recv().await, Ok(None));
                assert_eq!(source.recv().await, Err(StreamError::AlreadyClosed));
                Ok::<_, String>((sum, texts))
            });
            assert_eq!(sum, 5050);
            assert_eq!(texts, (1..=100).map(|number| format!("got {number}")).collect::<Vec<_>>());
        }
    }
}

/// A sink that is dropped is not taken for the end of its stream.
#[test]
fn a_dropped_sink_fails_the_source() {
    for layout in Layout::ALL {
        let result = site(layout).run(async move |client: Client| {
            let mut sink = text(client.open_sink::<i32>().await)?;
            let summed = client.call(TO_SUM, &(666, sink.reference()));
            text(sink.send(&1).await)?;
            text(sink.flush().await)?;
            // The call has its stream once a later one was answered.
            assert!(client.call(UNKNOWN, &()).await.is_err());
            drop(sink);
            Ok::<_, String>(summed.await.map_err(|error| error.to_string()))
        });
        let error = result.unwrap_err();
        assert!(error.contains("before the end of the stream"), "{error}");
    }
}

/// A source that is dropped fails the sink of the peer, which would wait forever otherwise.
#[test]
fn a_dropped_source_fails_the_sink() {
    for layout in Layout::ALL {
        let error = site(layout).run(async move |client: Client| {
            let mut sink = text(client.open_sink::<String>().await)?;
            assert_eq!(client.call(TO_DROP, &sink.reference()).await, Ok(1));
            loop {
                if let Err(error) = sink.send(&"x".repeat(1000)).await {
                    return Ok::<_, String>(error);
                }
            }
        });
        assert_eq!(error, StreamError::Closed);
    }
}

/// An id is used once, and only on the connection that its stream belongs to.
#[test]
fn the_id_of_a_stream_is_for_one_call_of_its_connection() {
    for layout in Layout::ALL {
        let site = site(layout);
        let address = site.server.address("rpc").unwrap();
        let errors = site.run(async move |client: Client| {
            let sink = text(client.open_sink::<i32>().await)?;
            let other = text(Client::builder(address).connect())?;
            let foreign = other.call(TO_SUM, &(0, sink.reference())).await.unwrap_err();
            let first = client.call(TO_SUM, &(0, sink.reference()));
            let again = client.call(TO_SUM, &(0, sink.reference())).await.unwrap_err();
            text(sink.finish().await)?;
            assert_eq!(first.await, Ok(0));
            Ok::<_, String>([foreign, again].map(|error| error.to_string()))
        });
        assert!(errors.iter().all(|error| error.contains("the id of a stream")), "{errors:?}");
    }
}

/// A call in progress still gets its stream, and is answered; then the connection and its streams end.
#[test]
fn a_drain_lets_a_call_read_its_stream_to_the_end() {
    for layout in Layout::ALL {
        let site = site(layout);
        let clients = Server::builder().shards(1).start().unwrap();
        let (handle, address) = (site.server.handle(), site.address());
        let sum = run_on(&clients, address, async move |client: Client| {
            let mut sink = text(client.open_sink::<i32>().await)?;
            let idle = text(client.open_sink::<i32>().await)?;
            let summed = client.call(TO_SUM, &(666, sink.reference()));
            text(sink.send(&1).await)?;
            // The call is in progress once another one was answered.
            assert!(client.call(UNKNOWN, &()).await.is_err());
            handle.begin_drain(Duration::from_secs(60));
            for number in 2..=1000 {
                text(sink.send(&number).await)?;
                task::yield_now().await;
            }
            text(sink.finish().await)?;
            let sum = text(summed.await)?;
            drop(idle);
            Ok::<_, String>(sum)
        });
        assert_eq!(sum, 500_500);
        site.server.wait().unwrap();
    }
}

/// The response that has the source may come when both directions of the stream have ended.
#[test]
fn a_source_is_found_after_the_end_of_its_stream() {
    for layout in Layout::ALL {
        for _ in 0..10 {
            let texts = site(layout).run(async move |client: Client| {
                let mut sink = text(client.open_sink::<i32>().await)?;
                let called = client.call(TO_GOT, &(666, sink.reference()));
                for number in 1..=3 {
                    text(sink.send(&number).await)?;
                }
                text(sink.finish().await)?;
                // The call is answered meanwhile, and the stream ends.
                task::sleep(Duration::from_millis(5)).await;
                let mut source = text(called.await)?;
                let mut texts = Vec::new();
                while let Some(text) = text(source.recv().await)? {
                    texts.push(text);
                }
                Ok::<_, String>(texts)
            });
            assert_eq!(texts, ["got 1", "got 2", "got 3"]);
        }
    }
}
