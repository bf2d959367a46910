//! `runs.parquet`: `runs.csv` with types, for pandas, polars and DuckDB.

use crate::lab::grid::Config;
use crate::lab::parquet::{Group, column, file, optional};
use crate::lab::runs::Followed;
use crate::lab::store;
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

/// Where [`SCHEMA`] has what the rows are sorted by: dim, head, n, signal_norm, replicate, step.
const SORTED_BY: [i32; 6] = [5, 6, 0, 1, 4, 9];

/// The runs as a Parquet file with a row for every step, in the order given, which must be that of the grid.
///
/// # Errors
///
/// If the file cannot be made.
pub fn runs(runs: &[Followed], config: &Config) -> anyhow::Result<Vec<u8>> {
    let quantities: String = QUANTITIES.iter().map(|name| format!("\n    optional double {name};")).collect();
    let schema = format!("{SCHEMA}{quantities}\n    required binary config (STRING);\n}}");
    let mut rows: Vec<(&Followed, i64, &Row)> = Vec::new();
    for run in runs {
        rows.extend((1..).zip(&run.rows).map(|(step, row)| (run, step, row)));
    }
    let digest = ByteArray::from(store::digest(config).as_str());
    file(&schema, &SORTED_BY, &rows, |group, rows| write_rows(group, rows, config, &digest)).context(NAME)
}

/// Writes every column, one after the other.
fn write_rows(
    group: &mut Group,
    rows: &[(&Followed, i64, &Row)],
    config: &Config,
    digest: &ByteArray,
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
    column::<ByteArrayType, _>(group, rows, |_| digest.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::presets::preset;
    use crate::lab::runs;
    use mote_lab::place::Representation;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    /// The columns of `runs.csv`, a row for every step; what a run does not have is null.
    #[test]
    fn runs_are_read_back_step_by_step() {
        let config = preset("benign").unwrap();
        let mut row: Row = std::array::from_fn(|at| Some(at as f64 / 4.0));
        row[9] = None;
        let run = |replicate| {
            let (place, space) = (config.recipe.place(16, 25.0, replicate), Representation::Free);
            Followed { place, seed: place.seed(1), space, rows: vec![row; 2] }
        };
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), super::runs(&[run(0), run(1)], &config).unwrap()).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(path.path()).unwrap()).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 4);
        for (at, found) in rows.iter().enumerate() {
            let header: Vec<&str> = found.get_column_iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(header.join(","), runs::header());
            let fields: Vec<Field> = found.get_column_iter().map(|(_, field)| field.clone()).collect();
            let (replicate, step) = (at as i64 / 2, at as i64 % 2 + 1);
            assert_eq!((&fields[4], &fields[9]), (&Field::Long(replicate), &Field::Long(step)));
            let expected: Vec<Field> = row.iter().map(|x| x.map_or(Field::Null, Field::Double)).collect();
            assert_eq!(fields[10..21], expected);
        }
    }
}
