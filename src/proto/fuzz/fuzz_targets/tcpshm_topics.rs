#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shardcast_proto::testing::fuzz::tcpshm_topics(data));
