//! SIGTERM and SIGINT as messages.

use std::{io, thread};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Every signal that asks the process to end, from now on.
///
/// # Errors
///
/// The system refused to register the handler or to start a thread.
pub(crate) fn stop_requests() -> io::Result<flume::Receiver<&'static str>> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    // Two matter: the first drains, the second stops at once.
    let (sender, receiver) = flume::bounded(2);
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let name = if signal == SIGTERM { "SIGTERM" } else { "SIGINT" };
            // Full: both were sent already.
            let _ = sender.try_send(name);
        }
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn both_signals_become_messages() {
        let requests = stop_requests().expect("handlers are free");
        for (signal, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")] {
            raise(signal).expect("a signal to ourselves");
            assert_eq!(requests.recv_timeout(Duration::from_secs(20)), Ok(name));
        }
    }
}
