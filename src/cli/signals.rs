//! Signals as orders to the server.

use std::{io, thread};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::serve::Order;

/// Sends every signal that asks the process to end, or to read its configuration again, from now on.
///
/// # Errors
///
/// The system refused to register the handler or to start a thread.
pub(crate) fn watch(orders: flume::Sender<Order>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let order = match signal {
                SIGHUP => Order::Reload(None),
                SIGTERM => Order::Stop("SIGTERM"),
                _ => Order::Stop("SIGINT"),
            };
            // Waits where the queue is full; the system keeps one signal of each kind meanwhile.
            if orders.send(order).is_err() {
                return;
            }
        }
    })?;
    Ok(())
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
