//! The standard `process_*` metrics, from /proc.

use std::fs;

use super::metrics::Page;

/// Writes those that this system provides.
pub(super) fn render(page: &mut Page) {
    if let Some(stat) = read("stat").as_deref().and_then(Stat::parse) {
        let (ticks, pages) =
            (rustix::param::clock_ticks_per_second() as f64, rustix::param::page_size() as u64);
        let cpu = (stat.user_ticks + stat.system_ticks) as f64 / ticks;
        one(page, "process_cpu_seconds_total", "counter", "User and system CPU time spent.", cpu);
        one(page, "process_virtual_memory_bytes", "gauge", "Virtual memory size.", stat.virtual_bytes as f64);
        let resident = (stat.resident_pages * pages) as f64;
        one(page, "process_resident_memory_bytes", "gauge", "Resident memory size.", resident);
        one(page, "process_threads", "gauge", "Number of threads.", stat.threads as f64);
        if let Some(boot) = boot_seconds() {
            let start = boot + stat.start_ticks as f64 / ticks;
            one(page, "process_start_time_seconds", "gauge", "Start of the process since the epoch.", start);
        }
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory itself.
        let open = entries.count().saturating_sub(1);
        one(page, "process_open_fds", "gauge", "Number of open file descriptors.", open as f64);
    }
    let limits = read("limits").unwrap_or_default();
    for (line, name, help) in [
        ("Max open files", "process_max_fds", "Maximum number of open file descriptors."),
        ("Max address space", "process_virtual_memory_max_bytes", "Maximum amount of virtual memory."),
    ] {
        if let Some(limit) = soft_limit(&limits, line) {
            one(page, name, "gauge", help, limit);
        }
    }
}

fn one(page: &mut Page, name: &str, kind: &str, help: &str, value: f64) {
    page.family(name, kind, help);
    page.sample(name, &[], value);
}

/// The fields of /proc/self/stat that are used; see proc_pid_stat(5).
struct Stat {
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program, in parentheses, may hold anything; the state, field 3, follows it.
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            user_ticks: field(14)?,
            system_ticks: field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// The value in effect, if there is a limit.
fn soft_limit(limits: &str, line: &str) -> Option<f64> {
    let rest = limits.lines().find_map(|found| found.strip_prefix(line))?;
    // "unlimited" is not a number.
    rest.split_whitespace().next()?.parse().ok()
}

fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{name}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_have_spaces_and_parentheses() {
        let numbers = (3..=52).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let stat = Stat::parse(&format!("1 (a) b) {numbers}\n")).expect("complete");
        assert_eq!((stat.user_ticks, stat.start_ticks, stat.resident_pages), (14, 22, 24));
        for broken in ["", "1 (a) S", "1 (a"] {
            assert!(Stat::parse(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let text = "Limit   Soft Limit  Hard Limit  Units\nMax open files      1024     524288     files\n\
                    Max address space         unlimited            unlimited            bytes\n";
        assert_eq!(soft_limit(text, "Max open files"), Some(1024.0));
        assert_eq!(soft_limit(text, "Max address space"), None);
        assert_eq!(soft_limit(text, "Max something"), None);
    }
}
