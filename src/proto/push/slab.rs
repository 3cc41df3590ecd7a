/// Values with small numbers that are reused. A [key](Slab::key) identifies one value forever.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.entries[index as usize].value = Some(value);
            return index;
        }
        let index = u32::try_from(self.entries.len()).expect("bounds of the hub are below 2^32");
        self.entries.push(Entry { generation: 0, value: Some(value) });
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(index);
        Some(value)
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.value.as_mut()
    }

    /// The key of the value at `index`, never used for another value.
    pub(super) fn key(&self, index: u32) -> u64 {
        u64::from(index) << 32 | u64::from(self.entries[index as usize].generation)
    }

    /// The index of the value with this key, if it still exists.
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        let index = (key >> 32) as u32;
        let entry = self.entries.get(index as usize)?;
        (entry.value.is_some() && entry.generation == key as u32).then_some(index)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// All indices are below.
    pub(super) fn end(&self) -> u32 {
        self.entries.len() as u32
    }
}
