//! Signals as messages.

use std::{convert::Infallible, io, thread};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use crate::control::Order;

/// From now on, sends the server each signal to stop, or to read its configuration again.
///
/// # Errors
///
/// The system refused to register the handler or to start a thread.
pub(crate) fn watch(orders: flume::Sender<Order>) -> io::Result<()> {
    on_each(&[SIGTERM, SIGINT, SIGHUP], move |signal| {
        let order = match signal {
            SIGHUP => Order::Reload(None),
            _ => Order::Stop(name(signal)),
        };
        // Waits while the queue is full; the system then keeps one signal of each kind.
        orders.send(order).is_ok()
    })
}

/// Whether the process was asked to end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(flume::Receiver<Infallible>);

impl Stop {
    /// Watches for SIGTERM and SIGINT from now on. Callers handle the first, which they see here; the second ends
    /// the process at once.
    ///
    /// # Errors
    ///
    /// As for [`watch`].
    pub(crate) fn watch() -> io::Result<Self> {
        let (sender, requested) = flume::bounded(1);
        let mut sender = Some(sender);
        on_each(&[SIGTERM, SIGINT], move |signal| {
            if sender.take().is_none() {
                // It fails only for signals that cannot be caught.
                let _ = emulate_default_handler(signal);
            }
            true
        })?;
        Ok(Self(requested))
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.is_disconnected()
    }

    /// For selectors: receiving fails once the end is requested.
    pub(crate) const fn requested(&self) -> &flume::Receiver<Infallible> {
        &self.0
    }
}

/// Calls `then` on a separate thread for each of these signals, until it returns false.
fn on_each(signals: &[i32], mut then: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if !then(signal) {
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
            assert!(matches!(order, Ok(Order::Stop(signal)) if signal == name), "{order:?}");
        }
        raise(SIGHUP).expect("a signal to ourselves");
        let order = orders.recv_timeout(Duration::from_secs(20));
        assert!(matches!(order, Ok(Order::Reload(None))), "{order:?}");
    }
}
