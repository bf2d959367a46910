//! `cells.parquet`: the cells of `cells.csv` with types, for pandas, polars and DuckDB; and read back.

use crate::base::error::{InputError, quoted};
use crate::lab::grid::Config;
use anyhow::Context;
use mote_lab::axes::Axis;
use mote_lab::outcome::{Cell, Figures};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::parser::parse_message_type;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// The file.
pub const NAME: &str = "cells.parquet";

/// The columns of `cells.csv`, in its order; those of extra axes in use come before the last. A cell that did not converge has nulls for its figures.
const SCHEMA: &str = "
message cell {
    required int64 n;
    required double signal_norm;
    required double snr;
    required double n_snr2;
    required int64 replicate;
    required int64 dim;
    required int64 head;
    required int64 seed (INTEGER(64, false));
    required binary space (STRING);
    required int64 steps;
    optional double train_loss;
    optional double test_loss;
    optional double test_error;
    required boolean converged;
    required double seconds;
    required binary config (STRING);
}";

/// Columns of [`SCHEMA`].
const COLUMNS: i32 = 16;

/// Where [`SCHEMA`] has what the rows are sorted by: dim, head, the extra axes, n, signal_norm, replicate.
fn sorted_by(extra: &Columns) -> Vec<i32> {
    let extra = COLUMNS - 1..COLUMNS - 1 + extra.len() as i32;
    [5, 6].into_iter().chain(extra).chain([0, 1, 4]).collect()
}

/// [`SCHEMA`] with the columns of these extra axes.
fn schema(extra: &Columns) -> String {
    const LAST: &str = "    required binary config";
    let columns: String = extra.iter().map(|(axis, _)| format!("    required double {};\n", axis.column)).collect();
    SCHEMA.replace(LAST, &(columns + LAST))
}

/// Rows of a row group: enough for whole columns to be read at once, few enough for any memory.
const GROUP_ROWS: usize = 1 << 20;

/// Extra axes that have a column, and where `GridPoint::extra` has them.
pub type Columns = Vec<(&'static Axis, usize)>;

/// The cells as a Parquet file with these columns of extra axes, in the order given, which must be that of the grid.
/// `digest` is that of the configuration.
///
/// # Errors
///
/// If the file cannot be made.
pub fn cells(cells: &[Cell], config: &Config, digest: &str, extra: &Columns) -> anyhow::Result<Vec<u8>> {
    let write_rows = |group: &mut Group, rows: &[Cell]| write_rows(group, rows, config, (digest, extra));
    file(&schema(extra), &sorted_by(extra), cells, write_rows).context(NAME)
}

/// Rows as a Parquet file, in the order given, which must be that of the columns `sorted_by`; `write_rows` writes every
/// column.
///
/// # Errors
///
/// If the file cannot be made.
pub fn file<R>(
    schema: &str,
    sorted_by: &[i32],
    rows: &[R],
    write_rows: impl Fn(&mut Group, &[R]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(schema)?);
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

/// The text that `cells.csv` has of the same cells, in the order of the file.
///
/// # Errors
///
/// [`InputError`] if the file is no Parquet.
pub fn to_csv(path: &Path) -> anyhow::Result<String> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let wrong = |error: parquet::errors::ParquetError| {
        InputError::file(path, format!("expected cells as Parquet, found: {}", quoted(&error.to_string())))
    };
    let reader = SerializedFileReader::new(file).map_err(wrong)?;
    let columns: Vec<String> =
        reader.metadata().file_metadata().schema_descr().columns().iter().map(|c| c.name().to_owned()).collect();
    let mut csv = columns.join(",") + "\n";
    for row in reader.get_row_iter(None).map_err(wrong)? {
        for (n, (name, field)) in row.map_err(wrong)?.get_column_iter().enumerate() {
            csv += if n > 0 { "," } else { "" };
            let written = match field {
                Field::Null => Ok(()),
                Field::Str(text) => csv.write_str(text),
                Field::Double(seconds) if name == "seconds" => write!(csv, "{seconds:.4}"),
                // As few digits as tell the number from every other one, as `cells.csv` has it.
                Field::Double(x) => write!(csv, "{x}"),
                other => write!(csv, "{other}"),
            };
            written.context(NAME)?;
        }
        csv.push('\n');
    }
    Ok(csv)
}

/// Writes every column of [`SCHEMA`], one after the other.
fn write_rows(
    group: &mut Group,
    rows: &[Cell],
    config: &Config,
    (digest, extra): (&str, &Columns),
) -> anyhow::Result<()> {
    let snr = |cell: &Cell| config.recipe.snr(&cell.place);
    column::<Int64Type, _>(group, rows, |cell| cell.place.samples as i64)?;
    column::<DoubleType, _>(group, rows, |cell| cell.place.signal_norm)?;
    column::<DoubleType, _>(group, rows, snr)?;
    column::<DoubleType, _>(group, rows, |cell| cell.place.samples as f64 * snr(cell) * snr(cell))?;
    column::<Int64Type, _>(group, rows, |cell| cell.place.replicate.into())?;
    column::<Int64Type, _>(group, rows, |cell| cell.place.dim as i64)?;
    column::<Int64Type, _>(group, rows, |cell| cell.place.head as i64)?;
    // The same 64 bits; the schema says that they have no sign.
    column::<Int64Type, _>(group, rows, |cell| cell.seed.cast_signed())?;
    column::<ByteArrayType, _>(group, rows, |cell| cell.space.name().into())?;
    column::<Int64Type, _>(group, rows, |cell| cell.outcome.steps.into())?;
    figure(group, rows, |figures| figures.train_loss)?;
    figure(group, rows, |figures| figures.test_loss)?;
    figure(group, rows, |figures| figures.test_error)?;
    column::<BoolType, _>(group, rows, |cell| cell.outcome.figures.is_some())?;
    column::<DoubleType, _>(group, rows, |cell| cell.seconds)?;
    for (axis, at) in extra {
        column::<DoubleType, _>(group, rows, |cell| axis.shown(cell.place.extra[*at]))?;
    }
    let digest = ByteArray::from(digest);
    column::<ByteArrayType, _>(group, rows, |_| digest.clone())
}

/// Rows that are being written.
pub type Group<'a, 'b> = SerializedRowGroupWriter<'a, &'b mut Vec<u8>>;

/// Writes the next column, which every row has.
///
/// # Errors
///
/// If it cannot be written.
pub fn column<T: DataType, R>(group: &mut Group, rows: &[R], value: impl Fn(&R) -> T::T) -> anyhow::Result<()> {
    let values: Vec<T::T> = rows.iter().map(value).collect();
    write::<T>(group, &values, None)
}

/// Writes the next column, which the rows that converged have.
fn figure(group: &mut Group, rows: &[Cell], value: impl Fn(&Figures) -> f64) -> anyhow::Result<()> {
    optional(group, rows, |cell| cell.outcome.figures.as_ref().map(&value))
}

/// Writes the next column, which some rows have.
///
/// # Errors
///
/// If it cannot be written.
pub fn optional<R>(group: &mut Group, rows: &[R], value: impl Fn(&R) -> Option<f64>) -> anyhow::Result<()> {
    let values: Vec<f64> = rows.iter().filter_map(&value).collect();
    let there: Vec<i16> = rows.iter().map(|row| value(row).is_some().into()).collect();
    write::<DoubleType>(group, &values, Some(&there))
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
    use crate::lab::rows;
    use mote_lab::axes::AXES;
    use mote_lab::outcome::Outcome;
    use mote_lab::place::{FLIP, GridPoint, NEUTRAL, Representation};

    /// Read back by the library's own reader, which shares the schema's meaning but none of the code above.
    #[test]
    fn what_is_written_is_read_back_with_its_types() {
        let figures = Figures { train_loss: 0.125, test_loss: 0.25, test_error: 0.5 };
        let cell = |replicate, figures| Cell {
            place: GridPoint { samples: 4, signal_norm: 2.5, replicate, dim: 64, head: 8, extra: NEUTRAL },
            seed: u64::MAX - u64::from(replicate),
            space: Representation::Tokens,
            outcome: Outcome { steps: 30 + replicate, figures },
            seconds: 0.0625,
        };
        let all = [cell(0, Some(figures)), cell(1, None), cell(2, Some(figures))];
        let config = preset("law").unwrap();
        let (digest, none) = (rows::digest(&config), Columns::new());
        let file = cells(&all, &config, &digest, &none).unwrap();
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(path.path()).unwrap()).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        let header: Vec<&str> = rows[0].get_column_iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(header.join(","), rows::HEADER);
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
                Field::Str(rows::digest(&config)),
            ];
            assert_eq!(fields, expected);
        }
        assert_eq!(to_csv(path.path()).unwrap(), rows::to_text(&all, &config, &none), "read back as cells.csv has it");
        // With label noise, there is a column of it.
        let flip: Columns = AXES.iter().filter(|axis| axis.name == "flip").map(|axis| (axis, FLIP)).collect();
        let noisy = all.clone().map(|mut cell| {
            cell.place.extra[FLIP] = 0.1;
            cell
        });
        std::fs::write(path.path(), cells(&noisy, &config, &digest, &flip).unwrap()).unwrap();
        let csv = to_csv(path.path()).unwrap();
        assert_eq!(csv, rows::to_text(&noisy, &config, &flip));
        assert!(csv.lines().next().unwrap().ends_with(",seconds,flip,config") && csv.contains(",0.0625,0.1,"), "{csv}");
        std::fs::write(path.path(), "PAR1 it is not").unwrap();
        let error = to_csv(path.path()).unwrap_err().to_string();
        assert!(error.contains(": expected cells as Parquet, found: ") && error.lines().count() == 1, "{error}");
    }
}
