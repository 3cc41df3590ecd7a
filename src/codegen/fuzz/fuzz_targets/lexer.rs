#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shardcast_build::testing::lexer(data));
