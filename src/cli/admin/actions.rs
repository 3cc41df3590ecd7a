//! What operators may do. Parameters are in the query or, with the same form, in the body.

use serde::Serialize;
use serde_json::json;
use shardcast::{ConnId, KickError, proto::Time};
use shardcast_os::clock;

use super::{
    Source,
    access::{Access, Peer},
    http::{Request, Response},
    pages::{has, parameter},
};
use crate::{config::HumanDuration, control::Outcome};

/// An action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action {
    Kick,
    Drain,
    Reload,
}

/// The action of a POST to this path.
pub(super) fn at(path: &str) -> Option<Action> {
    match path {
        "/kick" => Some(Action::Kick),
        "/drain" => Some(Action::Drain),
        "/reload" => Some(Action::Reload),
        _ => None,
    }
}

/// Performs it, if this peer may. The action and the peer are logged.
pub(super) fn answer(
    action: Action,
    request: Request<'_>,
    peer: &Peer,
    access: &Access,
    source: &dyn Source,
) -> Response {
    if let Err(refusal) = access.acts(peer, request.authorization) {
        if access.refusals.borrow_mut().admit(Time::from_nanos(clock::now_nanos())) {
            tracing::warn!(?action, ?peer, status = refusal.status, "an action of an operator was refused");
        }
        return refusal;
    }
    let response = match action {
        Action::Kick => kick(request, source),
        Action::Drain => drain(request, source),
        Action::Reload => reload(source),
    };
    tracing::info!(?action, ?peer, status = response.status, query = %request.query.escape_debug(), "action of an operator");
    response
}

fn kick(request: Request<'_>, source: &dyn Source) -> Response {
    let Some(text) = argument(&request, "id") else {
        return Response::text(400, "missing id: POST /kick?id=ID, with an id from /connections\n");
    };
    let id: ConnId = match text.parse() {
        Ok(id) => id,
        Err(error) => return Response::text(400, format!("{error}\n")),
    };
    let now =
        has(request.query, "now") || std::str::from_utf8(request.body).is_ok_and(|body| has(body, "now"));
    match source.kick(id, now) {
        Ok(()) => done(&json!({ "kicked": id.to_string() })),
        Err(KickError::NotFound) => Response::text(404, format!("no open connection {id}\n")),
        Err(_) => {
            Response::text(503, format!("shard {} did not respond in time; look at /connections\n", id.shard))
        }
    }
}

fn drain(request: Request<'_>, source: &dyn Source) -> Response {
    let timeout = match argument(&request, "timeout").map(str::parse::<HumanDuration>).transpose() {
        Ok(timeout) => timeout.map(|timeout| timeout.0),
        Err(error) => return Response::text(400, format!("timeout: {error}\n")),
    };
    match source.drain(timeout) {
        Some(timeout) => {
            let body = json!({ "draining": true, "timeout_seconds": timeout.as_secs_f64() });
            Response { status: 202, ..done(&body) }
        }
        None => Response::text(503, "the server is busy with other requests; try again\n"),
    }
}

fn reload(source: &dyn Source) -> Response {
    match source.reload() {
        Some(Outcome::Rejected { errors }) => Response::text(422, errors),
        Some(taken) => done(&taken),
        None => Response::text(503, "the server is busy with other requests; see its log\n"),
    }
}

fn done(body: &impl Serialize) -> Response {
    Response::json(200, body)
}

/// A parameter from the query or the body. Values do not need escapes, so escapes are not supported.
fn argument<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    let body = std::str::from_utf8(request.body).unwrap_or_default();
    parameter(request.query, name).or_else(|| parameter(body.trim_ascii(), name))
}
