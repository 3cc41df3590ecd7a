use std::os::fd::OwnedFd;

/// The files whose sync is in progress, by number. They are open until it has ended, since the kernel looks a descriptor
/// up when the operation is submitted.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    files: Vec<Option<OwnedFd>>,
    /// Numbers that are not in use.
    free: Vec<u32>,
}

impl Syncs {
    pub(super) fn insert(&mut self, file: OwnedFd) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.files.push(None);
            (self.files.len() - 1) as u32
        });
        self.files[number as usize] = Some(file);
        number
    }

    pub(super) fn remove(&mut self, number: u32) {
        if self.files[number as usize].take().is_some() {
            self.free.push(number);
        }
    }
}
