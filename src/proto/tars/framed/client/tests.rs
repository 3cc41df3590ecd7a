use super::*;
use crate::{rpc::CallError, testing};

/// A codec whose frames are one byte, which is also their id; `!` miscounts.
struct Bytewise;

impl ClientCodec for Bytewise {
    fn encode_request(&self, id: u32, _: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
        out.push(b'?');
        out.push(u8::try_from(id).map_err(|_| CallError::TooLarge)?);
        Ok(())
    }

    fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
        let Some(first) = input.first() else { return Ok(None) };
        let taken = if *first == b'!' { 2 } else { 1 };
        Ok(Some(Decoded { taken, id: (*first).into(), body: &input[..1] }))
    }
}

const NOW: Time = Time::from_nanos(0);

#[test]
fn codec_of_ones_own_is_believed_within_reason() {
    let mut session = testing::connect(&FramedClient::new(Bytewise), NOW);
    let mut out = Vec::new();
    let request = |id| Command::Request(Request::new(RequestId(id), Route::Only, b""));
    assert_eq!(session.handle_command(request(5), &mut out, NOW), Ok(()));
    assert_eq!(session.handle_command(request(256), &mut out, NOW), Err(request(256)));
    assert_eq!(out, [b'?', 5], "what cannot be said leaves nothing behind");
    let response = Response { id: RequestId(1), head: &[], result: Ok(&[1]) };
    assert_eq!(session.handle_input(&[1, 0], NOW), Ok(Progress::event(1, Event::Response(response))));
    let push = Event::Push { route: Route::Only, head: &[], body: &[0] };
    assert_eq!(session.handle_input(&[0], NOW), Ok(Progress::event(1, push)));
    assert_eq!(session.handle_input(b"!", NOW), Err(Error::Refused));
}

#[test]
fn a_request_is_the_frame_that_was_recorded() {
    let mut session = FramedClient::default().session();
    let mut out = Vec::new();
    let request = Command::Request(Request::new(RequestId(1), Route::Only, b"heartbeat"));
    assert_eq!(session.handle_command(request, &mut out, NOW), Ok(()));
    let sent: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sent, "0000001100000001686561727462656174");
}

#[test]
fn no_peer_is_accepted() {
    let client = FramedClient::default();
    assert_eq!(client.sniff(b"any"), Sniff::Refuse);
    let mut session = testing::accept(&client, NOW);
    assert_eq!(session.handle_input(b"any", NOW), Err(Error::Refused));
}

#[test]
fn serial_responses_belong_to_the_requests_in_their_order() {
    let mut session = testing::connect(&SerialProtocol::new(Bytewise), NOW);
    let mut out = Vec::new();
    let request = |id| Request::new(RequestId(id), Route::Only, b"");
    for request in [request(5), request(9).one_way(), request(7)] {
        assert_eq!(session.handle_command(Command::Request(request), &mut out, NOW), Ok(()));
    }
    let too_large = Command::Request(request(256));
    assert_eq!(session.handle_command(too_large, &mut out, NOW), Err(too_large));
    assert_eq!(out, [b'?', 5, b'?', 9, b'?', 7]);
    let response = |id| Event::Response(Response { id: RequestId(id), head: &[], result: Ok(b"x") });
    assert_eq!(session.handle_input(b"x", NOW), Ok(Progress::event(1, response(5))));
    assert_eq!(session.handle_input(b"x", NOW), Ok(Progress::event(1, response(7))));
    let push = Event::Push { route: Route::Only, head: &[], body: b"x" };
    assert_eq!(session.handle_input(b"x", NOW), Ok(Progress::event(1, push)));
    assert_eq!(session.handle_input(b"!", NOW), Err(Error::Refused));
    let push = Command::Push { route: Route::Only, body: b"x" };
    assert_eq!(session.handle_command(push, &mut out, NOW), Err(push));
}
