//! TCP: queues of new connections, ports, congestion control.

use super::{Condition, Finding, Host, Needs};

pub(super) fn somaxconn(host: &Host) -> Finding {
    at_least(host, "somaxconn", "net.core.somaxconn", "a burst of new connections is refused")
}

pub(super) fn syn_backlog(host: &Host) -> Finding {
    let condition = "syn backlog";
    at_least(
        host,
        condition,
        "net.ipv4.tcp_max_syn_backlog",
        "a burst of new connections waits for a second try",
    )
}

/// Both are clamped to, or meant for, the backlog that the server asks for.
fn at_least(host: &Host, name: &'static str, sysctl: &str, cost: &str) -> Finding {
    let condition = Condition::new(name, format!("{BACKLOG} or more"));
    match host.number(&format!("proc/sys/{}", sysctl.replace('.', "/"))) {
        None => condition.unknown("not in /proc"),
        Some(found) if found >= BACKLOG => condition.ok(found.to_string()),
        Some(found) => condition.warning(found.to_string(), format!("sysctl -w {sysctl}={BACKLOG}: {cost}")),
    }
}

pub(super) fn port_range(host: &Host, needs: &Needs) -> Finding {
    let condition =
        Condition::new("port range", format!("{PORTS_MIN} ports or more, none of them listened on"));
    let range = host.read("proc/sys/net/ipv4/ip_local_port_range").and_then(|text| {
        let mut numbers = text.split_whitespace().map(str::parse::<u16>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    let Some((first, last)) = range else { return condition.unknown("not in /proc") };
    let reserved = host.read("proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    let taken: Vec<String> = needs
        .ports
        .iter()
        .filter(|&&port| (first..=last).contains(&port) && !is_listed(&reserved, port))
        .map(u16::to_string)
        .collect();
    let current = format!("{first}-{last}");
    if !taken.is_empty() {
        let ports = taken.join(",");
        let fix = format!(
            "sysctl -w net.ipv4.ip_local_reserved_ports={ports}: an outgoing connection may take the port"
        );
        return condition.warning(format!("{current}, with {ports}"), fix);
    }
    if last.saturating_sub(first) < PORTS_MIN - 1 {
        let fix =
            "sysctl -w net.ipv4.ip_local_port_range=\"32768 60999\": clients on this host run out of ports";
        return condition.warning(current, fix);
    }
    condition.ok(current)
}

pub(super) fn congestion_control(host: &Host) -> Finding {
    let condition = Condition::new("congestion", "cubic, bbr or dctcp");
    match host.read("proc/sys/net/ipv4/tcp_congestion_control") {
        None => condition.unknown("not in /proc"),
        Some(name) if ["cubic", "bbr", "bbr2", "bbr3", "dctcp"].contains(&name.as_str()) => {
            condition.ok(name)
        }
        Some(name) => condition.warning(
            name,
            "sysctl -w net.ipv4.tcp_congestion_control=cubic: others recover slowly from loss",
        ),
    }
}

/// Whether a list such as `8080,9000-9100` has this port.
fn is_listed(list: &str, port: u16) -> bool {
    list.split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().ok();
        number(first).zip(number(last)).is_some_and(|(first, last)| (first..=last).contains(&port))
    })
}

/// What the server passes to listen(2).
const BACKLOG: u64 = 4096;
/// About the default of most systems.
const PORTS_MIN: u16 = 28_000;
