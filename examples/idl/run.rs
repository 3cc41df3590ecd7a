//! The example prints what its documentation promises.
#![forbid(unsafe_code)]

use std::process::Command;

use assert_cmd::assert::OutputAssertExt;

#[test]
fn it_prints_bytes_defaults_and_json() {
    let expected = "\
20 bytes: 0007200238000106047465616d1605677265656e
with an id only: nobody from Some(\"APP\")
{\"id\":7,\"name\":\"nobody\",\"source\":2,\"labels\":{\"team\":\"green\"}}
";
    Command::new(env!("CARGO_BIN_EXE_idl")).assert().success().stdout(expected);
}
