//! Parts of a run: files of cells that many machines write, each its own, and the ordinary command reads together.
//!
//! A part is written beside and renamed when it is whole, so that a task that is killed leaves no part, and no part is
//! ever changed. Tasks take no lock: two of the same part write the same rows.

use crate::base::error::{InputError, Interrupted};
use crate::base::files::{self, OutFolder};
use crate::base::progress::counted;
use crate::lab::grid::Config;
use crate::lab::journal;
use crate::lab::parquet::Columns;
use crate::lab::rows::{HEADER, Rows, to_line, to_text, wide_enough};
use crate::lab::store::{self, Store};
use crate::lab::task::Part;
use anyhow::Context;
use mote_lab::outcome::Cell;
use mote_lab::place::{GridPoint, Key};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The folder of the parts, in that of the run.
const FOLDER: &str = "shards";

/// What to do about a part of another configuration.
const WAY_OUT: &str = "give another --out, or delete this part";

/// Does a part that is not done: `compute` gives the cells of places, in any order, and fewer if it was interrupted.
/// How many cells it computed, and where they are; `None` if all are there already.
///
/// # Errors
///
/// [`InputError`] if the folder or the part has another configuration; [`Interrupted`] with nothing saved; a part that
/// cannot be written.
pub fn run(
    part: Part,
    folder: &Path,
    config: &Config,
    places: &[GridPoint],
    compute: impl FnOnce(&[&GridPoint]) -> anyhow::Result<Vec<Cell>>,
) -> anyhow::Result<Option<(usize, PathBuf)>> {
    let table = store::look(folder, config)?;
    let path = folder.join(FOLDER).join(part.name());
    // What is here may be of a smaller grid: it stays.
    let mut cells = if path.exists() { read_part(&path, &Rows::of(config, WAY_OUT))? } else { Vec::new() };
    let done: HashSet<Key> = table.cells.iter().chain(&cells).map(|cell| cell.place.key()).collect();
    let missing: Vec<&GridPoint> = part.places(places).filter(|place| !done.contains(&place.key())).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    // Another configuration is refused by the next task, not by the merge alone.
    store::write_config(&OutFolder::open(folder)?, config)?;
    let new = compute(&missing)?;
    if new.len() < missing.len() {
        let done = format!("{} of {} of part {part}", new.len(), counted(missing.len(), "cell"));
        return Err(Interrupted { done, saved: None }.into());
    }
    let computed = new.len();
    cells.extend(new);
    let text = to_text(&cells, config, &wide_enough(&config.swept(), &cells, config));
    // A merge may have removed the folder in the meantime.
    std::fs::create_dir_all(folder.join(FOLDER)).with_context(|| format!("{}: cannot be made", path.display()))?;
    files::write_atomically(&path, text.as_bytes())?;
    Ok(Some((computed, path)))
}

/// Takes the cells of all parts over into the store, and removes the parts once they are on the disk there. How many
/// cells came from how many parts; `None` if there are no parts. Nothing is changed before all parts are read.
///
/// # Errors
///
/// [`InputError`] if a part is cut short, is of another configuration or contradicts another row.
pub fn merge(store: &mut Store, out: &OutFolder, config: &Config) -> anyhow::Result<Option<(usize, usize)>> {
    let parts = Parts::read(out.path(), config, &store.done)?;
    if parts.files.is_empty() {
        return Ok(None);
    }
    let found = (parts.cells.len(), parts.files.len());
    store.merge(parts.cells, out)?;
    for file in &parts.files {
        std::fs::remove_file(file).with_context(|| format!("{}: cannot be removed", file.display()))?;
    }
    Ok(Some(found))
}

/// Takes away what dead tasks left, and the folder, once no cell is missing: a task that still runs finds its cells done
/// when it is run again.
///
/// # Errors
///
/// If it cannot be removed.
pub fn clean(folder: &Path) -> anyhow::Result<()> {
    let folder = folder.join(FOLDER);
    if !folder.exists() {
        return Ok(());
    }
    for (name, path) in entries(&folder)? {
        if name.starts_with(".tmp") {
            std::fs::remove_file(&path).with_context(|| format!("{}: cannot be removed", path.display()))?;
        }
    }
    // One that is not empty stays.
    let _ = std::fs::remove_dir(&folder);
    Ok(())
}

/// Which of so many parts have a cell that is nowhere, as options of arrays take them: `3,17-20`; nothing if none has.
///
/// # Errors
///
/// As [`merge`].
pub fn missing(count: usize, folder: &Path, config: &Config, places: &[GridPoint]) -> anyhow::Result<String> {
    let table = store::look(folder, config)?;
    let parts = Parts::read(folder, config, &table.cells)?;
    let there: HashSet<Key> = table.cells.iter().chain(&parts.cells).map(|cell| cell.place.key()).collect();
    let is_missing = |index: &usize| !Part { index: *index, count }.places(places).all(|p| there.contains(&p.key()));
    Ok(ranges((0..count).filter(is_missing)))
}

/// Increasing numbers, with neighbours as ranges.
fn ranges(numbers: impl Iterator<Item = usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// The parts in a folder.
struct Parts {
    files: Vec<PathBuf>,
    /// Their cells, each once, without those that are done.
    cells: Vec<Cell>,
}

impl Parts {
    /// Reads all parts; a cell that is there more than once must be the same.
    fn read(folder: &Path, config: &Config, done: &[Cell]) -> anyhow::Result<Self> {
        let mut found = Self { files: files_of(folder)?, cells: Vec::new() };
        if found.files.is_empty() {
            return Ok(found);
        }
        let rows = Rows::of(config, WAY_OUT);
        let mut first: HashMap<Key, usize> = done.iter().enumerate().map(|(n, cell)| (cell.place.key(), n)).collect();
        // Where each cell stands: file and line.
        let mut origins: Vec<(usize, usize)> = Vec::new();
        for (file, path) in found.files.iter().enumerate() {
            for (row, cell) in read_part(path, &rows)?.into_iter().enumerate() {
                let next = done.len() + found.cells.len();
                let there = *first.entry(cell.place.key()).or_insert(next);
                if there == next {
                    found.cells.push(cell);
                    origins.push((file, row + 2));
                    continue;
                }
                let (known, origin) = match there.checked_sub(done.len()) {
                    None => (&done[there], format!("the table has, row {}", there + 1)),
                    Some(at) => {
                        let (file, line) = origins[at];
                        (&found.cells[at], format!("{}, line {line}, has", found.files[file].display()))
                    }
                };
                agree(known, &cell, config)
                    .map_err(|(column, a, b)| differ(path, row + 2, &format!("{column} {a}, which {origin}"), &b))?;
            }
        }
        Ok(found)
    }
}

/// That a row has another number than the same cell elsewhere.
fn differ(path: &Path, line: usize, expected: &str, found: &str) -> InputError {
    let why = "cells are the same bits on one kind of processor only; delete the part of the other kind, and its task \
               computes it anew";
    InputError::file(path, format!("line {line}: expected {expected}, found {found}; {why}"))
}

/// Whether two rows of a cell are the same but for their seconds; if not, the first column that differs.
fn agree(a: &Cell, b: &Cell, config: &Config) -> Result<(), (String, String, String)> {
    // The text of a number is that of no other number. Extra axes are the same, as the place is.
    let [a, b] = [a, b].map(|cell| to_line(cell, config, "", &Columns::new()));
    let columns = HEADER.split(',').zip(a.trim_end().split(',').zip(b.trim_end().split(',')));
    let mut others = columns.filter(|(column, (a, b))| *column != "seconds" && a != b);
    match others.next() {
        Some((column, (a, b))) => Err((column.into(), a.into(), b.into())),
        None => Ok(()),
    }
}

/// The cells of a part, which must be whole.
fn read_part(path: &Path, rows: &Rows) -> anyhow::Result<Vec<Cell>> {
    let (cells, whole) = journal::read(path, |line| rows.header(line), |line| rows.cell(line))?;
    let length = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
    if cells.is_empty() || whole < length {
        let line = if whole == 0 { 1 } else { cells.len() + 2 };
        let found = "expected a whole row, found the end of a part that was cut short; delete it, and its task computes \
                     it anew";
        return Err(InputError::file(path, format!("line {line}: {found}")).into());
    }
    Ok(cells)
}

/// The files of the parts, in the order of K and I.
fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.join(FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    for (name, path) in entries(&folder)? {
        match Part::of_name(&name) {
            Some(part) => parts.push((part, path)),
            // What is being written, and what network file systems keep for themselves.
            None if name.starts_with('.') => {}
            None => return Err(InputError::file(&path, "expected only parts here, with names like 3-of-40.csv").into()),
        }
    }
    parts.sort_by_key(|(part, _)| *part);
    Ok(parts.into_iter().map(|(_, path)| path).collect())
}

/// Names and paths in a folder.
fn entries(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let list = || -> std::io::Result<Vec<_>> {
        let entry = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        };
        std::fs::read_dir(folder)?.map(entry).collect()
    };
    list().with_context(|| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_ranges() {
        let text = |numbers: &[usize]| ranges(numbers.iter().copied());
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[3]), "3");
        assert_eq!(text(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(text(&[3, 17, 18, 19, 20]), "3,17-20");
    }
}
