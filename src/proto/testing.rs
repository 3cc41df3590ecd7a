//! Conformance tests that every [`Session`](crate::Session) passes.
