//! Reads `.tars` files and what they include, each once, the included ones first.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::{
    Diagnostic, Error, Severity,
    ast::{self, Include},
    charset::Charset,
    diagnostic::{self, Fault, Span},
    lexer::FAULTS_MAX,
    parser::parse,
};

/// A file that was read and parsed.
#[derive(Debug)]
pub(crate) struct Source {
    /// As the caller named it or as an include found it.
    pub(crate) path: PathBuf,
    /// Its bytes, as UTF-8 if its character set is known.
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: ast::File,
    line_starts: OnceLock<Vec<usize>>,
}

impl Source {
    pub(crate) fn new(path: PathBuf, bytes: Vec<u8>, file: ast::File) -> Self {
        Self { path, bytes, file, line_starts: OnceLock::new() }
    }

    /// Line and column, in characters, from 1. Cheap for many places of one file.
    pub(crate) fn position(&self, at: usize) -> (u32, u32) {
        let starts = self.line_starts.get_or_init(|| {
            let ends = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect()
        });
        let line = starts.partition_point(|start| *start <= at);
        let (_, column) = diagnostic::position(&self.bytes[starts[line - 1]..], at - starts[line - 1]);
        (u32::try_from(line).unwrap_or(u32::MAX), column)
    }

    pub(crate) fn diagnostic(&self, severity: Severity, span: Span, fault: Fault) -> Diagnostic {
        Diagnostic::new(severity, &self.path, &self.bytes, span, fault)
    }
}

/// Reads `roots` and everything they include, and returns the files in the order in which they must be
/// compiled.
///
/// An include is searched for next to the including file, then in `include_dirs` in order. A file that is
/// included again is not read again, so a cycle of includes ends. A cycle gives a warning, because the result
/// of the official tools depends on the order in it.
///
/// # Errors
/// A root cannot be read. All other problems are diagnostics.
pub(crate) fn load(
    roots: &[PathBuf],
    include_dirs: &[PathBuf],
    charset: Charset,
) -> Result<(Vec<Source>, Vec<Diagnostic>), Error> {
    let mut loader =
        Loader { include_dirs, charset, files: Vec::new(), diagnostics: Vec::new(), states: HashMap::new() };
    for root in roots {
        let source = read(root).map_err(|source| Error::Read { path: root.clone(), source })?;
        let identity = identity(root).map_err(|source| Error::Read { path: root.clone(), source })?;
        if !loader.states.contains_key(&identity) {
            loader.walk(Open::new(root.clone(), identity, charset.decode(source)));
        }
    }
    Ok((loader.files, loader.diagnostics))
}

struct Loader<'a> {
    include_dirs: &'a [PathBuf],
    charset: Charset,
    files: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
    /// Per canonical path: one file under two names is one file.
    states: HashMap<PathBuf, State>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    /// Its includes are being followed.
    Open,
    /// It was read, and so was everything that it includes.
    Done,
}

/// A file whose includes are being followed.
struct Open {
    source: Source,
    identity: PathBuf,
    /// The remaining includes, in reverse order.
    includes: Vec<Include>,
    faults: Vec<(Span, Fault)>,
}

impl Open {
    fn new(path: PathBuf, identity: PathBuf, bytes: Vec<u8>) -> Self {
        let (mut file, faults) = parse(&bytes);
        let mut includes = std::mem::take(&mut file.includes);
        includes.reverse();
        Self { source: Source::new(path, bytes, file), identity, includes, faults }
    }
}

impl Loader<'_> {
    /// Follows includes depth first, with an explicit stack, because the input chooses the depth.
    fn walk(&mut self, root: Open) {
        let mut stack = Vec::new();
        self.open(&mut stack, root);
        while let Some(top) = stack.last_mut() {
            let Some(Include { name, span }) = top.includes.pop() else {
                let done = stack.pop().expect("the loop has just seen the last one");
                self.states.insert(done.identity, State::Done);
                self.files.push(done.source);
                continue;
            };
            match file_name(&name).and_then(|name| self.include(&stack, span, name)) {
                Ok(Some(included)) => self.open(&mut stack, included),
                Ok(None) => {}
                Err(fault) => self.report(&stack, Severity::Error, span, fault),
            }
        }
    }

    fn open(&mut self, stack: &mut Vec<Open>, mut file: Open) {
        self.states.insert(file.identity.clone(), State::Open);
        let faults = std::mem::take(&mut file.faults);
        stack.push(file);
        for (span, fault) in faults {
            self.report(stack, Severity::Error, span, fault);
        }
    }

    /// The file that the last one on the stack includes as `name`, unless it was read before.
    fn include(&mut self, stack: &[Open], span: Span, name: &Path) -> Result<Option<Open>, Fault> {
        let beside = stack.last().and_then(|from| from.source.path.parent()).unwrap_or_else(|| Path::new(""));
        let dirs = std::iter::once(beside).chain(self.include_dirs.iter().map(PathBuf::as_path));
        let mut searched = Vec::new();
        for dir in dirs {
            let path = dir.join(name);
            let Ok(identity) = identity(&path) else {
                searched.push(path.display().to_string());
                continue;
            };
            return match self.states.get(&identity) {
                Some(State::Done) => Ok(None),
                Some(State::Open) => self.circle(stack, span, &identity),
                None if stack.len() >= INCLUDE_DEPTH_MAX => {
                    Err(Fault::new(format!("includes are nested more than {INCLUDE_DEPTH_MAX} deep")))
                }
                None => match read(&path) {
                    Ok(bytes) => Ok(Some(Open::new(path, identity, self.charset.decode(bytes)))),
                    Err(fault) => Err(Fault::new(format!("cannot read {}: {fault}", path.display()))),
                },
            };
        }
        Err(Fault::new(format!("cannot find `{}`", name.display()))
            .hint(format!("looked for {}; an include directory adds a place", searched.join(", "))))
    }

    /// `identity` is on the stack already: a fault if it is the file itself, otherwise a warning.
    fn circle(&mut self, stack: &[Open], span: Span, identity: &Path) -> Result<Option<Open>, Fault> {
        let first = stack.iter().position(|open| open.identity == identity).unwrap_or(0);
        if first + 1 == stack.len() {
            return Err(Fault::new("a file cannot include itself"));
        }
        let mut names: Vec<_> =
            stack[first..].iter().map(|open| open.source.path.display().to_string()).collect();
        names.push(names[0].clone());
        let fault = Fault::new(format!("these includes form a cycle: {}", names.join(" -> ")));
        let fault = fault.hint("move what both need into a third file");
        self.report(stack, Severity::Warning, span, fault);
        Ok(None)
    }

    fn report(&mut self, stack: &[Open], severity: Severity, span: Span, fault: Fault) {
        let file = stack.last().expect("faults are reported while their file is open");
        let alike = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity);
        if alike.count() >= FAULTS_MAX {
            return;
        }
        self.diagnostics.push(file.source.diagnostic(severity, span, fault));
    }
}

fn file_name(name: &[u8]) -> Result<&Path, Fault> {
    match str::from_utf8(name) {
        Ok(name) => Ok(Path::new(name)),
        Err(_) => Err(Fault::new("the name of this file is not UTF-8")),
    }
}

fn identity(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut source = Vec::new();
    File::open(path)?.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut source)?;
    if source.len() as u64 > SOURCE_BYTES_MAX {
        return Err(io::Error::other(format!("it is longer than {SOURCE_BYTES_MAX} bytes")));
    }
    Ok(source)
}

/// As deep as the official compiler goes.
const INCLUDE_DEPTH_MAX: usize = 200;
/// Real files are shorter. The bound keeps a device that never ends from being read to the end.
const SOURCE_BYTES_MAX: u64 = 16 << 20;
