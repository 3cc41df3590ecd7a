//! tcpshm, between this server, its own client, and raw sockets.

mod files;
mod handlers;
mod hostile;
mod restarts;
mod support;
mod topics;
