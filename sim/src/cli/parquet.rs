//! Tables as Parquet, beside their CSV: made from it row group by row group, so memory stays bounded.
//!
//! The writer is large, so it is built in only with the feature `parquet`; without it, asking is an error.

#[cfg(not(feature = "parquet"))]
use std::path::Path;

use super::Failure;

/// Writes `NAME.parquet` beside `NAME.csv`.
#[cfg(not(feature = "parquet"))]
pub(super) fn convert(_table: &Path) -> Result<(), Failure> {
    Err(unavailable())
}

/// Whether Parquet can be written.
pub(super) fn check() -> Result<(), Failure> {
    if cfg!(feature = "parquet") { Ok(()) } else { Err(unavailable()) }
}

fn unavailable() -> Failure {
    let what =
        "this build cannot write Parquet; build it with: cargo build --release -p xiangyue-sim --features parquet";
    Failure(what.to_owned())
}

#[cfg(feature = "parquet")]
pub(super) use with_parquet::convert;

#[cfg(feature = "parquet")]
mod with_parquet {
    #![expect(clippy::disallowed_types, reason = "the command line writes files; runs do not")]

    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;

    use parquet::basic::{ConvertedType, Repetition, Type as Physical};
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::errors::ParquetError;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::types::Type;

    use super::super::Failure;

    /// Columns that hold words; all others hold whole numbers.
    const WORDS: [&str; 3] = ["doc", "author", "node"];
    /// Rows to a group.
    const GROUP: usize = 1 << 16;

    /// Writes `NAME.parquet` beside `NAME.csv`.
    pub(in super::super) fn convert(table: &Path) -> Result<(), Failure> {
        let failure = |what: String| Failure(format!("{}: {what}", table.display()));
        let mut rows = csv::Reader::from_path(table).map_err(|error| failure(error.to_string()))?;
        let names: Vec<String> =
            rows.headers().map_err(|error| failure(error.to_string()))?.iter().map(str::to_owned).collect();
        write(&mut rows, &names, &table.with_extension("parquet")).map_err(|error| failure(error.to_string()))
    }

    fn write(rows: &mut csv::Reader<File>, names: &[String], path: &Path) -> Result<(), ParquetError> {
        let columns = names.iter().map(|name| column(name).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("rows").with_fields(columns).build()?);
        let mut writer = SerializedFileWriter::new(File::create(path)?, schema, Arc::default())?;
        loop {
            let group: Vec<csv::StringRecord> = rows
                .records()
                .take(GROUP)
                .collect::<Result<_, _>>()
                .map_err(|error| ParquetError::External(Box::new(error)))?;
            if group.is_empty() {
                return writer.close().map(drop);
            }
            write_group(&mut writer, names, &group)?;
        }
    }

    fn write_group(
        writer: &mut SerializedFileWriter<File>,
        names: &[String],
        rows: &[csv::StringRecord],
    ) -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for (position, name) in names.iter().enumerate() {
            let cells: Vec<&str> = rows.iter().map(|row| row.get(position).unwrap_or("")).collect();
            // One for each row: 1 where there is a value.
            let levels: Vec<i16> = cells.iter().map(|cell| i16::from(!cell.is_empty())).collect();
            let there = cells.iter().filter(|cell| !cell.is_empty());
            let Some(mut column) = group.next_column()? else { break };
            if WORDS.contains(&name.as_str()) {
                let values: Vec<ByteArray> = there.map(|cell| ByteArray::from(*cell)).collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
            } else {
                let number = |cell: &&str| cell.parse::<i64>().map_err(|e| ParquetError::External(Box::new(e)));
                let values: Vec<i64> = there.map(number).collect::<Result<_, _>>()?;
                column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
            }
            column.close()?;
        }
        group.close().map(drop)
    }

    fn column(name: &str) -> Result<Type, ParquetError> {
        let word = WORDS.contains(&name);
        let (physical, converted) =
            if word { (Physical::BYTE_ARRAY, ConvertedType::UTF8) } else { (Physical::INT64, ConvertedType::NONE) };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_converted_type(converted)
            .build()
    }
}
