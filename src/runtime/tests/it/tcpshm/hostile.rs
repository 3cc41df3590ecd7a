//! Attacks that were recorded against the original. Each costs its own connection; a control client notices nothing.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use shardcast::tcpshm::{Client, Sequences, ServerOptions};

use super::support::{World, echo, login, message, read_message, response, types};

/// A server, a control client, and an attack; the control client works before and after it.
fn attack(attack: impl FnOnce(&World, &mut Client)) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = ServerOptions::new(folder.path().join("server"));
    options.times.login = Duration::from_millis(300);
    let world = World::start_with(&options, 1);
    let mut control = world.connect("control", &folder.path().join("control"));
    echo(&mut control, types::ECHO, b"before");
    attack(&world, &mut control);
    echo(&mut control, types::ECHO, b"after");
    assert!(!world.record.lines().iter().any(|line| line.starts_with("control disconnected")));
}

fn is_closed(stream: &mut TcpStream) -> bool {
    // A reset is an end too.
    stream.read_to_end(&mut Vec::new()).map_or(true, |_| true)
}

#[test]
fn sizes_below_that_of_a_header_end_the_connection() {
    attack(|world, _| {
        for size in 0..8_u8 {
            let (mut stream, _) = world.raw(&format!("attacker{size}"));
            stream.write_all(&[size, 0, 1, 0, 0, 0, 0, 0]).expect("it reads");
            assert!(is_closed(&mut stream), "size {size}");
        }
    });
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_ends_the_connection() {
    attack(|world, _| {
        for (number, ack) in [1_u32, 5, 0x7fff_ffff].into_iter().enumerate() {
            let (mut stream, _) = world.raw(&format!("attacker{number}"));
            stream.write_all(&message(types::ECHO, ack, b"forged")).expect("it reads");
            assert!(is_closed(&mut stream), "ack {ack}");
        }
    });
}

#[test]
fn a_heartbeat_with_a_body_ends_the_connection_and_delivers_nothing() {
    attack(|world, _| {
        let (mut stream, _) = world.raw("attacker");
        let forged =
            [message(0, 0, &message(types::ECHO, 0, b"inner")), message(types::ECHO, 0, b"x")].concat();
        stream.write_all(&forged).expect("it reads");
        assert!(read_message(&mut stream).is_none());
    });
}

#[test]
fn idle_sockets_keep_no_client_out_and_are_closed_after_the_login_time() {
    attack(|world, control| {
        let mut idle: Vec<_> = (0..100).map(|_| world.socket()).collect();
        let (mut stream, _) = world.raw("latecomer");
        stream.write_all(&message(types::ECHO, 0, b"hello")).expect("it reads");
        assert!(read_message(&mut stream).is_some());
        echo(control, types::ECHO, b"meanwhile");
        assert!(idle.iter_mut().all(is_closed));
    });
}

#[test]
fn a_login_in_single_bytes_is_accepted() {
    attack(|world, _| {
        let mut stream = world.socket();
        for byte in login("slow", "", Sequences::default()) {
            stream.write_all(&[byte]).expect("it reads");
        }
        assert_eq!(response(&mut stream).0, Default::default());
        stream.write_all(&message(types::ECHO, 0, b"hello")).expect("it reads");
        assert!(read_message(&mut stream).is_some());
    });
}

#[test]
fn garbage_in_place_of_a_login_ends_the_connection() {
    attack(|world, _| {
        let garbage: [&[u8]; 5] =
            [b"GET / HTTP/1.1\r\n\r\n", &[0; 56], &[0xff; 100], &[52, 0, 2, 0, 0, 0, 0, 0], &[53, 0, 1, 0]];
        for bytes in garbage {
            let mut stream = world.socket();
            stream.write_all(bytes).expect("it reads");
            assert!(is_closed(&mut stream), "{bytes:?}");
        }
    });
}

#[test]
fn a_name_that_would_leave_the_folder_is_refused() {
    attack(|world, _| {
        for name in ["../evil", ".hidden", "a/b"] {
            let mut stream = world.socket();
            stream.write_all(&login(name, "", Sequences::default())).expect("it reads");
            assert_eq!(response(&mut stream).2, "Invalid client name", "{name}");
            assert!(is_closed(&mut stream));
        }
    });
}

#[test]
fn a_client_that_says_another_server_wipes_its_own_queue_only_and_that_is_reported() {
    attack(|world, control| {
        let (mut stream, _) = world.raw("client");
        stream.write_all(&message(types::ECHO, 0, b"kept")).expect("it reads");
        assert!(read_message(&mut stream).is_some());
        drop(stream);
        world.record.wait_for("client disconnected: peer-closed");
        let (_stream, sequences) = world.raw("client");
        assert_eq!(sequences, Sequences::default());
        world.record.wait_for("reset client: 1");
        echo(control, types::ECHO, b"meanwhile");
    });
}
