//! Puts generated files where they belong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, emit::Output};

/// Writes `outputs` into `dir`, which is made if need be. What is there already with the same content is not
/// touched, so that nothing that depends on it is built again.
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
