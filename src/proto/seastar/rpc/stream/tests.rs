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

/// A stream with a source, which takes whatever it is given.
fn receiver() -> Stream {
    let mut stream = Stream::new(StreamConfig::default(), Time::from_nanos(0));
    stream.negotiated(ConnectionId::new(1, 0), None, true);
    assert!(stream.open_source());
    stream
}

fn frames(lens: &[usize]) -> Vec<u8> {
    let message = |(number, len): (usize, &usize)| {
        let head = StreamFrame::message_head(*len).expect("it is short");
        [&head[..], &vec![number as u8; *len]].concat()
    };
    let messages = lens.iter().enumerate().flat_map(message);
    messages.chain(StreamFrame::END).collect()
}

#[test]
fn a_long_message_is_taken_in_parts_however_it_is_split() {
    let lens = [16_384, 0, 5, 40_000, 1024, 2000, 16_384];
    let input = frames(&lens);
    for step in [1, 7, 1027, 1028, 1029, 4096, 8192, 16_388, input.len()] {
        let (mut stream, mut kept, mut read) = (receiver(), Vec::new(), Vec::new());
        for bytes in input.chunks(step) {
            kept.extend_from_slice(bytes);
            let taken = stream.handle_input(&kept).expect("it is well-formed");
            kept.drain(..taken);
            assert!(kept.len() < HEAD_LEN + PART_MIN, "{} bytes are kept elsewhere", kept.len());
            while let Ok(Read::Message(message)) = stream.read(<[u8]>::to_vec) {
                let number = read.len() as u8;
                assert!(message.iter().all(|byte| *byte == number));
                read.push(message.len());
            }
        }
        assert_eq!((&read[..], stream.source, kept.len()), (&lens[..], Half::Ended, 0), "steps of {step}");
    }
}

#[test]
fn the_rest_of_a_message_whose_source_was_dropped_is_not_kept() {
    let input = frames(&[16_384, 10]);
    for forgets in [false, true] {
        let mut stream = receiver();
        assert!(stream.open_sink());
        if forgets {
            stream.source = Half::Unused;
        }
        assert_eq!(stream.handle_input(&input[..5000]), Ok(5000));
        assert!(stream.is_in_frame());
        if forgets {
            stream.forget()
        } else {
            stream.drop_source()
        }
        assert_eq!(stream.handle_input(&input[5000..]), Ok(input.len() - 5000));
        assert_eq!((stream.received.len(), stream.lengths.len()), (0, 0));
        assert!(stream.end_received && !stream.is_in_frame());
    }
}
