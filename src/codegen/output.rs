//! Writes generated files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, emit::Output};

/// Writes `outputs` into `dir`, which is created if necessary. A file with the same content already is not
/// rewritten, so that dependent code is not rebuilt.
pub(crate) fn write(dir: &Path, outputs: Vec<Output>) -> Result<Vec<PathBuf>, Error> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        |source| Error::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(fault(dir))?;
    let mut paths = Vec::with_capacity(outputs.len());
    for output in outputs {
        let path = dir.join(output.name);
        if fs::read(&path).ok().as_deref() != Some(output.text.as_bytes()) {
            fs::write(&path, output.text).map_err(fault(&path))?;
        }
        paths.push(path);
    }
    Ok(paths)
}
