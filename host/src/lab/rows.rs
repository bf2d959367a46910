//! Cells as the rows of a table: what stands in them, and whose they are.

use crate::base::error::{InputError, quoted};
use crate::lab::grid::Config;
use crate::lab::journal::{self, Line};
use crate::lab::parquet::Columns;
use mote_core::math;
use mote_lab::axes::{self, Axis, NEUTRAL};
use mote_lab::outcome::{Cell, Figures, Outcome};
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::Recipe;
use std::cell::RefCell;

/// The columns that say which cell it is, in any file that has them.
pub const PLACE: &str = "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space";

/// The columns of `cells.csv`. Those of extra axes in use come before the last.
pub const HEADER: &str = "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,train_loss,test_loss,test_error,\
     converged,seconds,config";

/// The first line of `cells.csv` where these extra axes are in use.
pub fn header(extra: &Columns) -> String {
    widened(HEADER, extra)
}

/// A first line with columns of these extra axes before its last one.
pub fn widened(header: &str, extra: &Columns) -> String {
    let (front, last) = header.rsplit_once(',').unwrap_or((header, ""));
    extra.iter().map(|(axis, _)| axis.column).fold(front.to_owned(), |line, column| line + "," + column) + "," + last
}

/// The extra axes that have a column, by the first line; `None` if it is not this header, widened.
pub fn extra_of(line: &str, header: &str, axes: &'static [Axis]) -> Option<Columns> {
    let (front, last) = header.rsplit_once(',')?;
    let columns = line.strip_prefix(front)?.strip_suffix(last)?.strip_suffix(',')?;
    let known = |column: &str| axes::extra(axes).find(|(axis, _)| axis.column == column);
    columns.split(',').skip(1).map(known).collect()
}

/// Version of the arithmetic of cells, in any space: raised when the same configuration comes to have other cells.
const ARITHMETIC: u32 = 1;

/// What decides the numbers of a cell beside its place, as one word: recipe, seed, choice of space and arithmetic. A
/// grid with more places has the same digest, and so the same cells.
pub fn digest(config: &Config) -> String {
    // The recipe's own model is the first of the grid; that of a cell is part of its place.
    let recipe = Recipe { dim: 0, head: 0, ..config.recipe };
    let arithmetic = format!("{ARITHMETIC} {}", math::NAME);
    let decides =
        serde_json::to_string(&(arithmetic, config.seed, config.space, recipe)).expect("numbers and names are JSON");
    journal::digest(&decides)
}

/// The columns [`PLACE`].
pub fn place_columns(place: &GridPoint, seed: u64, space: Representation, config: &Config) -> String {
    let GridPoint { samples, signal_norm, replicate, dim, head, .. } = *place;
    let snr = config.recipe.snr(place);
    let n_snr2 = samples as f64 * snr * snr;
    format!("{samples},{signal_norm},{snr},{n_snr2},{replicate},{dim},{head},{seed},{}", space.name())
}

/// What the columns [`PLACE`] and those of extra axes say.
pub fn parse_place(cells: &[&str], values: &[&str], extra: &Columns) -> Option<(GridPoint, u64, Representation)> {
    let [n, signal, _, _, replicate, dim, head, seed, space] = cells else { return None };
    let mut place = GridPoint {
        samples: n.parse().ok()?,
        signal_norm: signal.parse().ok()?,
        replicate: replicate.parse().ok()?,
        dim: dim.parse().ok()?,
        head: head.parse().ok()?,
        extra: NEUTRAL,
    };
    if values.len() != extra.len() {
        return None;
    }
    for ((axis, at), value) in extra.iter().zip(values) {
        place.extra[*at] = axis.kept(value.parse().ok()?);
    }
    let space = Representation::ALL.into_iter().find(|known| known.name() == *space)?;
    Some((place, seed.parse().ok()?, space))
}

/// The columns of extra axes, each with a comma behind it.
pub fn extra_columns(place: &GridPoint, extra: &Columns) -> String {
    extra.iter().map(|(axis, at)| format!("{},", axis.shown(place.extra[*at]))).collect()
}

/// A cell as its line.
pub fn to_line(cell: &Cell, config: &Config, digest: &str, extra: &Columns) -> String {
    // A cell that never reached the stop has blanks: never a number, never NaN.
    let figures = match cell.outcome.figures {
        Some(f) => format!("{},{},{},true", f.train_loss, f.test_loss, f.test_error),
        None => ",,,false".into(),
    };
    let place = place_columns(&cell.place, cell.seed, cell.space, config);
    let (steps, seconds, extra) = (cell.outcome.steps, cell.seconds, extra_columns(&cell.place, extra));
    format!("{place},{steps},{figures},{seconds:.4},{extra}{digest}\n")
}

/// A cell, and the digest of its configuration.
fn parse<'l>(line: &'l str, extra: &Columns) -> Option<(Cell, &'l str)> {
    let cells: Vec<&str> = line.split(',').collect();
    let (place, rest) = cells.split_at_checked(PLACE.split(',').count())?;
    let &[steps, train, test, error, converged, seconds, ref values @ .., digest] = rest else { return None };
    let (place, seed, space) = parse_place(place, values, extra)?;
    let figures = match converged {
        "true" => Some(Figures {
            train_loss: train.parse().ok()?,
            test_loss: test.parse().ok()?,
            test_error: error.parse().ok()?,
        }),
        "false" if train.is_empty() && test.is_empty() && error.is_empty() => None,
        _ => return None,
    };
    let outcome = Outcome { steps: steps.parse().ok()?, figures };
    Some((Cell { place, seed, space, outcome, seconds: seconds.parse().ok()? }, digest))
}

/// Cells as the text of their file.
pub fn to_text<'a>(cells: impl IntoIterator<Item = &'a Cell>, config: &Config, extra: &Columns) -> String {
    let digest = digest(config);
    let lines = cells.into_iter().map(|cell| to_line(cell, config, &digest, extra));
    std::iter::once(header(extra) + "\n").chain(lines).collect()
}

/// These columns, and those that some of the cells need, in the order of the axes.
pub fn wide_enough<'a>(columns: &Columns, cells: impl IntoIterator<Item = &'a Cell>, config: &Config) -> Columns {
    let mut is_needed = vec![false; NEUTRAL.len()];
    columns.iter().for_each(|(_, at)| is_needed[*at] = true);
    for cell in cells {
        is_needed.iter_mut().zip(cell.place.extra).for_each(|(is_needed, value)| *is_needed |= value != 0.0);
    }
    axes::extra(config.axes).filter(|(_, at)| is_needed[*at]).collect()
}

/// What rows of the cells of a configuration are, in whatever file they stand.
#[derive(Debug)]
pub struct Rows<'a> {
    config: &'a Config,
    digest: String,
    /// The columns of extra axes, as the first line has them.
    extra: RefCell<Columns>,
    /// What to do about rows that are none.
    way_out: &'static str,
}

impl<'a> Rows<'a> {
    /// Those of a configuration; `way_out` is what to do about others.
    pub fn of(config: &'a Config, way_out: &'static str) -> Self {
        Self { config, digest: digest(config), extra: RefCell::default(), way_out }
    }

    /// Reads a first line, and refuses one that is not that of cells.
    ///
    /// # Errors
    ///
    /// What was expected and what was found.
    pub fn header(&self, line: Line) -> Result<(), InputError> {
        if HEADER.strip_suffix(",config") == Some(line.text) {
            let found = "expected the column config, found cells without it, of an older mote, and nothing says which \
                         configuration they are of";
            return Err(line.wrong(&format!("{found}; {}", self.way_out)));
        }
        *self.extra.borrow_mut() =
            extra_of(line.text, HEADER, self.config.axes).ok_or_else(|| line.expected(HEADER))?;
        Ok(())
    }

    /// The extra axes that have a column by the first line.
    pub fn into_extra(self) -> Columns {
        self.extra.into_inner()
    }

    /// The cell of a row, on the grid or off it.
    ///
    /// # Errors
    ///
    /// If it is no cell, or one that this configuration would not have anywhere.
    pub fn cell(&self, line: Line) -> Result<Cell, InputError> {
        let (cell, digest) = parse(line.text, &self.extra.borrow()).ok_or_else(|| line.expected("a cell"))?;
        if digest != self.digest {
            let found =
                format!("expected cells of this configuration, {}, found one of {}", self.digest, quoted(digest));
            return Err(line.wrong(&format!("{found}; {}", self.way_out)));
        }
        if cell.place.seed(self.config.seed) != cell.seed {
            return Err(line.expected("a cell of this configuration"));
        }
        Ok(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::super::presets::preset;
    use super::*;

    /// A grid may grow; whatever changes a cell changes the digest, and no program takes it for a number.
    #[test]
    fn the_digest_is_of_what_decides_a_cell() {
        let law = preset("law").unwrap();
        let of = |options: Options| digest(&law.clone().with(&options).unwrap());
        let own = of(Options::default());
        assert!(own.len() == 17 && own.starts_with('c') && own.parse::<f64>().is_err(), "{own}");
        // Folders of an earlier day are still to be opened: computed once by another program.
        let pinned = if math::NAME == "libm" { "c4a3a04d76c98e9cd" } else { &own };
        assert_eq!(own, pinned);
        let more = Options::of([("n", "4,8,16,32"), ("signal", "1,2"), ("flip", "0,0.1")]);
        let larger = Options::of([("dim", "8,128"), ("head", "8"), ("replicates", "7"), ("cut", "0.3")]);
        assert_eq!([of(more), of(larger)], [own.clone(), own.clone()], "the same cells, and more");
        let changed = [
            ("seed", "2"),
            ("lr", "0.25"),
            ("tokens", "5"),
            ("noise-norm", "5"),
            ("stop-loss", "0.02"),
            ("max-steps", "6000"),
            ("test-samples", "100"),
            ("space", "free"),
        ];
        let changed = changed.map(|changed| Options::of([changed]));
        let mut all: Vec<String> = changed.into_iter().map(of).chain([own]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 9, "{all:?}");
    }
}
