//! The fuzz target of Tars RPC.

use super::{START, accept, connect, converse, pieces};
use crate::{
    Command, Event, Failure, Progress, Session as _,
    tars::{
        packet::{RequestRef, ResponseRef, split_frame},
        rpc::{CallHead, ResponseHead, Tars},
    },
};

/// Any stream at both ends, in pieces of the length in the first byte: it means the same as at once, every request can
/// be responded to, and every response has a head.
pub fn session(data: &[u8]) {
    let Some((len, input)) = data.split_first() else { return };
    let tars = Tars::default().with(|it| it.frame_len_max = FRAME_LEN_MAX);
    for open in [accept, connect] {
        let whole = converse(&mut *open(&tars, START), [input], START);
        assert_eq!(whole, converse(&mut *open(&tars, START), pieces(input, (*len).into()), START));
    }
    respond_to_all(&tars, input);
    let (mut session, mut rest) = (tars.client_session(), input);
    while let Ok(Progress { taken: taken @ 1.., event, .. }) = session.handle_input(rest, START) {
        rest = &rest[taken..];
        if let Some(Event::Response(response)) = event {
            assert!(ResponseHead::decode(response.head).is_some());
        }
    }
}

/// Each response and each failure is one packet, with the id of its request, in the layout of its version.
fn respond_to_all(tars: &Tars, mut input: &[u8]) {
    let mut session = tars.session();
    while let Ok(Progress { taken: taken @ 1.., event, .. }) = session.handle_input(input, START) {
        input = &input[taken..];
        let Some(Event::Request(request)) = event else { continue };
        let head = CallHead::decode(request.head).expect("encoded by the session");
        if !request.expects_response {
            continue;
        }
        let (id, number, version) = (request.id, head.request_id, head.version);
        let command = match number % 2 {
            0 => Command::respond(id, b"\x08\x0c"),
            _ => Command::Fail { id, failure: Failure { code: number, text: "as the number says" } },
        };
        let mut out = Vec::new();
        if session.handle_command(command, &mut out, START).is_err() {
            assert!(out.is_empty(), "the names in the request leave no room");
            continue;
        }
        let (body, len) = split_frame(&out, FRAME_LEN_MAX).expect("a length").expect("a whole packet");
        assert_eq!(len, out.len());
        let echoed = match version.is_tup() {
            true => RequestRef::decode(body).map(|it| it.request_id),
            false => ResponseRef::decode(body).map(|it| it.request_id),
        };
        assert_eq!(echoed, Ok(number));
    }
}

const FRAME_LEN_MAX: u32 = 1000;
