//! The memory of this process: how much it uses, how much it may use, and how freed memory goes back to the system.
//!
//! What this deliberately is not: an allocator, and an account of what the memory is used for.

use std::{fs, path::Path};

use rustix::process::{Resource, getrlimit};

use crate::cpu::cgroup::Groups;

/// The memory of this process now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Bytes of address space.
    pub virtual_bytes: u64,
    /// Bytes in physical memory.
    pub resident_bytes: u64,
}

impl Usage {
    /// Reads `/proc/self/statm`, which takes some microseconds; zeros where there is none.
    ///
    /// # Examples
    /// ```
    /// use shardcast_os::memory::Usage;
    ///
    /// let usage: Usage = Usage::read();
    /// assert!(usage.virtual_bytes >= usage.resident_bytes);
    /// ```
    pub fn read() -> Self {
        let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        Self::parse(&text, rustix::param::page_size() as u64).unwrap_or_default()
    }

    fn parse(text: &str, page_bytes: u64) -> Option<Self> {
        let mut pages =
            text.split_whitespace().map(|field| field.parse::<u64>().ok()?.checked_mul(page_bytes));
        let (virtual_bytes, resident_bytes) = (pages.next()??, pages.next()??);
        Some(Self { virtual_bytes, resident_bytes })
    }
}

/// What bounds the memory of this process, in bytes. `None` means no limit, or that it is unknown.
///
/// # Examples
/// ```
/// use shardcast_os::memory::{Bounds, Usage};
///
/// assert!(Bounds::read().suggested(Usage::read()) > 0);
/// assert_eq!(Bounds::under("/".as_ref()).machine, Bounds::read().machine);
///
/// const MIB: u64 = 1 << 20;
/// let machine = Bounds { machine: Some(4096 * MIB), ..Bounds::default() };
/// let usage = Usage { virtual_bytes: 200 * MIB, resident_bytes: 20 * MIB };
/// assert_eq!(machine.suggested(usage), 2048 * MIB);
/// // Sockets use memory of the group too.
/// assert_eq!(Bounds { group: Some(1024 * MIB), ..machine }.suggested(usage), 768 * MIB);
/// // Of the address space that is left, the allocator cannot use all.
/// assert!(!machine.limit_address_space());
/// assert_eq!(Bounds { address_space: Some(600 * MIB), ..machine }.suggested(usage), 220 * MIB);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bounds {
    /// The physical memory of the machine.
    pub machine: Option<u64>,
    /// The smallest limit of the cgroups of this process.
    pub group: Option<u64>,
    /// `RLIMIT_AS`.
    pub address_space: Option<u64>,
    /// `RLIMIT_DATA`.
    pub data: Option<u64>,
}

impl Bounds {
    /// Those of this process.
    pub fn read() -> Self {
        Self {
            address_space: getrlimit(Resource::As).current,
            data: getrlimit(Resource::Data).current,
            ..Self::under(Path::new("/"))
        }
    }

    /// Those of the machine and of the cgroups, for the system whose root is `root` (`/` is this one).
    pub fn under(root: &Path) -> Self {
        let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok();
        Self {
            machine: meminfo.and_then(|text| machine_bytes(&text)),
            group: Groups::read_under(root).memory_max(),
            ..Self::default()
        }
    }

    /// Whether the address space of the process is limited.
    pub const fn limit_address_space(&self) -> bool {
        self.address_space.is_some() || self.data.is_some()
    }

    /// How much memory a process that uses `usage` should use at most: three quarters of what its group may, or half
    /// of the machine's, and half of the address space that is left.
    pub fn suggested(&self, usage: Usage) -> u64 {
        let group = self.group.map(|bytes| bytes / 4 * 3);
        let machine = self.machine.map(|bytes| bytes / 2);
        let left = [self.address_space, self.data].into_iter().flatten().min();
        let left = left.map(|bytes| usage.resident_bytes + bytes.saturating_sub(usage.virtual_bytes) / 2);
        [group, machine, left].into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

/// Returns the free memory of the allocator to the system. It takes a millisecond for some ten MiB that are returned,
/// and other threads may have to wait for it when they allocate.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time from any thread; it changes no memory that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Makes the allocator use little address space, for a process in which that is limited: one heap for all threads,
/// instead of 64 MiB of address space for each, and a mapping of its own for each large block. Call it before other
/// threads start; it costs speed where threads allocate at the same time.
pub fn save_address_space() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) changes two numbers of the allocator, which it reads under its own locks.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    }
}

/// Blocks of this size get a mapping of their own.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES_MIN: libc::c_int = 128 << 10;

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_in_pages() {
        let usage = Usage { virtual_bytes: 40_960, resident_bytes: 8192 };
        assert_eq!(Usage::parse("10 2 1 0 0 3 0\n", 4096), Some(usage));
        for broken in ["", "1", "a b", "18446744073709551615 1"] {
            assert_eq!(Usage::parse(broken, 4096), None, "{broken}");
        }
    }

    #[test]
    fn the_memory_of_the_machine_is_read_in_kib() {
        assert_eq!(machine_bytes("MemTotal:       24683920 kB\nMemFree: 1 kB\n"), Some(24_683_920 << 10));
        assert_eq!(machine_bytes("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn freed_memory_goes_back() {
        let blocks: Vec<Vec<u8>> = (0..2000).map(|_| vec![1; 60_000]).collect();
        let full = Usage::read().resident_bytes;
        drop(blocks);
        give_back();
        assert!(Usage::read().resident_bytes + (64 << 20) < full);
    }
}
