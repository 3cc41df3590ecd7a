use std::collections::HashMap;

use super::slab::Slab;
use crate::{
    Amount, Holder,
    shares::{less, more, parts, would_exceed},
};

/// What the histories of all topics of one shard keep together, with a share for each connection and each address.
///
/// A message counts for the connection that published it. Where it counts is found once; after that, a number leads
/// there, since every publication adds a message to a history, and most remove one.
#[derive(Debug)]
pub(super) struct Kept {
    max: Amount,
    held: Amount,
    /// Of connections and of addresses. Invariant: each has at least one message.
    accounts: Slab<Account>,
    connections: HashMap<(u16, u64), u32>,
    addresses: HashMap<u64, u32>,
    /// The last connection that was found.
    last: Option<(Holder, AccountId)>,
}

/// Where a message counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct AccountId(u32);

#[derive(Debug)]
struct Account {
    held: Amount,
    owner: Owner,
}

#[derive(Clone, Copy, Debug)]
enum Owner {
    /// A connection, and the account of its address.
    Connection((u16, u64), u32),
    Address(u64),
}

impl Kept {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            max: Amount { messages: usize::MAX, bytes: bytes_max },
            held: Amount::default(),
            accounts: Slab::default(),
            connections: HashMap::new(),
            addresses: HashMap::new(),
            last: None,
        }
    }

    /// What is kept.
    pub(super) const fn held(&self) -> Amount {
        self.held
    }

    /// Takes room for a message of `holder`, if there is some, and within its shares.
    pub(super) fn take(&mut self, holder: &Holder, bytes: usize) -> Option<AccountId> {
        let (amount, free) = (Amount::one(bytes), less(self.max, self.held));
        if bytes > free.bytes {
            return None;
        }
        if *holder == Holder::PROGRAM {
            self.held = more(self.held, amount);
            return Some(AccountId::PROGRAM);
        }
        let connection = self.find(holder);
        let address = match connection {
            Some(AccountId(index)) => self.address_of(index),
            None => self.addresses.get(&holder.address).copied(),
        };
        let held = |index: Option<u32>| {
            index.and_then(|index| self.accounts.get(index)).map_or_else(Amount::default, |it| it.held)
        };
        let holds = [held(connection.map(|id| id.0)), held(address)];
        if holds.into_iter().zip(parts(free)).any(|(held, share)| would_exceed(held, amount, share)) {
            return None;
        }
        Some(self.add(connection, holder, amount))
    }

    /// Takes room for a message of `holder`, in place of at least as many bytes that were
    /// [given back](Self::give_back).
    pub(super) fn replace(&mut self, holder: &Holder, bytes: usize) -> AccountId {
        let amount = Amount::one(bytes);
        if *holder == Holder::PROGRAM {
            self.held = more(self.held, amount);
            return AccountId::PROGRAM;
        }
        let connection = self.find(holder);
        self.add(connection, holder, amount)
    }

    /// A message is not kept any more.
    pub(super) fn give_back(&mut self, account: AccountId, bytes: usize) {
        self.held = less(self.held, Amount::one(bytes));
        if account == AccountId::PROGRAM {
            return;
        }
        let address = self.address_of(account.0);
        for index in [Some(account.0), address].into_iter().flatten() {
            let Some(it) = self.accounts.get_mut(index) else { continue };
            it.held = less(it.held, Amount::one(bytes));
            if it.held.messages == 0 {
                self.remove(index);
            }
        }
    }

    fn find(&mut self, holder: &Holder) -> Option<AccountId> {
        if let Some((_, id)) = self.last.filter(|(last, _)| last == holder) {
            return Some(id);
        }
        let id = AccountId(*self.connections.get(&(holder.shard, holder.connection))?);
        self.last = Some((*holder, id));
        Some(id)
    }

    fn address_of(&self, connection: u32) -> Option<u32> {
        match self.accounts.get(connection)?.owner {
            Owner::Connection(_, address) => Some(address),
            Owner::Address(_) => None,
        }
    }

    fn add(&mut self, connection: Option<AccountId>, holder: &Holder, amount: Amount) -> AccountId {
        self.held = more(self.held, amount);
        let id = connection.unwrap_or_else(|| self.open(holder));
        for index in [Some(id.0), self.address_of(id.0)].into_iter().flatten() {
            if let Some(it) = self.accounts.get_mut(index) {
                it.held = more(it.held, amount);
            }
        }
        id
    }

    fn open(&mut self, holder: &Holder) -> AccountId {
        let accounts = &mut self.accounts;
        let mut new = |owner| accounts.insert(Account { held: Amount::default(), owner });
        let address =
            *self.addresses.entry(holder.address).or_insert_with(|| new(Owner::Address(holder.address)));
        let key = (holder.shard, holder.connection);
        let id = new(Owner::Connection(key, address));
        self.connections.insert(key, id);
        self.last = Some((*holder, AccountId(id)));
        AccountId(id)
    }

    fn remove(&mut self, index: u32) {
        self.last = self.last.filter(|(_, id)| id.0 != index);
        match self.accounts.remove(index).map(|it| it.owner) {
            Some(Owner::Connection(key, _)) => _ = self.connections.remove(&key),
            Some(Owner::Address(address)) => _ = self.addresses.remove(&address),
            None => {}
        }
    }
}

impl AccountId {
    /// The program has no share but the whole. No slab is as large.
    const PROGRAM: Self = Self(u32::MAX);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Shares;

    fn holder(connection: u64, address: u8) -> Holder {
        Holder::connection(0, connection, [192, 0, 2, address].into())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Its rule is that of all shares, and what is given back leaves nothing.
        #[test]
        fn it_takes_what_a_share_allows(
            steps in prop::collection::vec((0u64..5, 0u8..3, 0usize..60, 0u8..8), 0..200),
        ) {
            let max = Amount { messages: usize::MAX, bytes: 800 };
            let (mut kept, mut shares, mut taken) = (Kept::new(800), Shares::new(max), Vec::new());
            for (connection, address, bytes, kind) in steps {
                let holder = match connection {
                    4 => Holder::PROGRAM,
                    _ => holder(connection * 10 + u64::from(address), address),
                };
                if kind < 3 && !taken.is_empty() {
                    let (holder, account, bytes) = taken.swap_remove(bytes % taken.len());
                    kept.give_back(account, bytes);
                    shares.give_back(&holder, Amount::one(bytes));
                    continue;
                }
                let account = kept.take(&holder, bytes);
                prop_assert_eq!(account.is_some(), shares.take(&holder, Amount::one(bytes)).is_ok());
                taken.extend(account.map(|account| (holder, account, bytes)));
                prop_assert_eq!(kept.held(), shares.held());
            }
            for (_, account, bytes) in taken {
                kept.give_back(account, bytes);
            }
            prop_assert!(kept.connections.is_empty() && kept.addresses.is_empty());
            prop_assert_eq!((kept.accounts.len(), kept.held()), (0, Amount::default()));
        }
    }

    #[test]
    fn what_takes_the_place_of_others_may_exceed_a_share_and_adds_nothing() {
        let mut kept = Kept::new(900);
        let old = kept.take(&holder(1, 1), 300).expect("a third");
        assert_eq!(kept.take(&holder(1, 1), 1), None);
        let other = kept.take(&holder(2, 2), 200).expect("a third of the rest");
        kept.give_back(other, 200);
        let new = kept.replace(&holder(1, 1), 200);
        assert_eq!((new, kept.held().bytes), (old, 500));
        assert!(kept.take(&holder(3, 3), 130).is_some(), "there is room for others");
    }
}
