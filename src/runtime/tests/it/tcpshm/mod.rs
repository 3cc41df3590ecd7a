//! tcpshm, between this server, its own client, and raw sockets.

mod durability;
mod files;
mod gather;
mod handlers;
mod hostile;
mod local_clients;
mod many;
mod restarts;
mod steps;
mod support;
mod topics;
