//! Queues of the original, as it wrote them, and as it never would.

use std::{fs, path::Path};

use shardcast_proto::tcpshm::{ByteOrder, OriginalError, OriginalQueue};

/// Types, and lengths of bodies.
type Messages = &'static [(u16, usize)];

/// File, first message, received messages, messages.
const RECORDED: [(&str, u32, u32, Messages); 8] = [
    ("client_5_unacked", 0, 0, &[(1, 4), (2, 8), (3, 12), (4, 16), (5, 100)]),
    ("client_3_unacked", 2, 0, &[(3, 12), (4, 16), (5, 100)]),
    ("client_before_compaction", 2, 0, &[(3, 12), (4, 16), (5, 100), (9, 600), (9, 600), (9, 500)]),
    (
        "client_after_compaction",
        2,
        0,
        &[(3, 12), (4, 16), (5, 100), (9, 600), (9, 600), (9, 500), (8, 40), (8, 30)],
    ),
    ("client_all_acked", 5, 5, &[]),
    ("client_bigendian", 5, 5, &[]),
    ("server_5_received_unpopped", 0, 0, &[]),
    ("server_2_popped", 0, 2, &[]),
];

#[test]
fn recorded_queues_have_what_was_not_acknowledged() {
    for (name, first, received, messages) in RECORDED {
        let order = if name.ends_with("bigendian") { ByteOrder::Big } else { ByteOrder::Little };
        let file = recorded(name);
        let queue = OriginalQueue::load(&file, order).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: Vec<_> = queue.messages().map(|(kind, body)| (kind, body.len())).collect();
        assert_eq!((queue.first(), queue.received(), &*found), (first, received, messages), "{name}");
        assert_eq!(queue.message_count(), messages.len() as u64, "{name}");
    }
}

#[test]
fn bodies_are_as_they_were_sent() {
    let file = recorded("client_5_unacked");
    let queue = OriginalQueue::load(&file, ByteOrder::Little).expect("valid");
    for (byte, (_, body)) in (0xa0..).zip(queue.messages()) {
        assert!(!body.is_empty() && body.iter().all(|it| *it == byte), "{body:02x?}");
    }
}

#[test]
fn a_queue_with_big_endian_headers_is_read_in_its_order_only() {
    let file = image(b"\0\x0a\0\x07\0\0\0\0hi\0\0\0\0\0\0", [2, 0, 0, 9, 4]);
    let queue = OriginalQueue::load(&file, ByteOrder::Big).expect("valid");
    assert_eq!(queue.messages().collect::<Vec<_>>(), [(7, &b"hi"[..])]);
    let error = OriginalQueue::load(&file, ByteOrder::Little).expect_err("2,560 bytes");
    assert_eq!(error, OriginalError::Overrun { at: 0, size: 0x0a00 });
}

#[test]
fn what_cannot_be_is_refused_where_it_is() {
    let messages = b"\x08\0\x01\0\0\0\0\0\x09\0\x02\0\0\0\0\0x\0\0\0\0\0\0\0";
    let mut short = *messages;
    short[8] = 7;
    let mut heartbeat = *messages;
    heartbeat[10] = 0;
    let cases = [
        (image(messages, [3, 2, 1, 0, 0]), OriginalError::Indexes { read: 2, send: 1, write: 3 }),
        (image(messages, [2, 0, 3, 0, 0]), OriginalError::Indexes { read: 0, send: 3, write: 2 }),
        (image(messages, [4, 0, 3, 0, 0]), OriginalError::Outside { write: 4, blocks: 3 }),
        (image(messages, [u32::MAX; 5]), OriginalError::Outside { write: u32::MAX, blocks: 3 }),
        (image(messages, [2, 0, 2, 0, 0]), OriginalError::Overrun { at: 8, size: 9 }),
        (image(&short, [3, 0, 3, 0, 0]), OriginalError::Size { at: 8, size: 7 }),
        (image(&heartbeat, [3, 0, 3, 0, 0]), OriginalError::Type { at: 8 }),
        (image(b"", [0; 5]), OriginalError::Length { len: 20 }),
        (image(b"1234567", [0; 5]), OriginalError::Length { len: 27 }),
    ];
    for (file, error) in cases {
        assert_eq!(OriginalQueue::load(&file, ByteOrder::Little).err(), Some(error), "{}", error.code());
    }
}

#[test]
fn no_part_of_a_queue_is_taken_for_all_of_it() {
    let file = recorded("client_3_unacked");
    let whole = OriginalQueue::load(&file, ByteOrder::Little).expect("valid").message_count();
    for len in 0..file.len() {
        // With the numbers gone, zeros are in their place: a queue without messages, never another one.
        let count = OriginalQueue::load(&file[..len], ByteOrder::Little).map(|it| it.message_count());
        assert!(matches!(count, Ok(0) | Err(_)), "{len} bytes: {count:?} of {whole}");
    }
}

#[test]
fn any_change_leaves_messages_within_the_file() {
    let file = recorded("client_5_unacked");
    let hostile = [0, 1, 0x7f, 0x80, 0xff];
    let places = (0..200).chain(file.len() - 20..file.len());
    for (at, byte) in places.flat_map(|at| hostile.map(|byte| (at, byte))) {
        let mut changed = file.clone();
        changed[at] = byte;
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let Ok(queue) = OriginalQueue::load(&changed, order) else { continue };
            let bytes: usize = queue.messages().map(|(_, body)| body.len() + 8).sum();
            let count = queue.messages().count() as u64;
            assert!(bytes <= file.len() && count == queue.message_count(), "byte {at} = {byte}");
        }
    }
}

#[test]
fn all_numbers_at_the_end_are_checked() {
    let messages = b"\x08\0\x01\0\0\0\0\0\x09\0\x02\0\0\0\0\0x\0\0\0\0\0\0\0";
    let numbers = [0, 1, 2, 3, 4, 0x1fff_ffff, 0x2000_0000, u32::MAX];
    for write in numbers {
        for read in numbers {
            for send in numbers {
                let file = image(messages, [write, read, send, u32::MAX, u32::MAX]);
                let is_whole = matches!((read, write), (0, 1) | (0 | 1, 3)) || read == write && read <= 3;
                let is_valid = is_whole && (read..=write).contains(&send);
                let loaded = OriginalQueue::load(&file, ByteOrder::Little);
                assert_eq!(loaded.is_ok(), is_valid, "write {write}, read {read}, send {send}");
            }
        }
    }
}

fn image(blocks: &[u8], numbers: [u32; 5]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    blocks.iter().copied().chain(numbers).collect()
}

fn recorded(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/tcpshm");
    let text = fs::read_to_string(folder.join(format!("ptcp_{name}.hex"))).expect("a readable file");
    let mut bytes = Vec::new();
    for line in text.lines().filter(|line| *line != "*") {
        let (at, line) = line.split_at(8);
        bytes.resize(usize::from_str_radix(at, 16).expect("an offset"), 0);
        let digits = line.split('|').next().expect("digits").split_whitespace();
        bytes.extend(digits.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")));
    }
    bytes
}
