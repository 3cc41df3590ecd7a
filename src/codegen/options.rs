use std::path::PathBuf;

/// All options of [`Builder`](crate::Builder), as plain data; its methods describe each.
///
/// # Examples
/// ```
/// use shardcast_build::{Builder, BytesType, MapType, Options, StringType};
///
/// // As a command line has them.
/// let mut options = Options::default();
/// options.map_type = MapType::Hash;
/// options.string_type = StringType::Lossy;
/// options.bytes_type = BytesType::Bytes;
/// options.include_dirs.push("idl".into());
/// let builder = Builder::with_options(options);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each field is a method of the builder, documented there")]
pub struct Options {
    pub out_dir: Option<PathBuf>,
    pub include_dirs: Vec<PathBuf>,
    pub charset: Option<String>,
    pub build_server: bool,
    pub build_client: bool,
    pub module_prefix: Option<String>,
    pub type_attributes: Vec<(String, String)>,
    pub field_attributes: Vec<(String, String)>,
    pub extern_paths: Vec<(String, String)>,
    pub map_type: MapType,
    pub string_type: StringType,
    pub bytes_type: BytesType,
    pub elide_defaults: bool,
    pub optional_fields: bool,
    pub keep_names: bool,
    pub call_variants: bool,
    pub serde: bool,
    pub emit_rerun_if_changed: bool,
    pub deny_warnings: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            out_dir: None,
            include_dirs: Vec::new(),
            charset: None,
            build_server: true,
            build_client: true,
            module_prefix: None,
            type_attributes: Vec::new(),
            field_attributes: Vec::new(),
            extern_paths: Vec::new(),
            map_type: MapType::default(),
            string_type: StringType::default(),
            bytes_type: BytesType::default(),
            elide_defaults: true,
            optional_fields: false,
            keep_names: false,
            call_variants: false,
            serde: false,
            emit_rerun_if_changed: true,
            deny_warnings: false,
        }
    }
}

/// The Rust type of a `map<K, V>`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MapType {
    /// `BTreeMap<K, V>`: in key order, as C++ writes it.
    #[default]
    BTree,
    /// `HashMap<K, V>`: faster lookups; sorted when it is written.
    Hash,
}

/// The Rust type of a `string`. Peers in other languages may send strings that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum StringType {
    /// `String`; invalid UTF-8 is an error when reading.
    #[default]
    Utf8,
    /// `String`; invalid UTF-8 is replaced when reading.
    Lossy,
    /// `Vec<u8>`: the bytes unchanged.
    Bytes,
}

/// The Rust type of a `vector<byte>`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum BytesType {
    /// `Vec<u8>`.
    #[default]
    Vec,
    /// `bytes::Bytes`, a slice of the packet where possible.
    Bytes,
}
