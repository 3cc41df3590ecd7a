//! The operator's commands: they talk to a running server over its admin HTTP, and to nothing else.
//!
//! What they deliberately are not: a second way to do anything. Whatever they show or do, `curl` can too.

mod args;
mod client;
mod conns;
mod drain;
mod human;
mod kick;
mod reload;
mod top;

pub(crate) use args::{ConnsArgs, DrainArgs, KickArgs, ReloadArgs, TopArgs};
pub(crate) use conns::conns;
pub(crate) use drain::drain;
pub(crate) use kick::kick;
pub(crate) use reload::reload;
pub(crate) use top::top;
