//! Thousands of silent sockets, and one honest client.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast::ServerLimits;

use crate::support::{Control, PATIENCE, Peer, Recorder, Totals, alone, config, eventually, frame, serve};

const SILENT: usize = 5000;

#[test]
fn thousands_of_silent_sockets_disturb_no_other_peer() {
    alone("silent::thousands_of_silent_sockets_disturb_no_other_peer", || {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the maximum");
        if limit.maximum.is_some_and(|maximum| maximum < 2 * SILENT as u64 + 500) {
            eprintln!("not tested: RLIMIT_NOFILE allows {:?} descriptors only", limit.maximum);
            return;
        }
        let recorder = Recorder::without_requests();
        let limits = ServerLimits::default().with(|it| it.connections_max = SILENT + 100);
        let (server, address) = serve(config().with(|it| it.limits = limits), &recorder);
        let handle = server.handle();
        let control = Control::start(address);
        let mut silent: Vec<_> = (0..SILENT).map(|_| Peer::connect(address)).collect();
        control.is_served();
        eventually(PATIENCE, || Totals::of(&handle).connections() == SILENT as u64 + 4);
        assert_eq!(handle.connections(PATIENCE).list.len(), SILENT + 4);
        control.is_served();
        // All of them are open.
        handle.broadcast("push", frame(0, b"anybody?")).expect("room");
        for peer in &mut silent {
            assert_eq!(peer.read_frame(), (0, b"anybody?".to_vec()));
        }
        control.is_served();
        drop(silent);
        eventually(PATIENCE, || Totals::of(&handle).connections() == 4);
        control.noticed_nothing();
    });
}
