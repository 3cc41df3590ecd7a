//! Shares of what many have in common: no connection and no address can take all of it.
//!
//! The rule is the same everywhere. *A connection may hold at most half as much as is still free, an address at most
//! four times as much.* So a connection alone gets a third of the whole, and an address alone four fifths; the
//! more holders there are, the smaller their shares, and something always stays free for the next one. Who holds
//! nothing gets one piece even if that is more than its share. (Choudhury and Hahne, "Dynamic queue length
//! thresholds for shared-memory packet switches", 1998.)

use core::net::IpAddr;
use std::collections::HashMap;

use crate::Amount;

/// Who holds a part of something shared: a connection and its address, or the program itself, which has no share but
/// the whole.
///
/// # Examples
/// ```
/// use shardcast_proto::Holder;
///
/// let holder = |connection, ip: &str| Holder::connection(0, connection, ip.parse().expect("an address"));
/// assert_eq!(holder(1, "192.0.2.1").address, holder(2, "::ffff:192.0.2.1").address);
/// // One host of IPv6 has a network of 64 bits.
/// assert_eq!(holder(1, "2001:db8::1").address, holder(1, "2001:db8::2").address);
/// assert_eq!(Holder::default(), Holder::PROGRAM);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Holder {
    /// The shard of the connection.
    pub shard: u16,
    /// A number that no other connection of this shard ever has.
    pub connection: u64,
    /// Its address: all of IPv4, the network of IPv6.
    pub address: u64,
}

impl Holder {
    /// The program itself.
    pub const PROGRAM: Self = Self { shard: 0, connection: u64::MAX, address: 0 };

    /// A connection from `ip`.
    pub fn connection(shard: u16, connection: u64, ip: IpAddr) -> Self {
        let address = match ip.to_canonical() {
            IpAddr::V4(ip) => u32::from(ip).into(),
            IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
        };
        Self { shard, connection, address }
    }

    const fn is_program(&self) -> bool {
        self.connection == Self::PROGRAM.connection
    }
}

impl Default for Holder {
    fn default() -> Self {
        Self::PROGRAM
    }
}

/// A bounded amount, with a share for each connection and each address.
///
/// # Examples
/// ```
/// use shardcast_proto::{Amount, Holder, NoRoom, Shares};
///
/// let mut shares = Shares::new(Amount { messages: 90, bytes: 9_000 });
/// let greedy = Holder::connection(0, 1, [192, 0, 2, 1].into());
/// let mut held = 0;
/// while shares.take(&greedy, Amount::one(1)).is_ok() {
///     held += 1;
/// }
/// assert_eq!(held, 30, "a third");
///
/// let other = Holder::connection(0, 2, [192, 0, 2, 2].into());
/// assert_eq!(shares.take(&other, Amount::one(1)), Ok(()));
/// assert_eq!(shares.take(&other, Amount::one(5_000)), Err(NoRoom { taken: 1, max: 29 }));
/// shares.give_back(&greedy, Amount { messages: 30, bytes: 30 });
/// assert_eq!(shares.held(), Amount::one(1));
/// ```
#[derive(Debug)]
pub struct Shares {
    max: Amount,
    held: Amount,
    holders: Holders,
}

/// There is no room for a holder.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{taken} of {max} places are taken")]
pub struct NoRoom {
    /// Places that are taken: by the holder, or by all.
    pub taken: u64,
    /// Those that it may have: its share, or the bound for all.
    pub max: u64,
}

impl Shares {
    /// Nothing is held.
    pub fn new(max: Amount) -> Self {
        Self { max, held: Amount::default(), holders: Holders::default() }
    }

    /// Takes `amount` for `holder`.
    ///
    /// # Errors
    /// It is more than its share, or than there is.
    pub fn take(&mut self, holder: &Holder, amount: Amount) -> Result<(), NoRoom> {
        let free = less(self.max, self.held);
        if !fits(amount, free) {
            return Err(NoRoom { taken: self.held.messages as u64, max: self.max.messages as u64 });
        }
        self.holders.take(holder, amount, free)?;
        self.held = more(self.held, amount);
        Ok(())
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, holder: &Holder, amount: Amount) {
        self.holders.give_back(holder, amount);
        self.held = less(self.held, amount);
    }

    /// What is held by all.
    pub const fn held(&self) -> Amount {
        self.held
    }
}

/// What each connection and each address holds of something whose bound is kept elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    connections: HashMap<(u16, u64), Amount>,
    addresses: HashMap<u64, Amount>,
}

impl Holders {
    /// Takes `amount`, if it is within the shares of the holder while this much is `free`.
    pub(crate) fn take(&mut self, holder: &Holder, amount: Amount, free: Amount) -> Result<(), NoRoom> {
        if holder.is_program() {
            return Ok(());
        }
        let key = (holder.shard, holder.connection);
        let connection = self.connections.get(&key).copied().unwrap_or_default();
        let address = self.addresses.get(&holder.address).copied().unwrap_or_default();
        for (held, share) in [connection, address].into_iter().zip(parts(free)) {
            if would_exceed(held, amount, share) {
                return Err(NoRoom { taken: held.messages as u64, max: share.messages as u64 });
            }
        }
        self.connections.insert(key, more(connection, amount));
        self.addresses.insert(holder.address, more(address, amount));
        Ok(())
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&mut self, holder: &Holder, amount: Amount) {
        if holder.is_program() {
            return;
        }
        let connection = (holder.shard, holder.connection);
        if let Some(held) = self.connections.get_mut(&connection) {
            *held = less(*held, amount);
            if held.messages == 0 {
                self.connections.remove(&connection);
            }
        }
        if let Some(held) = self.addresses.get_mut(&holder.address) {
            *held = less(*held, amount);
            if held.messages == 0 {
                self.addresses.remove(&holder.address);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.addresses.is_empty()
    }
}

/// What a connection, and what an address, may hold while this much is free.
pub(crate) const fn parts(free: Amount) -> [Amount; 2] {
    let half = Amount { messages: free.messages / 2, bytes: free.bytes / 2 };
    let four = Amount { messages: free.messages.saturating_mul(4), bytes: free.bytes.saturating_mul(4) };
    [half, four]
}

/// Whether `amount` is too much for who holds that much, and may hold `share`.
pub(crate) const fn would_exceed(held: Amount, amount: Amount, share: Amount) -> bool {
    held.messages > 0 && !fits(more(held, amount), share)
}

const fn fits(amount: Amount, room: Amount) -> bool {
    amount.messages <= room.messages && amount.bytes <= room.bytes
}

pub(crate) const fn more(held: Amount, amount: Amount) -> Amount {
    Amount { messages: held.messages + amount.messages, bytes: held.bytes.saturating_add(amount.bytes) }
}

pub(crate) const fn less(held: Amount, amount: Amount) -> Amount {
    let Amount { messages, bytes } = held;
    Amount { messages: messages.saturating_sub(amount.messages), bytes: bytes.saturating_sub(amount.bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holder(connection: u64, address: u8) -> Holder {
        Holder::connection(0, connection, [192, 0, 2, address].into())
    }

    fn take_all(shares: &mut Shares, holder: &Holder) -> usize {
        (0..).take_while(|_| shares.take(holder, Amount::one(1)).is_ok()).count()
    }

    #[test]
    fn something_stays_free_for_the_next_connection_and_the_next_address() {
        let mut shares = Shares::new(Amount { messages: 60_000, bytes: usize::MAX });
        assert_eq!(take_all(&mut shares, &holder(0, 1)), 20_000);
        let of_one_address: usize = (1..1000).map(|it| take_all(&mut shares, &holder(it, 1))).sum();
        // Four fifths, and the first piece of each is not measured against its own share.
        assert!((47_990..=48_010).contains(&(20_000 + of_one_address)), "{of_one_address}");
        for address in 2..=6 {
            let free = 60_000 - shares.held().messages;
            let held = take_all(&mut shares, &holder(2000 + u64::from(address), address));
            assert!(held.abs_diff(free / 3) <= 1, "{held} of {free}");
        }
    }

    #[test]
    fn the_program_may_take_everything() {
        let mut shares = Shares::new(Amount { messages: 10, bytes: 1000 });
        assert_eq!(take_all(&mut shares, &Holder::PROGRAM), 10);
        assert_eq!(shares.take(&holder(1, 1), Amount::one(1)), Err(NoRoom { taken: 10, max: 10 }));
    }

    #[test]
    fn a_share_is_also_one_of_bytes() {
        let mut shares = Shares::new(Amount { messages: 1000, bytes: 3000 });
        // The first piece may be larger than the share, not larger than what is free.
        assert!(shares.take(&holder(1, 1), Amount::one(3001)).is_err());
        assert!(shares.take(&holder(1, 1), Amount::one(2000)).is_ok());
        assert!(shares.take(&holder(1, 1), Amount::one(1)).is_err());
        assert!(shares.take(&holder(2, 2), Amount::one(500)).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_given_back_leaves_nothing(steps in prop::collection::vec((0u64..5, 0u8..3, 0usize..50), 0..200)) {
            let mut shares = Shares::new(Amount { messages: 40, bytes: 800 });
            let mut taken = Vec::new();
            for (connection, address, bytes) in steps {
                let holder = holder(connection * 10 + u64::from(address), address);
                match shares.take(&holder, Amount::one(bytes)) {
                    Ok(()) => taken.push((holder, bytes)),
                    Err(_) if bytes % 2 == 0 && !taken.is_empty() => {
                        let (holder, bytes) = taken.swap_remove(bytes % taken.len());
                        shares.give_back(&holder, Amount::one(bytes));
                    }
                    Err(_) => {}
                }
                prop_assert_eq!(shares.held().messages, taken.len());
                prop_assert_eq!(shares.held().bytes, taken.iter().map(|it| it.1).sum::<usize>());
                prop_assert!(shares.held().messages <= 40 && shares.held().bytes <= 800);
            }
            for (holder, bytes) in taken {
                shares.give_back(&holder, Amount::one(bytes));
            }
            prop_assert!(shares.holders.is_empty() && shares.held() == Amount::default());
        }
    }
}
