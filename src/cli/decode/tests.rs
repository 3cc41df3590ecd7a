use super::{
    As, decode,
    names::{Names, Shape},
};

#[test]
fn fields_are_printed_with_their_types() {
    check(
        &[0x02, 0, 1, 0x11, 0x70, 0x16, 2, b'z', b'z', 0x2A, 0x0C, 0x0B, 0x39, 0, 1, 0x0C, 0x48, 0x0C],
        As::Fields(Shape::Unknown),
        "0: INT32 70000\n1: STRING1 \"zz\"\n2: STRUCT\n  0: ZERO_TAG 0\n3: LIST of 1\n  [0]: ZERO_TAG 0\n4: MAP of 0\n",
        None,
    );
}

#[test]
fn keys_label_their_values() {
    check(
        &[0x08, 0, 2, 0x06, 1, b'k', 0x1D, 0, 0, 1, 255, 0x0A, 0x0B, 0x1C],
        As::Fields(Shape::Unknown),
        "0: MAP of 2\n  \"k\": SIMPLE_LIST (1 bytes) ff\n  key [1]: STRUCT\n  value [1]: ZERO_TAG 0\n",
        None,
    );
}

#[test]
fn undecodable_bytes_end_the_tree() {
    let cut = Some("tag 1, byte 5: length 5 with 0 bytes left");
    check(
        &[0x0C, 0x16, 2, 0xFF, b'z'],
        As::Fields(Shape::Unknown),
        "0: ZERO_TAG 0\n1: STRING1 b\"\\xffz\"\n",
        None,
    );
    check(
        &[0x0C, 0x2C, 0x3C, 0x16, 5],
        As::Fields(Shape::Unknown),
        "0: ZERO_TAG 0\n2: ZERO_TAG 0\n3: ZERO_TAG 0\n",
        cut,
    );
    check(
        &[0, 0, 0, 9, 0x10],
        As::Frames(&Names::default()),
        "",
        Some("packet 1 is incomplete: only 5 bytes"),
    );
    check(
        &[0, 0, 0, 1],
        As::Frames(&Names::default()),
        "",
        Some("packet 1: a packet of 1 bytes, where the minimum is 5"),
    );
    let deep = [0x0A; 100];
    assert_eq!(
        decode(&deep, As::Fields(Shape::Unknown)).fault.as_deref(),
        Some("tag 0, byte 65: nested more deeply than 64 levels")
    );
}

fn check(bytes: &[u8], what: As<'_>, text: &str, fault: Option<&str>) {
    let decoded = decode(bytes, what);
    assert_eq!((decoded.text.as_str(), decoded.fault.as_deref()), (text, fault), "{bytes:02x?}");
}
