//! A peer that vanishes: no end of stream, no reset, nothing. A push to it does not show that it is alive.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use shardcast::{CloseReason, SendError, ServerConfig};

use crate::support::{Control, PATIENCE, Peer, Recorder, child, config, eventually, frame, serve, within};

/// The address whose packets the test can drop, without dropping those of others.
const VANISHING: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));

/// Runs the test `name` in a separate network, if this machine allows one.
fn in_a_network_of_its_own(name: &str) {
    let unshare = |options: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(options);
        command
    };
    let allowed = [&["-n"][..], &["-rn"]].into_iter().find(|options| {
        let mut trial = unshare(options);
        trial.args(["ip", "link", "set", "lo", "up"]).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    });
    let Some(options) = allowed else {
        eprintln!("not tested: no network namespaces, or no `unshare` and `ip`, on this machine");
        return;
    };
    let inner = child(name);
    let mut command = unshare(options);
    command.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let status = command.env(IN_NETWORK, "1").status().expect("tried above");
    assert!(status.success(), "{name}, in a separate network: {status}");
}

const IN_NETWORK: &str = "SHARDCAST_IT_IN_NETWORK";

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("tried before");
    assert!(status.success(), "ip {arguments}");
}

/// A peer connects, gets pushes, and vanishes; the server keeps pushing, and notices.
fn is_noticed(config: ServerConfig, push: &[u8], why: CloseReason) {
    let recorder = Recorder::without_requests();
    let (_server, address) = serve(config, &recorder);
    let control = Control::start(address);
    let mut peer = Peer::connect_from(Some(VANISHING), Some(4096), address).expect("the server accepts");
    peer.echo(1, b"hello");
    let connection = recorder.connection_of(&peer);
    assert_eq!(connection.send(frame(0, b"still here?")), Ok(()));
    assert_eq!(peer.read_frame(), (0, b"still here?".to_vec()));

    ip(&format!("route add blackhole {VANISHING} table local"));
    eventually(PATIENCE, || connection.send(frame(0, push)) == Err(SendError::Closed));
    assert_eq!(recorder.why_closed(connection.id()), why);
    control.noticed_nothing();
    ip(&format!("route del blackhole {VANISHING} table local"));
}

#[test]
fn a_peer_that_vanishes_is_noticed_though_it_is_pushed_to() {
    const NAME: &str = "vanish::a_peer_that_vanishes_is_noticed_though_it_is_pushed_to";
    if std::env::var_os(IN_NETWORK).is_none() {
        return in_a_network_of_its_own(NAME);
    }
    ip("link set lo up");
    let never = config().with(|it| {
        it.listener_limits.idle_timeout = Duration::ZERO;
        it.listener_limits.outbox.age_max = Duration::ZERO;
        it.listener_limits.outbox.bytes_max = 1 << 30;
        it.listener_limits.outbox.messages_max = 1 << 30;
        it.limits.unacknowledged_timeout = Duration::ZERO;
        it.keepalive = Duration::ZERO;
    });
    let bound = Duration::from_secs(2);
    let idle = never.clone().with(|it| it.listener_limits.idle_timeout = bound);
    is_noticed(idle, b"tick", CloseReason::Idle);
    let unacknowledged = never.clone().with(|it| it.limits.unacknowledged_timeout = bound);
    is_noticed(unacknowledged.clone(), b"tick", CloseReason::Unacknowledged);
    // A send is in flight when it is noticed.
    is_noticed(unacknowledged, &[0; 64 << 10], CloseReason::Unacknowledged);
    let old = never.clone().with(|it| it.listener_limits.outbox.age_max = bound);
    is_noticed(old, &[0; 64 << 10], CloseReason::Slow);
    let large = never.with(|it| it.listener_limits.outbox.bytes_max = 1 << 20);
    is_noticed(large, &[0; 64 << 10], CloseReason::Slow);
}

/// The peer of the test below: connects, sends one request, and hangs.
#[test]
#[ignore = "the other process of the test below; run with `cargo nextest run -p shardcast -E 'test(a_peer_that_hangs)'`"]
fn a_peer_in_another_process() {
    let Ok(address) = std::env::var("SHARDCAST_IT_ADDRESS") else { return };
    let address: SocketAddr = address.parse().expect("an address");
    let mut peer = Peer::connect_from(Some(VANISHING), None, address).expect("the server accepts");
    peer.send(&frame(1, b"hello"));
    loop {
        thread::park();
    }
}

#[test]
fn a_peer_that_hangs_is_idle_though_its_kernel_acknowledges() {
    let recorder = Recorder::without_requests();
    // The witness must not be idle on a busy machine.
    let config = config().with(|it| it.listener_limits.idle_timeout = Duration::from_secs(2));
    let (_server, address) = serve(config, &recorder);
    let control = Control::start(address);
    let mut process = child("vanish::a_peer_in_another_process");
    process.env("SHARDCAST_IT_ADDRESS", address.to_string()).stdout(Stdio::null());
    let mut process = process.spawn().expect("this binary");
    let mut connection = None;
    eventually(PATIENCE, || {
        connection = recorder.open().into_iter().find(|connection| connection.peer().ip() == VANISHING);
        connection.is_some()
    });
    let connection = connection.expect("awaited above");
    let noticed = within(PATIENCE, || connection.send(frame(0, b"tick")) == Err(SendError::Closed));
    process.kill().expect("our child");
    process.wait().expect("our child");
    assert!(noticed);
    assert_eq!(recorder.why_closed(connection.id()), CloseReason::Idle);
    control.noticed_nothing();
}
