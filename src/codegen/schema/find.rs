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
    ///
    /// # Examples
    /// ```
    /// use shardcast_build::{Builder, Error};
    ///
    /// # let directory = std::env::temp_dir().join(format!("shardcast-operations-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory).expect("the directory is writable");
    /// let file = directory.join("demo.tars");
    /// let text = "module Demo
    /// {
    ///     enum Source { APP, PARTNER = 5 };
    ///     interface Hello { int hello(string name, out Source source); };
    /// };";
    /// std::fs::write(&file, text).expect("the directory is writable");
    /// let (schema, _warnings) = Builder::new().emit_rerun_if_changed(false).schema(&[&file])?;
    /// let found: Vec<_> = schema.find_operations("hello").collect();
    /// let [("Demo", interface, operation)] = found[..] else { panic!("one operation") };
    /// assert_eq!(interface.name, "Hello");
    /// // Data on the wire has the tags of parameters, and the values of enumerators.
    /// assert_eq!(operation.parameter(2).map(|it| &*it.name), Some("source"));
    /// assert_eq!(schema.enums()[0].name_of(5), Some("PARTNER"));
    /// # std::fs::remove_dir_all(&directory).expect("this example created it");
    /// # Ok::<(), Error>(())
    /// ```
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
