//! Configuration files, and folders of them.

use std::fs;
use std::path::{Path, PathBuf};

use super::entry::Invalid;
use super::error::{ConfigError, Place};
use super::layer::Layer;
use super::{hcl, json, key};

/// What a file says, or a folder whose `.hcl` and `.json` files are read in lexicographic order, later ones winning (C3).
///
/// # Errors
///
/// When a file cannot be read, or makes no sense.
pub fn from_path(path: &Path) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    for file in files_at(path)? {
        layer = from_file(&file)?.over(layer);
    }
    Ok(layer)
}

fn files_at(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let error = |source| ConfigError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(error)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(error)? {
        let file = entry.map_err(error)?.path();
        let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_ours = file.extension().is_some_and(|extension| extension == "hcl" || extension == "json");
        if is_ours && !is_hidden && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn from_file(path: &Path) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let is_json = path.extension().is_some_and(|extension| extension == "json") || text.trim_start().starts_with('{');
    let (language, read) = if is_json { ("JSON", json::read(&text)) } else { ("HCL", hcl::read(&text)) };
    let entries = read.map_err(|Invalid { line, problem }| {
        let place = Place::File { path: path.to_owned(), line };
        ConfigError::Syntax { place, language, problem }
    })?;
    key::layer(path, entries)
}
