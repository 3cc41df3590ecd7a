//! Compiles `.tars` files, the interface language of Tars, to Rust. Use it from a `build.rs`; `shardcast gen`
//! uses it as a library.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), shardcast_build::Error> {
//!     shardcast_build::Builder::new()
//!         .include("idl")
//!         .type_attribute("Rich::Inner", "#[derive(Hash)]")
//!         .compile(&["idl/hello.tars", "idl/rich.tars"])
//! }
//! ```
//!
//! ```ignore
//! // lib.rs
//! shardcast::include_tars!();
//! ```
//!
//! Every fault of the files is reported with file, line and column, several in one run. [`Builder::check`]
//! does only that; [`Builder::schema`] returns the meaning of the files. `docs/idl.md` describes the language
//! and the code: types, and for each interface what its servers implement and what its clients call.
//!
//! This crate deliberately depends on no other part of Shardcast, so that a build script does not compile a
//! server first.
#![forbid(unsafe_code)]

pub mod ast;
pub mod breaking;
mod charset;
mod diagnostic;
mod emit;
mod error;
pub mod format;
pub mod lexer;
mod load;
mod options;
mod output;
pub mod parser;
pub mod schema;
#[doc(hidden)]
pub mod testing;

use std::{
    fmt::Arguments,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

pub use diagnostic::{Diagnostic, Fault, Severity, Span};
pub use error::Error;
pub use options::{BytesType, MapType, Options, StringType};
pub use schema::Schema;

use charset::Charset;

/// Compiles `files` with the default options into the directory that Cargo gives a build script.
///
/// # Errors
/// As for [`Builder::compile`].
///
/// # Examples
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), shardcast_build::Error> {
///     shardcast_build::compile(&["idl/hello.tars"])
/// }
/// ```
pub fn compile(files: &[impl AsRef<Path>]) -> Result<(), Error> {
    Builder::new().compile(files)
}

/// Configures what to generate, and where.
///
/// # Examples
/// ```
/// use shardcast_build::{Builder, Diagnostic, Error, Generated, Severity};
///
/// # let directory = std::env::temp_dir().join(format!("shardcast-builder-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory).expect("the directory is writable");
/// let file = directory.join("demo.tars");
/// let builder = Builder::new().out_dir(&directory).emit_rerun_if_changed(false);
/// std::fs::write(&file, "module Demo { struct User { 0 require int id; }; };").expect("it is writable");
/// let Generated { files, warnings, .. } = builder.generate(&[&file])?;
/// assert_eq!((files, warnings), (vec![directory.join("demo.rs"), directory.join("mod.rs")], vec![]));
///
/// std::fs::write(&file, "module Demo { struct User { 0 require Level id; }; };").expect("it is writable");
/// match builder.check(&[&file]) {
///     Err(Error::Invalid(diagnostics)) => {
///         let Diagnostic { severity, line, column, .. } = &diagnostics[0];
///         assert_eq!((*severity, *line, *column), (Severity::Error, 1, 39));
///     }
///     other => panic!("an unknown type: {other:?}"),
/// }
/// # std::fs::remove_dir_all(&directory).expect("this example created it");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    options: Options,
}

impl Builder {
    /// The default options: servers and clients, written to `OUT_DIR`.
    ///
    /// # Examples
    /// ```
    /// use shardcast_build::Builder;
    ///
    /// let builder = Builder::new()
    ///     .include("idl")
    ///     .charset("gbk")
    ///     .module_prefix("crate::idl")
    ///     .type_attribute("Demo::User", "#[derive(Hash)]")
    ///     .field_attribute("Demo::User.name", "#[allow(unused)]")
    ///     .extern_path("Common::Money", "crate::money::Money")
    ///     .optional_fields(true)
    ///     .elide_defaults(false)
    ///     .keep_names(true)
    ///     .serde(true)
    ///     .deny_warnings(true);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from existing options, such as those of a command line.
    pub fn with_options(options: Options) -> Self {
        Self { options }
    }

    /// Where the Rust files go, one per module. Default: the environment variable `OUT_DIR`.
    pub fn out_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.out_dir = Some(dir.into());
        self
    }

    /// Adds a directory to search for includes, after the directory of the including file.
    pub fn include(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.include_dirs.push(dir.into());
        self
    }

    /// The character set of comments and strings, such as `gbk`. Default: UTF-8; comments in another
    /// character set are then left out.
    pub fn charset(mut self, label: impl Into<String>) -> Self {
        self.options.charset = Some(label.into());
        self
    }

    /// Whether to generate the server side of an interface: the trait of servants, their dispatcher, and the
    /// pushes that servers send. Default: yes.
    pub fn build_server(mut self, yes: bool) -> Self {
        self.options.build_server = yes;
        self
    }

    /// Whether to generate the client side of an interface: the proxy, and the trait that receives pushes.
    /// Default: yes.
    pub fn build_client(mut self, yes: bool) -> Self {
        self.options.build_client = yes;
        self
    }

    /// The path to the generated modules, such as `crate::idl`. Default: none, they find each other through
    /// `super`.
    pub fn module_prefix(mut self, path: impl Into<String>) -> Self {
        self.options.module_prefix = Some(path.into());
        self
    }

    /// Adds `attribute` to the type `path`, written as in the .tars file: `Module::Type`; `.` means all
    /// types.
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.type_attributes.push((path.into(), attribute.into()));
        self
    }

    /// Adds `attribute` to the field `path`: `Module::Type.field`.
    pub fn field_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.field_attributes.push((path.into(), attribute.into()));
        self
    }

    /// Uses the Rust type `rust_path` for the .tars type `path` and generates no type.
    pub fn extern_path(mut self, path: impl Into<String>, rust_path: impl Into<String>) -> Self {
        self.options.extern_paths.push((path.into(), rust_path.into()));
        self
    }

    /// The Rust type of a `map`. Default: [`MapType::BTree`].
    pub fn map_type(mut self, map_type: MapType) -> Self {
        self.options.map_type = map_type;
        self
    }

    /// The Rust type of a `string`. Default: [`StringType::Utf8`].
    pub fn string_type(mut self, string_type: StringType) -> Self {
        self.options.string_type = string_type;
        self
    }

    /// The Rust type of a `vector<byte>`. Default: [`BytesType::Vec`].
    pub fn bytes_type(mut self, bytes_type: BytesType) -> Self {
        self.options.bytes_type = bytes_type;
        self
    }

    /// Whether an optional field that holds its default is left out when writing, as the official
    /// compilers do. Default: yes.
    pub fn elide_defaults(mut self, yes: bool) -> Self {
        self.options.elide_defaults = yes;
        self
    }

    /// Whether optional fields become `Option`, so that "not sent" differs from the default. Default: no.
    pub fn optional_fields(mut self, yes: bool) -> Self {
        self.options.optional_fields = yes;
        self
    }

    /// Whether types, fields and enumerators keep their names, instead of the usual Rust names: `iRequestId`
    /// instead of `i_request_id`. Default: no.
    pub fn keep_names(mut self, yes: bool) -> Self {
        self.options.keep_names = yes;
        self
    }

    /// Whether proxies also have the functions of the official generators, `hello_sync`, `async_hello` with its
    /// callback trait, and `promise_hello`. Default: no.
    pub fn call_variants(mut self, yes: bool) -> Self {
        self.options.call_variants = yes;
        self
    }

    /// Whether types implement the traits of serde, with the JSON mapping of Tars. Default: no.
    pub fn serde(mut self, yes: bool) -> Self {
        self.options.serde = yes;
        self
    }

    /// Whether to report the input files and the warnings to Cargo on stdout. Default: yes.
    pub fn emit_rerun_if_changed(mut self, yes: bool) -> Self {
        self.options.emit_rerun_if_changed = yes;
        self
    }

    /// Whether a warning is an error. Default: no.
    pub fn deny_warnings(mut self, yes: bool) -> Self {
        self.options.deny_warnings = yes;
        self
    }

    /// Checks all that [`compile`](Self::compile) would check, generates nothing, and returns the warnings.
    ///
    /// # Errors
    /// [`Error::Read`] when one of `files` cannot be read; [`Error::Invalid`] with all faults when any of the
    /// files has one; [`Error::Charset`].
    pub fn check(&self, files: &[impl AsRef<Path>]) -> Result<Vec<Diagnostic>, Error> {
        let (schema, warnings) = self.schema(files)?;
        let faults = emit::check(&schema, &self.options);
        if faults.is_empty() { Ok(warnings) } else { Err(Error::Invalid(faults)) }
    }

    /// Reads and checks `files` and their includes, and returns their meaning and the warnings. Names that
    /// become the same in Rust are not a fault of a schema.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn schema(&self, files: &[impl AsRef<Path>]) -> Result<(Schema, Vec<Diagnostic>), Error> {
        let charset = Charset::named(self.options.charset.as_deref()).map_err(Error::Charset)?;
        let roots: Vec<PathBuf> = files.iter().map(|file| file.as_ref().to_owned()).collect();
        let (sources, mut diagnostics) = load::load(&roots, &self.options.include_dirs, charset)?;
        if self.options.emit_rerun_if_changed {
            sources
                .iter()
                .for_each(|source| tell_cargo(format_args!("rerun-if-changed={}", source.path.display())));
        }
        // A file that cannot be read has no meaning.
        let mut schema = Schema::default();
        if !diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            let (resolved, more) = schema::resolve(sources);
            schema = resolved;
            diagnostics.extend(more);
        }
        diagnostics.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        let fatal = |d: &Diagnostic| self.options.deny_warnings || d.severity == Severity::Error;
        if diagnostics.iter().any(fatal) {
            Err(Error::Invalid(diagnostics))
        } else {
            Ok((schema, diagnostics))
        }
    }

    /// Compiles `files` and what they include: writes a Rust file for each module, and `mod.rs`, which
    /// declares them. A file with the same content already is not rewritten.
    ///
    /// # Errors
    /// As for [`check`](Self::check); [`Error::NoOutDir`]; [`Error::Write`].
    pub fn compile(&self, files: &[impl AsRef<Path>]) -> Result<(), Error> {
        self.generate(files).map(|_| ())
    }

    /// Like [`compile`](Self::compile), and returns the files that were written and the warnings.
    ///
    /// # Errors
    /// As for [`compile`](Self::compile).
    pub fn generate(&self, files: &[impl AsRef<Path>]) -> Result<Generated, Error> {
        let (schema, warnings) = self.schema(files)?;
        if self.options.emit_rerun_if_changed {
            let lines = warnings.iter().map(|warning| warning.to_string().replace('\n', " "));
            lines.for_each(|line| tell_cargo(format_args!("warning={line}")));
        }
        let outputs = emit::emit(&schema, &self.options).map_err(Error::Invalid)?;
        let out_dir = self.options.out_dir.clone().or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from));
        let out_dir = out_dir.ok_or(Error::NoOutDir)?;
        Ok(Generated { files: output::write(&out_dir, outputs)?, warnings })
    }
}

/// Prints a line of a build script's output for Cargo; see the Cargo book, "Build Scripts".
fn tell_cargo(line: Arguments<'_>) {
    // Outside a build script, its output may be closed.
    let _ = writeln!(io::stdout(), "cargo::{line}");
}

/// The result of [`Builder::generate`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Generated {
    /// The files, `mod.rs` last, whether they changed or not.
    pub files: Vec<PathBuf>,
    /// The warnings.
    pub warnings: Vec<Diagnostic>,
}
