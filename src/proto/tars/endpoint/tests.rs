use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect(text)
}

fn hosts(text: &str) -> Vec<(String, u16)> {
    let object: ObjectRef = text.parse().expect(text);
    assert_eq!(object.to_string().parse(), Ok(object.clone()), "{text}");
    object.endpoints.into_iter().map(|endpoint| (endpoint.host, endpoint.port)).collect()
}

fn pairs(expected: &[(&str, u16)]) -> Vec<(String, u16)> {
    expected.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect()
}

#[test]
fn guide_object_parses() {
    let text = "Test.TestPushServer.TestPushServantObj@tcp -h 10.120.129.226 -t 60000 -p 10099";
    let object: ObjectRef = text.parse().expect("parses");
    assert_eq!(object.name, "Test.TestPushServer.TestPushServantObj");
    assert_eq!(object.hash, None);
    let [endpoint] = &object.endpoints[..] else { panic!("one endpoint") };
    assert_eq!(
        (endpoint.transport, &*endpoint.host, endpoint.port),
        (Transport::Tcp, "10.120.129.226", 10099)
    );
    assert_eq!(endpoint.idle_timeout(), Some(Duration::from_secs(60)));
    assert_eq!(endpoint.to_string(), "tcp -h 10.120.129.226 -p 10099 -t 60000");
}

#[test]
fn left_out_options_have_their_defaults() {
    let endpoint = endpoint("ssl");
    assert_eq!(endpoint, Endpoint::new(Transport::Ssl));
    assert_eq!(endpoint.to_string(), "ssl -h 0.0.0.0 -p 0 -t 3000");
    assert_eq!(endpoint.idle_timeout(), Some(Duration::from_secs(3)));
}

#[test]
fn options_mean_what_tarscpp_makes_of_them() {
    let check = |text: &str, printed: &str| assert_eq!(endpoint(text).to_string(), printed, "{text}");
    check("tcp -h *", "tcp -h 0.0.0.0 -p 0 -t 3000");
    check("\ttcp  -p\t1 -h a ", "tcp -h a -p 1 -t 3000");
    check("tcp -h a -h b", "tcp -h b -p 0 -t 3000");
    check("tcp -h a -t 0", "tcp -h a -p 0 -t 0");
    check("tcp -h a -v 1", "tcp -h a -p 0 -t 3000 -w 100 -v 1");
    check("tcp -h a -v 1 -w 7", "tcp -h a -p 0 -t 3000 -w 7 -v 1");
    check("tcp -h a -w 5000", "tcp -h a -p 0 -t 3000 -w 100");
    check("tcp -h a -e 0 -g 1 -q 2 -s x.y.1", "tcp -s x.y.1 -h a -p 0 -t 3000 -g 1 -q 2");
    check("udp -h a -e 1", "udp -h a -p 0 -t 3000 -e 1");
    check("tcp -h a -b 1.2.3.4 -z -p 5", "tcp -h a -p 5 -t 3000");
}

#[test]
fn idle_timeout_is_whole_seconds() {
    assert_eq!(endpoint("tcp -t 999").idle_timeout(), None);
    assert_eq!(endpoint("tcp -t 1999").idle_timeout(), Some(Duration::from_secs(1)));
}

#[test]
fn list_is_split_only_between_endpoints() {
    let check = |list: &str, expected: &[(&str, u16)]| {
        assert_eq!(hosts(&format!("A.B.C@{list}")), pairs(expected), "{list}");
    };
    let two = [("a", 1), ("b", 2)];
    for list in [
        "tcp -h a -p 1:tcp -h b -p 2",
        "tcp -h a -p 1 : udp -h b -p 2",
        "tcp -h a -p 1: ssl -h b -p 2",
        "tcp -h a -p 1 :tcp -h b -p 2",
        "tcp -h a -p 1 tcp -h b -p 2",
        " :tcp -h a -p 1:tcp -h b -p 2: ",
    ] {
        check(list, &two);
    }
    check("tcp -h tcp.example.com -p 1:tcp -h my-ssl-udp -p 2", &[("tcp.example.com", 1), ("my-ssl-udp", 2)]);
    check("tcp -h tcp -p 1:udp -h udp -p 2", &[("tcp", 1), ("udp", 2)]);
    check("tcp -h a:tcp:ssl -p 3", &[("a", 0), ("0.0.0.0", 0), ("0.0.0.0", 3)]);
    check("tcp -p 1 -h ::1:tcp -p 2 -h fe80::2", &[("::1", 1), ("fe80::2", 2)]);
    check("tcp -p 1 -h :::tcp -h ::", &[("::", 1), ("::", 0)]);
    check("tcp -p 1 -h :: : tcp -h 2001:db8::", &[("::", 1), ("2001:db8::", 0)]);
}

#[test]
fn object_without_endpoints_is_for_the_registry() {
    let object: ObjectRef = "A.B.C#3".parse().expect("parses");
    assert_eq!((&*object.name, object.hash.as_deref(), object.endpoints.len()), ("A.B.C", Some("3"), 0));
    assert_eq!(object.to_string(), "A.B.C#3");
    assert_eq!(hosts("A.B.C#3@tcp -h a"), pairs(&[("a", 0)]));
}

#[test]
fn errors_say_what_and_where() {
    use EndpointReason::*;
    let check = |text: &str, at: usize, reason: EndpointReason| {
        assert_eq!(text.parse::<ObjectRef>(), Err(EndpointError { at, reason }), "{text}");
    };
    check("", 0, NoName);
    check("@tcp", 0, NoName);
    check("#1@tcp", 0, NoName);
    check("A@", 2, NoEndpoint);
    check("A@ : ", 2, NoEndpoint);
    check("A@http -h a", 2, NoTransport);
    check("A@tcp:http -h a", 2, NoTransport);
    check("A@tcp -h", 6, NoValue('h'));
    check("A@tcp -h -p 1", 6, NoValue('h'));
    check("A@tcp -t -5", 6, NoValue('t'));
    check("A@tcp -h a b", 11, NoOption);
    check("A@tcp -host a", 6, NoOption);
    check("A@tcp - a", 6, NoOption);
    check("A@tcp -p 65536", 9, BadNumber { option: 'p', max: 65_535 });
    check("A@tcp -p 1x", 9, BadNumber { option: 'p', max: 65_535 });
    check("A@tcp -h a:tcp -e 2", 18, BadNumber { option: 'e', max: 1 });
    check("A@tcp -t 2147483648", 9, BadNumber { option: 't', max: 2_147_483_647 });
    let error = "tcp -p x".parse::<Endpoint>().expect_err("no number");
    assert_eq!(error.to_string(), "value of option `-p` is not a whole number from 0 to 65535, at byte 7");
}

proptest! {
    #[test]
    fn any_text_that_parses_is_printed_to_the_same_value(text in "[A-C@#: \t:tcpudsl.0-9é-]{0,60}") {
        if let Ok(object) = text.parse::<ObjectRef>() {
            prop_assert_eq!(object.to_string().parse(), Ok(object));
        }
    }

    #[test]
    fn any_list_of_endpoints_round_trips(
        list in prop::collection::vec(("[a-z0-9.]{1,12}|::|::1|fe80::1:2", any::<u16>(), 0..=i32::MAX as u32), 1..5),
    ) {
        let endpoints = list.into_iter().map(|(host, port, timeout)| Endpoint {
            host, port, timeout: Duration::from_millis(timeout.into()), ..Endpoint::new(Transport::Tcp)
        }).collect();
        let object = ObjectRef { name: "A.B.C".into(), hash: None, endpoints };
        prop_assert_eq!(object.to_string().parse(), Ok(object));
    }
}
