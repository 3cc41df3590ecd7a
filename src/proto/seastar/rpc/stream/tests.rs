use super::*;
use crate::seastar::{
    compress::{Algorithm as _, Lz4},
    rpc::BUFFER_KEPT,
};

#[test]
fn a_long_message_leaves_no_memory() {
    let now = Time::from_nanos(0);
    for is_compressed in [false, true] {
        let compressor = || is_compressed.then(|| Lz4.negotiate("LZ4").expect("its name"));
        let open = || {
            let mut stream = Stream::new(StreamConfig::default(), now);
            stream.negotiated(ConnectionId::new(1, 0), compressor(), true);
            stream
        };
        let (mut sender, mut receiver) = (open(), open());
        assert!(sender.open_sink() && receiver.open_source());
        assert_eq!(sender.send(|out| out.resize(out.len() + (10 << 20), 0)), Ok(()));
        let mut sent = vec![0];
        sender.transmit(&mut sent);
        assert!(receiver.handle_input(&sent[1..]).is_ok_and(|taken| taken == sent.len() - 1));
        assert_eq!(receiver.read(<[u8]>::len), Ok(Read::Message(10 << 20)));
        for stream in [&sender, &receiver] {
            let kept = [&stream.output, &stream.received, &stream.scratch].map(Vec::capacity);
            assert!(kept.iter().all(|len| *len <= 2 * BUFFER_KEPT.max(100 << 10)), "{kept:?}");
        }
    }
}
