//! Where the fields of logins lie, for the configurations that a C++ compiler was asked about, and others.

use shardcast_proto::{
    Error,
    tcpshm::{
        ByteOrder, Geometry, GeometryError, Header, Login, LoginResponse, Name, NameError, Sequences, Status,
        UserData,
    },
};

/// Name size, user data, then of the login: offsets of user data, flag, name, last server; size field; bytes sent. Then
/// the same of the response. Printed by a program that was compiled with the original.
const LAYOUTS: [(u16, u16, [usize; 6], [usize; 6]); 4] = [
    (16, 1, [16, 17, 18, 34, 52, 56], [16, 17, 18, 34, 68, 72]),
    (16, 4, [16, 20, 21, 37, 56, 56], [16, 20, 21, 37, 72, 72]),
    (16, 8, [16, 24, 25, 41, 64, 64], [16, 24, 25, 41, 80, 80]),
    (32, 32, [16, 48, 49, 81, 116, 120], [16, 48, 49, 81, 116, 120]),
];

#[test]
fn fields_lie_where_a_compiler_of_c_puts_them() {
    for (name_size, len, of_login, of_response) in LAYOUTS {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let data = UserData::new(len).expect("a size");
            let geometry = Geometry::new(name_size, order, data, data).expect("a geometry");
            let user_data = vec![0xdd; data.len()];
            let sequences = Sequences { ack: 0x0102_0304, start: 5, end: 6 };
            let login = Login {
                sequences,
                user_data: &user_data,
                uses_shared_memory: true,
                client: b"client",
                last_server: b"server",
            };
            let mut sent = Vec::new();
            login.encode(&geometry, &mut sent);
            assert_eq!(Login::decode(&sent, &geometry), Ok(Some(login)));
            check(&sent, of_login, order, 1, &user_data, [b"client", b"server"]);

            let (status, server, error) = (Status::Mismatch, b"server", b"text");
            let response = LoginResponse { sequences, user_data: &user_data, status, server, error };
            let mut sent = Vec::new();
            response.encode(&geometry, &mut sent);
            assert_eq!(LoginResponse::decode(&sent, &geometry), Ok(Some(response)));
            check(&sent, of_response, order, 1, &user_data, [b"server", b"text"]);
        }
    }
}

fn check(
    sent: &[u8],
    [data, flag, name, text, size, len]: [usize; 6],
    order: ByteOrder,
    expected_flag: u8,
    user_data: &[u8],
    [first, second]: [&[u8]; 2],
) {
    assert_eq!(sent.len(), len);
    let header = Header::decode(*sent.first_chunk().expect("a header"), order);
    assert_eq!((usize::from(header.size), header.ack), (size, 0x0102_0304));
    assert_eq!((&sent[data..][..user_data.len()], sent[flag]), (user_data, expected_flag));
    assert_eq!((&sent[name..][..first.len()], &sent[text..][..second.len()]), (first, second));
    let used = 16 + user_data.len() + 1 + first.len() + second.len();
    let zeros = sent[16..].iter().filter(|byte| **byte == 0).count();
    assert_eq!(zeros, len - used, "everything else is zero");
}

#[test]
fn a_geometry_that_no_peer_can_have_is_refused() {
    let data = UserData::default();
    let of_names = |size| Geometry::new(size, ByteOrder::Little, data, data).map(|_| ());
    assert_eq!([1, 257].map(of_names), [1, 257].map(|size| Err(GeometryError::NameSize(size))));
    assert_eq!([0, 1025].map(UserData::new), [0, 1025].map(|len| Err(GeometryError::UserDataLen(len))));
    assert_eq!(UserData::aligned(8, 3), Err(GeometryError::UserDataAlign(3)));
    assert!(Geometry::new(256, ByteOrder::Big, UserData::new(1024).expect("a size"), data).is_ok());
}

#[test]
fn a_login_of_another_geometry_is_refused_with_its_header() {
    let (small, large) =
        (Geometry::default(), Geometry::new(32, ByteOrder::Little, UserData::default(), UserData::default()));
    let large = large.expect("a geometry");
    let mut sent = Vec::new();
    let login = Login {
        sequences: Sequences::default(),
        user_data: &[],
        uses_shared_memory: false,
        client: b"c",
        last_server: b"",
    };
    login.encode(&small, &mut sent);
    assert_eq!(Login::decode(&sent[..7], &large), Ok(None));
    assert_eq!(Login::decode(&sent[..8], &large), Err(Error::Malformed("login")));
    assert!(Login::may_begin_with(&sent[..1], &small) && !Login::may_begin_with(&sent[..1], &large));
    // A response is not a login.
    assert_eq!(LoginResponse::decode(&sent, &small), Err(Error::Malformed("login response")));
}

#[test]
fn names_that_no_file_can_have_are_refused() {
    let long = "n".repeat(256);
    let cases = [
        ("", NameError::Empty),
        (&long, NameError::TooLong),
        ("a/b", NameError::Forbidden),
        ("..", NameError::Forbidden),
        (".hidden", NameError::Forbidden),
        ("line\nbreak", NameError::Forbidden),
        ("\u{7f}", NameError::Forbidden),
    ];
    for (name, error) in cases {
        assert_eq!(Name::new(name), Err(error), "{name:?}");
    }
    assert_eq!(Name::from_wire(b"\xff\xfe"), Err(NameError::Forbidden));
    assert!(["a", "order_gateway", "größe", "a.b", "a b"].iter().all(|name| Name::new(name).is_ok()));
}

#[test]
fn a_header_that_an_end_must_not_send_is_refused() {
    let header = |size, message_type| Header { size, message_type, ack: 0 }.check();
    for size in 0..8 {
        assert_eq!(header(size, 1), Err(Error::FrameTooSmall { len: size.into(), min: 8 }));
    }
    assert_eq!(header(9, 0), Err(Error::Malformed("heartbeat")));
    assert_eq!([header(8, 0), header(8, 1), header(u16::MAX, 9)], [Ok(()); 3]);
}
