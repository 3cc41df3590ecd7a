//! The sessions of both ends, by the rules for all sessions.

use shardcast_proto::{
    Command, RequestId, Route, Session, session_conformance,
    tcpshm::{Geometry, TableConfig},
    testing::Conformance,
};

use super::{
    ends::{START, Server, client, connect},
    memory::Disk,
    recording::recordings,
};

session_conformance!(
    accepting,
    Conformance {
        accept: &|| accepting_session(),
        conversation: &recorded(true),
        events: 1,
        broken: &BROKEN,
        silence: &[(&recorded(true), "timed-out")],
        refused: &REFUSED,
    }
);

session_conformance!(
    connecting,
    Conformance {
        accept: &|| connecting_session(),
        conversation: &recorded(false),
        events: 1,
        broken: &BROKEN,
        silence: &[(&recorded(false), "timed-out"), (b"", "timed-out")],
        refused: &REFUSED,
    }
);

/// The messages after the first one wait, since these tests consume none.
fn recorded(is_from_client: bool) -> Vec<u8> {
    let recordings = recordings();
    let recording = recordings.iter().find(|it| it.name == "wire_tcp_session_zero").expect("a recording");
    let segments = recording.segments.iter().filter(|it| it.is_from_client == is_from_client);
    let bytes = segments.flat_map(|it| it.bytes.iter().copied()).collect::<Vec<_>>();
    // Without the acknowledgements of what is not sent here.
    let login_len = if is_from_client { 56 } else { 72 };
    let mut out = bytes[..login_len].to_vec();
    let mut rest = &bytes[login_len..];
    while let [size, _, kind, high, ..] = *rest {
        let len = usize::from(size).next_multiple_of(8);
        out.extend_from_slice(&[size, 0, kind, high, 0, 0, 0, 0]);
        out.extend_from_slice(&rest[8..len]);
        rest = &rest[len..];
    }
    out
}

fn accepting_session() -> Box<dyn Session> {
    Server::new(&Disk::default(), TableConfig::default()).accept(START).session
}

/// The login was sent.
fn connecting_session() -> Box<dyn Session> {
    let mut connected = connect(&client(&Disk::default(), Geometry::default()), START);
    connected.transmit();
    connected.session
}

/// In place of a login, and of a message.
const BROKEN: [(&[u8], &str); 2] = [
    (&[16, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], "malformed"),
    (&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f], "malformed"),
];

const REFUSED: [Command<'_>; 2] = [
    Command::Push { route: Route::Numbered(1), body: b"x" },
    Command::Respond { id: RequestId(0), head: &[], body: b"x" },
];
