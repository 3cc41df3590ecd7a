//! Names for data on the wire, which has only tags: structs and operations by name, and their contents by
//! tag.

use super::{Definition, Enum, Field, Interface, Operation, Parameter, Schema, Struct, StructId};

impl Schema {
    /// The struct `Module::Struct`, or `Module.Struct` as TUP writes it. The module may be left out if only
    /// one module has a struct of that name.
    pub fn find_struct(&self, path: &str) -> Option<StructId> {
        let (module, name) = match path.split_once("::").or_else(|| path.split_once('.')) {
            Some((module, name)) => (Some(module), name),
            None => (None, path),
        };
        let is_meant = |of: &Struct| of.name == name && module.is_none_or(|module| of.module == module);
        let mut meant = (0..self.structs.len()).filter(|index| is_meant(&self.structs[*index]));
        let found = meant.next()?;
        meant.next().is_none().then_some(StructId(found))
    }

    /// The operations with this name, each with its interface and the interface's module.
    pub fn find_operations<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Interface, &'a Operation)> {
        self.modules.iter().flat_map(move |module| {
            let interfaces = module.definitions.iter().filter_map(|definition| match definition {
                Definition::Interface(interface) => Some(interface),
                _ => None,
            });
            interfaces.filter_map(move |interface| {
                let operation = interface.operations.iter().find(|operation| operation.name == name)?;
                Some((module.name.as_str(), interface, operation))
            })
        })
    }
}

impl Struct {
    /// The field with this tag.
    pub fn field(&self, tag: u8) -> Option<&Field> {
        let index = self.fields.binary_search_by_key(&tag, |field| field.tag).ok()?;
        Some(&self.fields[index])
    }
}

impl Operation {
    /// The parameter with this tag; the result has tag 0.
    pub fn parameter(&self, tag: u8) -> Option<&Parameter> {
        self.parameters.get(usize::from(tag).checked_sub(1)?)
    }
}

impl Enum {
    /// The name of this value; of several, the first.
    pub fn name_of(&self, value: i32) -> Option<&str> {
        self.enumerators.iter().find(|one| one.value == value).map(|one| one.name.as_str())
    }
}
