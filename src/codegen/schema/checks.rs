//! Checks that need all structs. Nothing here recurses over structs, or visits a struct again for each of its
//! users: the input chooses how many there are.

use super::{Schema, StructId, Type, resolve::Resolver, types::PAIRS_HINT};
use crate::diagnostic::Fault;

impl Resolver<'_> {
    pub(super) fn check(&mut self) {
        self.check_containment();
        self.check_struct_keys();
    }

    /// No struct may contain itself through others; a value of it would have no end.
    fn check_containment(&mut self) {
        let mut states = vec![State::New; self.schema.structs.len()];
        for start in 0..states.len() {
            if states[start] == State::New {
                self.walk(StructId(start), &mut states);
            }
        }
    }

    /// Follows the structs in fields depth first, with an explicit stack.
    fn walk(&mut self, start: StructId, states: &mut [State]) {
        states[start.0] = State::Open;
        let mut stack = vec![(start, 0)];
        while let Some((id, next)) = stack.last_mut() {
            let Some(field) = self.schema.structs[id.0].fields.get(*next) else {
                states[id.0] = State::Done;
                stack.pop();
                continue;
            };
            *next += 1;
            let Type::Struct(inner) = field.ty else { continue };
            match states[inner.0] {
                State::New => {
                    states[inner.0] = State::Open;
                    stack.push((inner, 0));
                }
                State::Open if !self.report.is_full() => {
                    let (site, fault) = (field.site, self.circle(&stack, inner));
                    self.report.error(site, fault);
                }
                State::Open | State::Done => {}
            }
        }
    }

    fn circle(&self, stack: &[(StructId, usize)], to: StructId) -> Fault {
        let from = stack.iter().position(|(id, _)| *id == to).unwrap_or(0);
        let around = stack[from..].iter().map(|(id, _)| *id).chain([to]);
        let mut names: Vec<String> = around.map(|id| self.schema.structure(id).path()).collect();
        if names.len() > CIRCLE_SHOWN_MAX {
            names.splice(CIRCLE_SHOWN_MAX / 2..names.len() - CIRCLE_SHOWN_MAX / 2, ["…".to_owned()]);
        }
        let fault = Fault::new(format!("these structs contain each other: {}", names.join(" -> ")));
        fault.hint("a `vector` of one of them is possible")
    }

    /// Structs that are keys of maps should have an order.
    fn check_struct_keys(&mut self) {
        let keys = std::mem::take(&mut self.symbols.struct_keys);
        if keys.is_empty() {
            return;
        }
        let floats = self.schema.structs_holding(|ty| matches!(ty, Type::Float | Type::Double));
        for (id, site) in keys {
            let structure = self.schema.structure(id);
            let path = structure.path();
            if let Some((holder, field)) = floats[id.0] {
                let holder = self.schema.structure(holder);
                let name = format!("{}.{}", holder.path(), holder.fields[field].name);
                let fault = Fault::new(format!("`{path}` makes a poor key: `{name}` holds a float"));
                self.report.lint(site, fault.hint(PAIRS_HINT));
            } else if structure.key.is_empty() {
                let fault = Fault::new(format!("`{path}` has no `key`, so all its fields are compared"));
                self.report.lint(site, fault.hint(format!("C++ needs `key[{path}, …]`")));
            }
        }
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

impl Schema {
    /// For each struct, a field in which the struct, or a struct inside it, has a type for which `is` holds.
    pub(crate) fn structs_holding(&self, is: impl Fn(&Type) -> bool) -> Vec<Option<(StructId, usize)>> {
        let mut holding = vec![None; self.structs.len()];
        let mut users = vec![Vec::new(); self.structs.len()];
        for (index, structure) in self.structs.iter().enumerate() {
            for (at, field) in structure.fields.iter().enumerate() {
                field.ty.visit(&mut |ty| match ty {
                    Type::Struct(inner) => users[inner.0].push(index),
                    ty if is(ty) => holding[index] = holding[index].or(Some((StructId(index), at))),
                    _ => {}
                });
            }
        }
        let mut left: Vec<usize> = (0..holding.len()).filter(|index| holding[*index].is_some()).collect();
        while let Some(index) = left.pop() {
            for &user in &users[index] {
                if holding[user].is_none() {
                    holding[user] = holding[index];
                    left.push(user);
                }
            }
        }
        holding
    }
}

impl Type {
    /// Calls `look` for this type and its parts, which nest only as deep as the parser allows.
    pub(crate) fn visit(&self, look: &mut impl FnMut(&Self)) {
        look(self);
        match self {
            Self::Vector(element) => element.visit(look),
            Self::Map(key, value) => {
                key.visit(look);
                value.visit(look);
            }
            _ => {}
        }
    }
}

/// A message shows at most this many structs of a cycle.
const CIRCLE_SHOWN_MAX: usize = 8;
