//! `runs.parquet`: `runs.csv` with types, for pandas, polars and DuckDB.

use crate::lab::grid::Config;
use crate::lab::parquet::{Columns, Group, column, file, optional};
use crate::lab::rows;
use crate::lab::runs::Followed;
use anyhow::Context;
use mote_lab::dynamics::{QUANTITIES, Row};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};

/// The file.
pub const NAME: &str = "runs.parquet";

/// The columns of `runs.csv`, in its order, before those of the quantities; what a run does not have is null.
const SCHEMA: &str = "
message step {
    required int64 n;
    required double signal_norm;
    required double snr;
    required double n_snr2;
    required int64 replicate;
    required int64 dim;
    required int64 head;
    required int64 seed (INTEGER(64, false));
    required binary space (STRING);
    required int64 step;";

/// Columns of [`SCHEMA`].
const COLUMNS: usize = 10;

/// Where the file has what the rows are sorted by: dim, head, the extra axes, n, signal_norm, replicate, step.
fn sorted_by(extra: &Columns) -> Vec<i32> {
    let extra = (0..extra.len()).map(|at| (COLUMNS + QUANTITIES.len() + at) as i32);
    [5, 6].into_iter().chain(extra).chain([0, 1, 4, 9]).collect()
}

/// The runs as a Parquet file with a row for every step and these columns of extra axes, in the order given, which must
/// be that of the grid.
///
/// # Errors
///
/// If the file cannot be made.
pub fn runs(runs: &[Followed], config: &Config, extra: &Columns) -> anyhow::Result<Vec<u8>> {
    let quantities: String = QUANTITIES.iter().map(|name| format!("\n    optional double {name};")).collect();
    let axes: String = extra.iter().map(|(axis, _)| format!("\n    required double {};", axis.column)).collect();
    let schema = format!("{SCHEMA}{quantities}{axes}\n    required binary config (STRING);\n}}");
    let mut rows: Vec<Step> = Vec::new();
    for run in runs {
        rows.extend((1..).zip(&run.rows).map(|(step, row)| (run, step, row)));
    }
    let digest = ByteArray::from(rows::digest(config).as_str());
    let write_rows = |group: &mut Group, rows: &[Step]| write_rows(group, rows, config, (&digest, extra));
    file(&schema, &sorted_by(extra), &rows, write_rows).context(NAME)
}

/// A run, one of its steps, and what it had after that.
type Step<'r> = (&'r Followed, i64, &'r Row);

/// Writes every column, one after the other.
fn write_rows(
    group: &mut Group,
    rows: &[Step],
    config: &Config,
    (digest, extra): (&ByteArray, &Columns),
) -> anyhow::Result<()> {
    let snr = |run: &Followed| config.recipe.snr(&run.place);
    column::<Int64Type, _>(group, rows, |(run, ..)| run.place.samples as i64)?;
    column::<DoubleType, _>(group, rows, |(run, ..)| run.place.signal_norm)?;
    column::<DoubleType, _>(group, rows, |(run, ..)| snr(run))?;
    column::<DoubleType, _>(group, rows, |(run, ..)| run.place.samples as f64 * snr(run) * snr(run))?;
    column::<Int64Type, _>(group, rows, |(run, ..)| run.place.replicate.into())?;
    column::<Int64Type, _>(group, rows, |(run, ..)| run.place.dim as i64)?;
    column::<Int64Type, _>(group, rows, |(run, ..)| run.place.head as i64)?;
    // The same 64 bits; the schema says that they have no sign.
    column::<Int64Type, _>(group, rows, |(run, ..)| run.seed.cast_signed())?;
    column::<ByteArrayType, _>(group, rows, |(run, ..)| run.space.name().into())?;
    column::<Int64Type, _>(group, rows, |(_, step, _)| *step)?;
    for quantity in 0..QUANTITIES.len() {
        optional(group, rows, |(.., row)| row[quantity])?;
    }
    for (axis, at) in extra {
        column::<DoubleType, _>(group, rows, |(run, ..)| axis.shown(run.place.extra[*at]))?;
    }
    column::<ByteArrayType, _>(group, rows, |_| digest.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::options::Options;
    use crate::lab::presets::preset;
    use crate::lab::runs;
    use mote_lab::place::{GridPoint, Representation};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    /// The columns of `runs.csv`, a row for every step; what a run does not have is null.
    #[test]
    fn runs_are_read_back_step_by_step() {
        let config = preset("benign").unwrap().with(&Options::of([("flip", "0.25")])).unwrap();
        let extra = config.swept();
        let mut row: Row = std::array::from_fn(|at| Some(at as f64 / 4.0));
        row[9] = None;
        let run = |replicate| {
            let (place, space) = (GridPoint { replicate, ..config.places()[0] }, Representation::Free);
            Followed { place, seed: place.seed(1), space, rows: vec![row; 2] }
        };
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), super::runs(&[run(0), run(1)], &config, &extra).unwrap()).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(path.path()).unwrap()).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 4);
        for (at, found) in rows.iter().enumerate() {
            let header: Vec<&str> = found.get_column_iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(header.join(","), runs::header(&extra));
            let fields: Vec<Field> = found.get_column_iter().map(|(_, field)| field.clone()).collect();
            let (replicate, step) = (at as i64 / 2, at as i64 % 2 + 1);
            assert_eq!((&fields[4], &fields[9]), (&Field::Long(replicate), &Field::Long(step)));
            assert_eq!(fields[21], Field::Double(0.25));
            let expected: Vec<Field> = row.iter().map(|x| x.map_or(Field::Null, Field::Double)).collect();
            assert_eq!(fields[10..21], expected);
        }
    }
}
