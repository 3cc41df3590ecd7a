//! Arguments, by name or by tag.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Key, TupError, TupErrorKind};
use crate::tars::{
    codec::{Decode, DecodeError, Encode, Pairs, TarsReader, TarsWriter, Utf8Policy},
    packet::Version,
};

/// The arguments of a call, or its results, each encoded separately.
///
/// Encoded in the order of names or tags, which for versions 1 and 3 gives the bytes of TarsCpp. Version 2 is
/// written with TarsCpp's type names; when reading, type names are ignored.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{
///     packet::Version,
///     tup::{Attribute, Attributes, Key, TupError, TupErrorKind},
/// };
///
/// let mut attributes = Attributes::new(Version::TUP);
/// attributes.put("no", &1000)?.put("name", "hello")?;
/// let encoded = attributes.encode().into();
///
/// let attributes = Attributes::decode(Version::TUP, &encoded)?;
/// assert_eq!(attributes.require::<i32>("no")?, 1000);
/// assert_eq!(attributes.get_or("count", 1)?, 1);
/// let missing = TupError { key: r#""count""#.into(), kind: TupErrorKind::Missing };
/// assert_eq!(attributes.require::<i32>("count"), Err(missing));
///
/// // An argument as it is encoded, for example to pass it on.
/// let (key, attribute): (&Key, &Attribute) = attributes.iter().next().expect("there are two");
/// assert_eq!((key, &attribute.field[..]), (&Key::Name("name".into()), &b"\x06\x05hello"[..]));
/// let mut passed_on = Attributes::new(Version::TUP);
/// passed_on.put_encoded(key.clone(), attribute.clone())?;
/// assert!(passed_on.contains_key("name") && !passed_on.contains_key("no"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attributes {
    version: Version,
    entries: BTreeMap<Key, Attribute>,
}

/// An encoded argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute {
    /// The name of its type in version 2; empty in other versions.
    pub type_name: String,
    /// The value as a field: with tag 0 if it is found by name, otherwise with its own.
    pub field: Bytes,
}

impl Attributes {
    /// Creates an empty set.
    pub const fn new(version: Version) -> Self {
        Self { version, entries: BTreeMap::new() }
    }

    /// How they are encoded.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Puts an argument, and replaces the one with the same key.
    ///
    /// # Errors
    /// The version requires a tag, and the name is not one.
    pub fn put<T: Encode + ?Sized>(&mut self, key: impl Into<Key>, value: &T) -> Result<&mut Self, TupError> {
        self.insert(key.into().of_version(self.version)?, value);
        Ok(self)
    }

    /// [`put`](Self::put) with a key of the version.
    pub(in crate::tars) fn insert<T: Encode + ?Sized>(&mut self, key: Key, value: &T) {
        let mut type_name = String::new();
        if self.version == Version::TUP_TYPED {
            T::type_name(&mut type_name);
        }
        let mut w = TarsWriter::new();
        w.field(key.field_tag(), value);
        self.entries.insert(key, Attribute { type_name, field: w.into() });
    }

    /// Puts an encoded argument: a field with tag 0 in versions 2 and 3, otherwise with the tag that is its
    /// key.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_encoded(&mut self, key: impl Into<Key>, attribute: Attribute) -> Result<&mut Self, TupError> {
        self.entries.insert(key.into().of_version(self.version)?, attribute);
        Ok(self)
    }

    /// Reads an argument; `None` when there is none with this key.
    ///
    /// # Errors
    /// It cannot be read as a `T`, or the version requires a tag.
    pub fn get<'a, T: Decode<'a>>(&'a self, key: impl Into<Key>) -> Result<Option<T>, TupError> {
        self.get_with(key.into(), Utf8Policy::default())
    }

    fn get_with<'a, T: Decode<'a>>(&'a self, key: Key, utf8: Utf8Policy) -> Result<Option<T>, TupError> {
        let key = key.of_version(self.version)?;
        let Some(attribute) = self.entries.get(&key) else { return Ok(None) };
        let value = TarsReader::shared(&attribute.field).utf8(utf8).require(key.field_tag());
        value.map(Some).map_err(|error| TupError::new(&key, TupErrorKind::Malformed(error)))
    }

    /// Reads a required argument.
    ///
    /// # Errors
    /// It is missing, or cannot be read as a `T`, or the version requires a tag.
    pub fn require<'a, T: Decode<'a>>(&'a self, key: impl Into<Key>) -> Result<T, TupError> {
        self.require_with(key.into(), Utf8Policy::default())
    }

    /// [`require`](Self::require), with a choice for strings.
    pub(in crate::tars) fn require_with<'a, T: Decode<'a>>(
        &'a self,
        key: Key,
        utf8: Utf8Policy,
    ) -> Result<T, TupError> {
        self.get_with(key.clone(), utf8)?.ok_or_else(|| TupError::new(&key, TupErrorKind::Missing))
    }

    /// Reads an argument; `default` when there is none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_or<'a, T: Decode<'a>>(&'a self, key: impl Into<Key>, default: T) -> Result<T, TupError> {
        Ok(self.get(key)?.unwrap_or(default))
    }

    /// The encoded argument.
    pub fn encoded(&self, key: impl Into<Key>) -> Option<&Attribute> {
        self.entries.get(&key.into().of_version(self.version).ok()?)
    }

    /// Whether there is an argument with this key.
    pub fn contains_key(&self, key: impl Into<Key>) -> bool {
        self.encoded(key).is_some()
    }

    /// Removes an argument.
    pub fn remove(&mut self, key: impl Into<Key>) -> Option<Attribute> {
        self.entries.remove(&key.into().of_version(self.version).ok()?)
    }

    /// Removes all arguments.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Attribute)> {
        self.entries.iter()
    }

    /// The contents of a packet's buffer.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = TarsWriter::new();
        if self.version.is_tup() {
            w.begin_map(0, self.entries.len());
        }
        for (key, Attribute { type_name, field }) in &self.entries {
            match key {
                Key::Tag(_) => w.write_encoded(field),
                Key::Name(name) => {
                    w.field(0, name);
                    if self.version == Version::TUP_TYPED {
                        w.begin_map(1, 1);
                        w.field(0, type_name);
                    }
                    w.field(1, field);
                }
            }
        }
        w.into_vec()
    }

    /// Reads the contents of a packet's buffer; an empty one has no arguments. The values are parts of
    /// `buffer`, and are decoded on access.
    ///
    /// # Errors
    /// It does not match the version.
    pub fn decode(version: Version, buffer: &Bytes) -> Result<Self, DecodeError> {
        let r = TarsReader::shared(buffer).utf8(Utf8Policy::Lossy);
        let entries = match version {
            _ if buffer.is_empty() => BTreeMap::new(),
            Version::TUP => named(r)?,
            Version::TUP_TYPED => named_and_typed(r)?,
            _ => tagged(r, buffer)?,
        };
        Ok(Self { version, entries })
    }
}

fn named(mut r: TarsReader<'_>) -> Result<BTreeMap<Key, Attribute>, DecodeError> {
    let pairs: Pairs<String, Bytes> = r.require(0)?;
    let entry = |(name, field)| (Key::Name(name), Attribute { type_name: String::new(), field });
    Ok(pairs.0.into_iter().map(entry).collect())
}

/// Each name has a map of one entry: the name of its type, which every language spells differently, and the
/// value.
fn named_and_typed(mut r: TarsReader<'_>) -> Result<BTreeMap<Key, Attribute>, DecodeError> {
    let pairs: Pairs<String, Pairs<String, Bytes>> = r.require(0)?;
    let entry = |(name, typed): (_, Pairs<_, _>)| {
        let (type_name, field) = typed.0.into_iter().next()?;
        Some((Key::Name(name), Attribute { type_name, field }))
    };
    Ok(pairs.0.into_iter().filter_map(entry).collect())
}

/// One field after the other; of two with the same tag, the first one counts.
fn tagged(mut r: TarsReader<'_>, buffer: &Bytes) -> Result<BTreeMap<Key, Attribute>, DecodeError> {
    let mut entries = BTreeMap::new();
    let mut start = 0;
    while let Some(head) = r.next_head()? {
        r.skip(head)?;
        let field = buffer.slice(start..r.offset());
        start = r.offset();
        let attribute = Attribute { type_name: String::new(), field };
        entries.entry(Key::Tag(head.tag)).or_insert(attribute);
    }
    r.finish()?;
    Ok(entries)
}
