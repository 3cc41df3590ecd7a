//! Connections that come and go in every way: nothing of them remains.

use std::{fs, net::SocketAddr, thread, time::Duration};

use shardcast::ServerLimits;

use crate::support::{
    Control, Peer, Recorder, Totals, alone, config, eventually, frame, resident_bytes, serve,
};

const CYCLES: u32 = 20_000;
const THREADS: u32 = 4;

/// Opens a connection, and ends it in the way of this kind.
fn live(kind: u32, address: SocketAddr) {
    let Ok(mut peer) = Peer::connect_from(None, None, address) else { panic!("the server accepts") };
    match kind % 10 {
        // Without sending anything.
        0..=3 => peer.reset(),
        4 => drop(peer),
        5 | 6 => {
            peer.echo(kind, b"hello");
            peer.reset();
        }
        7 => {
            peer.echo(kind, b"hello");
            peer.finish();
            peer.read_to_end();
        }
        8 => {
            peer.send(&frame(kind, b"close"));
            peer.read_to_end();
        }
        _ => {
            peer.send(b"\0\0\0\x01");
            peer.read_to_end();
        }
    }
}

fn churn(cycles: u32, address: SocketAddr) {
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            thread::spawn(move || {
                (0..cycles / THREADS).for_each(|cycle| live(cycle + thread, address));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("every connection had its end"));
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc is mounted").count()
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    alone("churn::connections_that_come_and_go_leave_nothing_behind", || {
        let recorder = Recorder::without_requests();
        let limits = ServerLimits::default().with(|it| it.connections_per_ip_max = 4000);
        let (server, address) = serve(config().with(|it| it.limits = limits), &recorder);
        let handle = server.handle();
        let control = Control::start(address);
        let ended = || Totals::of(&handle).connections() == 4;

        churn(CYCLES / 10, address);
        eventually(LONG, ended);
        // The recorder keeps its events; nothing else may grow.
        let (before, memory) = (descriptors(), resident_bytes());
        churn(CYCLES, address);
        eventually(LONG, ended);
        control.is_served();

        eventually(LONG, || descriptors() <= before);
        let grown = resident_bytes().saturating_sub(memory);
        assert!(grown < MEMORY, "{grown} bytes more than before");
        let totals = Totals::of(&handle);
        assert_eq!(totals.listeners(|it| it.unidentified), 0);
        // A peer that resets without sending anything may be gone before it is accepted.
        assert!(totals.listeners(|it| it.opened) >= u64::from(CYCLES / 10 * 6));
        let closed = totals.listeners(|it| it.closed.iter().map(|(_, count)| count).sum());
        assert_eq!(closed + 4, totals.listeners(|it| it.opened), "each ended once");
        // The control connections keep sending requests.
        let waiting = || Totals::of(&handle).shards(|it| it.queued_bytes + it.queued_messages + it.tasks);
        eventually(LONG, || waiting() == 0);

        // The slots were used again and again: few, of high generations.
        let peers: Vec<_> = (0..20).map(|_| Peer::connect(address)).collect();
        let ids: Vec<_> = peers.iter().map(|peer| recorder.connection_of(peer).id()).collect();
        assert!(ids.iter().all(|id| id.slot < 4000), "{ids:?}");
        assert!(ids.iter().any(|id| id.generation > 0), "{ids:?}");
        control.noticed_nothing();
        assert_eq!(Totals::of(&handle).rejected("per-ip-max"), 0);
    });
}

const LONG: Duration = Duration::from_secs(40);

/// Memory that may vary with the allocator, and with what the recorder keeps.
const MEMORY: usize = 32 << 20;
