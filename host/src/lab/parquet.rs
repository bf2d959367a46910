//! `cells.parquet` and `runs.parquet`: `cells.csv` and `runs.csv` with types, for pandas, polars and DuckDB.

use crate::lab::grid::Config;
use crate::lab::runs::Followed;
use crate::lab::store;
use anyhow::Context;
use mote_lab::dynamics::{QUANTITIES, Row};
use mote_lab::outcome::{Cell, Figures};
use mote_lab::place::{GridPoint, Representation};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// The columns that say which cell it is, of [`store::PLACE`].
const PLACE: &str = "
    required int64 n;
    required double signal_norm;
    required double snr;
    required double n_snr2;
    required int64 replicate;
    required int64 dim;
    required int64 head;
    required int64 seed (INTEGER(64, false));
    required binary space (STRING);";

/// The columns of `cells.csv` behind them, in its order. A cell that did not converge has nulls for its figures.
const CELL: &str = "
    required int64 steps;
    optional double train_loss;
    optional double test_loss;
    optional double test_error;
    required boolean converged;
    required double seconds;";

/// Where [`PLACE`] has what the rows are sorted by: dim, head, n, signal_norm, replicate.
const SORTED_BY: [i32; 5] = [5, 6, 0, 1, 4];

/// Where the step of a run stands, behind [`PLACE`]: the last thing that its rows are sorted by.
const STEP: i32 = 9;

/// Rows of a row group: enough for whole columns to be read at once, few enough for any memory.
const GROUP_ROWS: usize = 1 << 20;

/// The cells as a Parquet file, in the order given, which must be that of D, H, n, signal norm and replicate.
///
/// # Errors
///
/// If the file cannot be made.
pub fn cells(cells: &[Cell], config: &Config) -> anyhow::Result<Vec<u8>> {
    let digest = ByteArray::from(store::digest(config).as_str());
    let write_rows = |group: &mut Group, rows: &[Cell]| {
        place(group, rows, config, |cell| (&cell.place, cell.seed, cell.space))?;
        column::<Int64Type, _>(group, rows, |cell| cell.outcome.steps.into())?;
        figure(group, rows, |figures| figures.train_loss)?;
        figure(group, rows, |figures| figures.test_loss)?;
        figure(group, rows, |figures| figures.test_error)?;
        column::<BoolType, _>(group, rows, |cell| cell.outcome.figures.is_some())?;
        column::<DoubleType, _>(group, rows, |cell| cell.seconds)?;
        column::<ByteArrayType, _>(group, rows, |_| digest.clone())
    };
    file(CELL, &SORTED_BY, cells, write_rows).context("cells.parquet")
}

/// The runs as a Parquet file with a row for every step, in the order given, which must be that of [`cells`].
///
/// # Errors
///
/// If the file cannot be made.
pub fn runs(runs: &[Followed], config: &Config) -> anyhow::Result<Vec<u8>> {
    let digest = ByteArray::from(store::digest(config).as_str());
    let quantities: String = QUANTITIES.iter().map(|name| format!("\n    optional double {name};")).collect();
    let mut rows: Vec<(&Followed, i64, &Row)> = Vec::new();
    for run in runs {
        rows.extend((1..).zip(&run.rows).map(|(step, row)| (run, step, row)));
    }
    let write_rows = |group: &mut Group, rows: &[(&Followed, i64, &Row)]| {
        place(group, rows, config, |(run, ..)| (&run.place, run.seed, run.space))?;
        column::<Int64Type, _>(group, rows, |(_, step, _)| *step)?;
        for quantity in 0..QUANTITIES.len() {
            optional(group, rows, |(.., row)| row[quantity])?;
        }
        column::<ByteArrayType, _>(group, rows, |_| digest.clone())
    };
    let sorted_by: Vec<i32> = SORTED_BY.into_iter().chain([STEP]).collect();
    file(&format!("\n    required int64 step;{quantities}"), &sorted_by, &rows, write_rows).context("runs.parquet")
}

/// A file of [`PLACE`], more columns and the digest of the configuration, in groups of rows.
fn file<R>(
    columns: &str,
    sorted_by: &[i32],
    rows: &[R],
    write_rows: impl Fn(&mut Group, &[R]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u8>> {
    let schema = format!("message row {{{PLACE}{columns}\n    required binary config (STRING);\n}}");
    let schema = Arc::new(parse_message_type(&schema)?);
    let order = sorted_by.iter().map(|&column_idx| SortingColumn { column_idx, descending: false, nulls_first: false });
    let properties = WriterProperties::builder()
        .set_created_by(format!("mote {}", env!("CARGO_PKG_VERSION")))
        .set_sorting_columns(Some(order.collect()))
        .build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties))?;
    for rows in rows.chunks(GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        write_rows(&mut group, rows)?;
        group.close()?;
    }
    writer.close()?;
    Ok(file)
}

type Group<'a, 'b> = SerializedRowGroupWriter<'a, &'b mut Vec<u8>>;

/// Writes the columns of [`PLACE`].
fn place<R>(
    group: &mut Group,
    rows: &[R],
    config: &Config,
    of: impl Fn(&R) -> (&GridPoint, u64, Representation),
) -> anyhow::Result<()> {
    let at = |row: &R| *of(row).0;
    let snr = |row: &R| config.recipe.snr(&at(row));
    column::<Int64Type, _>(group, rows, |row| at(row).samples as i64)?;
    column::<DoubleType, _>(group, rows, |row| at(row).signal_norm)?;
    column::<DoubleType, _>(group, rows, snr)?;
    column::<DoubleType, _>(group, rows, |row| at(row).samples as f64 * snr(row) * snr(row))?;
    column::<Int64Type, _>(group, rows, |row| at(row).replicate.into())?;
    column::<Int64Type, _>(group, rows, |row| at(row).dim as i64)?;
    column::<Int64Type, _>(group, rows, |row| at(row).head as i64)?;
    // The same 64 bits; the schema says that they have no sign.
    column::<Int64Type, _>(group, rows, |row| of(row).1.cast_signed())?;
    column::<ByteArrayType, _>(group, rows, |row| of(row).2.name().into())
}

/// Writes the next column, which every row has.
fn column<T: DataType, R>(group: &mut Group, rows: &[R], value: impl Fn(&R) -> T::T) -> anyhow::Result<()> {
    let values: Vec<T::T> = rows.iter().map(value).collect();
    write::<T>(group, &values, None)
}

/// Writes the next column, which some rows have.
fn optional<R>(group: &mut Group, rows: &[R], value: impl Fn(&R) -> Option<f64>) -> anyhow::Result<()> {
    let values: Vec<f64> = rows.iter().filter_map(&value).collect();
    let there: Vec<i16> = rows.iter().map(|row| value(row).is_some().into()).collect();
    write::<DoubleType>(group, &values, Some(&there))
}

/// Writes the next column, which the cells that converged have.
fn figure(group: &mut Group, rows: &[Cell], value: impl Fn(&Figures) -> f64) -> anyhow::Result<()> {
    optional(group, rows, |cell| cell.outcome.figures.as_ref().map(&value))
}

fn write<T: DataType>(group: &mut Group, values: &[T::T], there: Option<&[i16]>) -> anyhow::Result<()> {
    let mut writer = group.next_column()?.context("more columns than the schema has")?;
    writer.typed::<T>().write_batch(values, there, None)?;
    Ok(writer.close()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::presets::preset;
    use crate::lab::runs;
    use mote_lab::outcome::Outcome;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    /// Read back by the library's own reader, which shares the schema's meaning but none of the code above.
    #[test]
    fn what_is_written_is_read_back_with_its_types() {
        let figures = Figures { train_loss: 0.125, test_loss: 0.25, test_error: 0.5 };
        let cell = |replicate, figures| Cell {
            place: GridPoint { samples: 4, signal_norm: 2.5, replicate, dim: 64, head: 8 },
            seed: u64::MAX - u64::from(replicate),
            space: Representation::Tokens,
            outcome: Outcome { steps: 30 + replicate, figures },
            seconds: 0.0625,
        };
        let all = [cell(0, Some(figures)), cell(1, None), cell(2, Some(figures))];
        let config = preset("law").unwrap();
        let file = cells(&all, &config).unwrap();
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(path.path()).unwrap()).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        let header: Vec<&str> = rows[0].get_column_iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(header.join(","), crate::lab::store::HEADER);
        for (row, cell) in rows.iter().zip(&all) {
            let fields: Vec<Field> = row.get_column_iter().map(|(_, field)| field.clone()).collect();
            let number = |x: Option<f64>| x.map_or(Field::Null, Field::Double);
            let found = cell.outcome.figures;
            let expected = [
                Field::Long(4),
                Field::Double(2.5),
                Field::Double(0.625),
                Field::Double(4.0 * 0.625 * 0.625),
                Field::Long(cell.place.replicate.into()),
                Field::Long(64),
                Field::Long(8),
                Field::ULong(cell.seed),
                Field::Str("tokens".into()),
                Field::Long(cell.outcome.steps.into()),
                number(found.map(|f| f.train_loss)),
                number(found.map(|f| f.test_loss)),
                number(found.map(|f| f.test_error)),
                Field::Bool(found.is_some()),
                Field::Double(0.0625),
                Field::Str(store::digest(&config)),
            ];
            assert_eq!(fields, expected);
        }
    }
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
