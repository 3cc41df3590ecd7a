//! Structs, enums and consts.

use super::{Code, Comparison, Definitions, by_name};
use crate::schema::{Const, Enum, Field, Schema, Site, Struct, Type, Value};

impl Comparison<'_> {
    pub(super) fn structure(&mut self, old: &Struct, new: &Definitions<'_>) {
        if let Some(other) = new.structs.get(old.name.as_str()) {
            self.fields(old, other);
        } else if let Some(other) = new.enums.get(old.name.as_str()) {
            let message = format!("struct `{}` became an enum", old.path());
            self.report(Code::KindChanged, old.path(), message, Some(old.site), Some(other.site));
        } else {
            self.removed(Code::TypeRemoved, old.path(), "struct", old.site);
        }
    }

    fn fields(&mut self, old: &Struct, new: &Struct) {
        for field in &old.fields {
            let path = format!("{}.{}", old.path(), field.name);
            let by_name = new.fields.iter().find(|other| other.name == field.name);
            let by_tag = new.fields.iter().find(|other| other.tag == field.tag);
            match (by_name, by_tag) {
                (Some(other), _) if other.tag != field.tag => {
                    let message = format!("the tag of `{path}` was {} and is {}", field.tag, other.tag);
                    self.report(Code::FieldRetagged, path, message, Some(field.site), Some(other.site));
                }
                (Some(other), _) => self.field(path, field, other),
                (None, Some(other)) if !old.fields.iter().any(|known| known.name == other.name) => {
                    let message = format!("`{path}` is now called `{}`", other.name);
                    self.report(
                        Code::FieldRenamed,
                        path.clone(),
                        message,
                        Some(field.site),
                        Some(other.site),
                    );
                    self.field(path, field, other);
                }
                _ => self.removed(Code::FieldRemoved, path, "field", field.site),
            }
        }
        let known = |field: &&Field| {
            old.fields.iter().any(|other| other.name == field.name || other.tag == field.tag)
        };
        for field in new.fields.iter().filter(|field| field.required && !known(field)) {
            let path = format!("{}.{}", old.path(), field.name);
            let message = format!("`{path}` is new and required, and old writers do not write it");
            self.report(Code::RequiredFieldAdded, path, message, Some(old.site), Some(field.site));
        }
    }

    /// A field with the same tag in both versions.
    fn field(&mut self, path: String, old: &Field, new: &Field) {
        let (sites, was, is) = ((Some(old.site), Some(new.site)), old.required, new.required);
        self.types(&path, (&old.ty, old.capacity), (&new.ty, new.capacity), sites);
        if was != is {
            let (code, message) = if is {
                (Code::FieldRequired, format!("`{path}` is now required, and old writers may leave it out"))
            } else {
                (Code::FieldOptional, format!("`{path}` is now optional, and old readers require it"))
            };
            self.report(code, path.clone(), message, sites.0, sites.1);
        }
        let defaults = (self.old.default_of(old), self.new.default_of(new));
        if !was && !is && old.ty == new.ty && defaults.0 != defaults.1 {
            let message = format!("the default of `{path}` was {} and is {}", defaults.0, defaults.1);
            self.report(Code::DefaultChanged, path, message, sites.0, sites.1);
        }
    }

    pub(super) fn enumeration(&mut self, old: &Enum, new: &Definitions<'_>) {
        if let Some(other) = new.enums.get(old.name.as_str()) {
            self.enumerators(old, other);
        } else if let Some(other) = new.structs.get(old.name.as_str()) {
            let message = format!("enum `{}` became a struct", old.path());
            self.report(Code::KindChanged, old.path(), message, Some(old.site), Some(other.site));
        } else {
            self.removed(Code::TypeRemoved, old.path(), "enum", old.site);
        }
    }

    fn enumerators(&mut self, old: &Enum, new: &Enum) {
        let others = by_name(&new.enumerators, |enumerator| &enumerator.name);
        for enumerator in &old.enumerators {
            let path = format!("{}::{}", old.path(), enumerator.name);
            match others.get(enumerator.name.as_str()) {
                None => self.removed(Code::EnumeratorRemoved, path, "enumerator", enumerator.site),
                Some(other) if other.value != enumerator.value => {
                    let message =
                        format!("the value of `{path}` was {} and is {}", enumerator.value, other.value);
                    let (old, new) = (Some(enumerator.site), Some(other.site));
                    self.report(Code::EnumeratorChanged, path, message, old, new);
                }
                Some(_) => {}
            }
        }
    }

    pub(super) fn constant(&mut self, module: &str, old: &Const, new: &Definitions<'_>) {
        let path = format!("{module}::{}", old.name);
        let new = new.consts.get(old.name.as_str());
        let Some(new) = new else { return self.removed(Code::ConstRemoved, path, "const", old.site) };
        let sites = (Some(old.site), Some(new.site));
        self.types(&path, (&old.ty, None), (&new.ty, None), sites);
        let (was, is) = (self.old.value_text(&old.ty, &old.value), self.new.value_text(&new.ty, &new.value));
        if was != is {
            let message = format!("the value of `{path}` was {was} and is {is}");
            self.report(Code::ConstChanged, path, message, sites.0, sites.1);
        }
    }

    /// Compares two types, each with its fixed size.
    pub(super) fn types(
        &mut self,
        path: &str,
        old: (&Type, Option<u32>),
        new: (&Type, Option<u32>),
        sites: Sites,
    ) {
        let (was, is) = (self.old.type_text(old.0), self.new.type_text(new.0));
        if was != is {
            let message = format!("the type of `{path}` was `{was}` and is `{is}`");
            return self.report(Code::TypeChanged, path.to_owned(), message, sites.0, sites.1);
        }
        if let Some(size) = new.1.filter(|size| old.1.is_none_or(|old| *size < old)) {
            let message = match old.1 {
                Some(old) => format!("`{path}` had room for {old} and has room for {size}"),
                None => format!("`{path}` had no fixed size and has room for {size}"),
            };
            self.report(Code::SizeReduced, path.to_owned(), message, sites.0, sites.1);
        }
    }
}

/// The place of an item in the old files, and in the new ones.
pub(super) type Sites = (Option<Site>, Option<Site>);

impl Schema {
    /// The value that readers use for a missing field.
    fn default_of(&self, field: &Field) -> String {
        match (&field.default, &field.ty) {
            (Some(value), ty) => self.value_text(ty, value),
            (None, Type::Bool) => "false".to_owned(),
            (None, Type::Float | Type::Double) => self.value_text(&field.ty, &Value::Float(0.0)),
            (None, Type::String) => "\"\"".to_owned(),
            (None, Type::Enum(id)) => {
                let first = self.enumeration(*id).enumerators.first();
                first.map_or(0, |enumerator| enumerator.value).to_string()
            }
            (None, Type::Bytes | Type::Vector(_) | Type::Map(..) | Type::Struct(_)) => String::new(),
            (None, _) => "0".to_owned(),
        }
    }
}
