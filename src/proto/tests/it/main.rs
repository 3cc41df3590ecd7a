//! Tests of the cores through their public doors.

mod corpus;
mod framed;
mod line;
