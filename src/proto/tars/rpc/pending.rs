//! The requests of one connection that have no response yet.

use crate::{
    RequestId,
    tars::packet::{RequestRef, Version},
};

/// What the response repeats of its request.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) version: Version,
    pub(super) message_type: i32,
    pub(super) request_id: i32,
    /// Servant and function: responses in TUP name them.
    pub(super) names: Option<Box<(String, String)>>,
}

impl Pending {
    /// The same, with empty names.
    pub(super) fn without_names(&self) -> Self {
        let Self { version, message_type, request_id, .. } = *self;
        Self { version, message_type, request_id, names: self.names.is_some().then(Box::default) }
    }

    /// The buffer of a response without results. That of a ping is empty in every version, in JSON too, where other
    /// results are an object: TarsCpp answers a ping before it looks at the version. That was recorded in the versions
    /// 1 and 3 (`01_tars_ping`, `54_tup_ping`), and in JSON for a failure (`52_json_exception`).
    pub(super) fn empty_buffer(&self) -> &'static [u8] {
        match &self.names {
            Some(names) if names.1 != PING => NO_ATTRIBUTES,
            _ => &[],
        }
    }
}

/// Requests by number. The ids of a peer are not used as numbers, since it may use one twice.
#[derive(Debug, Default)]
pub(super) struct PendingTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    one_way: u32,
}

#[derive(Debug, Default)]
struct Slot {
    /// Grows with each use, so that a number is not used twice.
    generation: u32,
    pending: Option<Pending>,
}

impl PendingTable {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, request: &RequestRef<'_>) -> RequestId {
        let names = request.version.is_tup();
        let names = names.then(|| Box::new((request.servant.to_string(), request.func.to_string())));
        let pending = Pending {
            version: request.version,
            message_type: request.message_type,
            request_id: request.request_id,
            names,
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            // Their number is bounded by that of the requests in progress.
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.pending = Some(pending);
        number(slot.generation, index)
    }

    /// A number for a request that gets no response.
    pub(super) fn one_way(&mut self) -> RequestId {
        self.one_way = self.one_way.wrapping_add(1);
        number(self.one_way, ONE_WAY)
    }

    /// A request, if it is there.
    pub(super) fn get(&self, id: RequestId) -> Option<&Pending> {
        let (generation, index) = split(id);
        self.slots.get(index as usize).filter(|slot| slot.generation == generation)?.pending.as_ref()
    }

    /// Removes a request, if it is there.
    pub(super) fn remove(&mut self, id: RequestId) {
        let (generation, index) = split(id);
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        if slot.generation == generation && slot.pending.take().is_some() {
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(index);
        }
    }
}

fn number(generation: u32, index: u32) -> RequestId {
    RequestId(u64::from(generation) << 32 | u64::from(index))
}

fn split(id: RequestId) -> (u32, u32) {
    ((id.0 >> 32) as u32, id.0 as u32)
}

/// TUP: a map without attributes in field 0. Some clients cannot read an empty buffer.
const NO_ATTRIBUTES: &[u8] = &[0x08, 0x0c];

/// The function that every servant has.
const PING: &str = "tars_ping";

/// No table has so many slots.
const ONE_WAY: u32 = u32::MAX;
