//! `key[Struct, a, b]`: the order of structs.

use super::{lookup::TypeId, resolve::Resolver};
use crate::{
    ast::{Definition, Item, Key},
    diagnostic::Fault,
};

impl Resolver<'_> {
    /// Resolves all keys, after all fields are known.
    pub(super) fn keys(&mut self) {
        let sources = self.report.sources;
        for (file, source) in sources.iter().enumerate() {
            self.file = file;
            for item in &source.file.items {
                match item {
                    Item::Key(key) => self.key("", key),
                    Item::Module(module) => {
                        for definition in &module.definitions {
                            if let Definition::Key(key) = definition {
                                self.key(&module.name.text, key);
                            }
                        }
                    }
                }
            }
        }
    }

    fn key(&mut self, module: &str, key: &Key) {
        let Some(found) = self.find_type(module, &key.of) else { return };
        let TypeId::Struct(id) = found else {
            self.error(key.of.span, Fault::new(format!("`{}` is an enum, which has its order", key.of)));
            return;
        };
        let structure = &self.schema.structs[id.0];
        if !structure.key.is_empty() {
            let message = format!("struct `{}` has a key already", structure.path());
            self.error(key.of.span, Fault::new(message));
            return;
        }
        let mut members = Vec::with_capacity(key.members.len());
        for member in &key.members {
            let position =
                self.schema.structs[id.0].fields.iter().position(|field| field.name == member.text);
            match position {
                Some(index) if members.contains(&index) => {
                    self.error(member.span, Fault::new(format!("`{}` is in this key already", member.text)));
                }
                Some(index) => members.push(index),
                None => {
                    let message = format!("struct `{}` has no field `{}`", key.of, member.text);
                    self.error(member.span, Fault::new(message));
                }
            }
        }
        self.schema.structs[id.0].key = members;
    }
}
