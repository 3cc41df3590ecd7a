//! Signals as messages.

use std::{io, thread};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::serve::Order;

/// Sends the server every signal that asks the process to end, or to read its configuration again, from now on.
///
/// # Errors
///
/// The system refused to register the handler or to start a thread.
pub(crate) fn watch(orders: flume::Sender<Order>) -> io::Result<()> {
    forward([SIGTERM, SIGINT, SIGHUP], orders, |signal| match signal {
        SIGHUP => Order::Reload(None),
        _ => Order::Stop(name(signal)),
    })
}

/// Every signal that asks the process to end, from now on: for commands that are no server.
///
/// # Errors
///
/// As for [`watch`].
pub(crate) fn stop_requests() -> io::Result<flume::Receiver<&'static str>> {
    let (sender, receiver) = flume::bounded(2);
    forward([SIGTERM, SIGINT], sender, name)?;
    Ok(receiver)
}

/// Sends what `meaning` makes of each signal. Where the queue is full it waits; the system keeps one signal of
/// each kind meanwhile.
fn forward<T: Send + 'static, const N: usize>(
    signals: [i32; N],
    to: flume::Sender<T>,
    meaning: impl Fn(i32) -> T + Send + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if to.send(meaning(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

const fn name(signal: i32) -> &'static str {
    if signal == SIGTERM { "SIGTERM" } else { "SIGINT" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn signals_become_orders() {
        let (sender, orders) = flume::bounded(1);
        watch(sender).expect("handlers are free");
        for (signal, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")] {
            raise(signal).expect("a signal to ourselves");
            let order = orders.recv_timeout(Duration::from_secs(20));
            assert!(matches!(order, Ok(Order::Stop(told)) if told == name), "{order:?}");
        }
        raise(SIGHUP).expect("a signal to ourselves");
        let order = orders.recv_timeout(Duration::from_secs(20));
        assert!(matches!(order, Ok(Order::Reload(None))), "{order:?}");
    }
}
