#[cfg_attr(not(test), expect(dead_code, reason = "the pump, which uses it, comes with the shard"))]
mod timer;
