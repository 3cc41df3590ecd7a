mod admission;
mod fanout;
mod priority;
mod rate_limit;
mod waiting;

use std::time::Duration;

use crate::Time;

const START: Time = Time::from_nanos(987_654_321_012_345);

fn after(nanos: u64) -> Time {
    START + Duration::from_nanos(nanos)
}

const SECOND: u64 = 1_000_000_000;
