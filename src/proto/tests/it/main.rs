//! Tests of the cores through their public interfaces.

mod corpus;
mod framed;
mod generated_shape;
mod journal;
mod line;
mod seastar;
mod tars;
mod tcpshm;
mod topics;
