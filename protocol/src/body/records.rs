//! Records as columns: which fields, then keys, then each field's values.
//!
//! Records of one *shape* (the same fields, of the same types, in the same order) share their columns. A text is
//! written as what it shares with the one above it and what is its own: slip numbers, accounts and dates hardly differ.

use automerge::ScalarValue;
use smol_str::SmolStr;

use super::columns::Columns;
use super::{INFLATED_BYTES, OPERATIONS, bad, too_large};
use crate::error::{Code, Refusal};
use crate::record::{Record, limits};
use crate::wire::{Reader, put_int, put_run, put_uint};

/// Different shapes in one segment.
const SHAPES: usize = 4096;

/// The type of a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Null = 0,
    Boolean = 1,
    Uint = 3,
    Int = 4,
    F64 = 5,
    Text = 6,
    Bytes = 7,
    Timestamp = 9,
}

impl Sort {
    const ALL: [Sort; 8] =
        [Sort::Null, Sort::Boolean, Sort::Uint, Sort::Int, Sort::F64, Sort::Text, Sort::Bytes, Sort::Timestamp];

    fn of(value: &ScalarValue) -> Result<Sort, Refusal> {
        Ok(match value {
            ScalarValue::Null => Sort::Null,
            ScalarValue::Boolean(_) => Sort::Boolean,
            ScalarValue::Uint(_) => Sort::Uint,
            ScalarValue::Int(_) => Sort::Int,
            ScalarValue::F64(_) => Sort::F64,
            ScalarValue::Str(_) => Sort::Text,
            ScalarValue::Bytes(_) => Sort::Bytes,
            ScalarValue::Timestamp(_) => Sort::Timestamp,
            ScalarValue::Counter(_) | ScalarValue::Unknown { .. } => {
                return Err(Refusal::new(Code::TooDeep, "not a plain scalar"));
            }
        })
    }
}

/// Names and sorts of fields, and the records that have them.
type Shape<'a> = (Vec<(Sort, &'a str)>, Vec<&'a Record>);

/// Appends the columns of these records.
pub(super) fn pack<'a>(
    records: impl Iterator<Item = &'a Record> + Clone,
    columns: &mut Vec<Vec<u8>>,
) -> Result<(), Refusal> {
    let mut shapes: Vec<Shape<'_>> = Vec::new();
    let mut which = Vec::new();
    let mut keys = Texts::default();
    let mut last = 0;
    for record in records {
        let shape = record.fields.iter().map(|(name, value)| Ok((Sort::of(value)?, name.as_str())));
        let shape = shape.collect::<Result<Vec<_>, Refusal>>()?;
        if shapes.get(last).is_none_or(|(known, _)| *known != shape) {
            last = shapes.iter().position(|(known, _)| *known == shape).unwrap_or(shapes.len());
        }
        if last == shapes.len() {
            if last == SHAPES {
                return Err(too_large("shapes of records"));
            }
            shapes.push((shape, Vec::new()));
        }
        shapes[last].1.push(record);
        put_uint(&mut which, last as u64);
        keys.put(record.key.as_bytes());
    }
    let mut names = Vec::new();
    put_uint(&mut names, shapes.len() as u64);
    for (shape, _) in &shapes {
        put_uint(&mut names, shape.len() as u64);
        for (sort, name) in shape {
            names.push(*sort as u8);
            put_run(&mut names, name.as_bytes());
        }
    }
    columns.extend([names, which]);
    keys.append(columns);
    for (shape, members) in shapes {
        for (at, (sort, _)) in shape.into_iter().enumerate() {
            pack_values(sort, members.iter().filter_map(|record| record.fields.get(at)).map(|(_, v)| v), columns);
        }
    }
    Ok(())
}

fn pack_values<'a>(sort: Sort, values: impl Iterator<Item = &'a ScalarValue>, columns: &mut Vec<Vec<u8>>) {
    let mut column = Vec::new();
    let mut texts = Texts::default();
    for value in values {
        match value {
            ScalarValue::Boolean(value) => column.push(u8::from(*value)),
            ScalarValue::Uint(value) => put_uint(&mut column, *value),
            ScalarValue::Int(value) | ScalarValue::Timestamp(value) => put_int(&mut column, *value),
            ScalarValue::F64(value) => column.extend_from_slice(&value.to_le_bytes()),
            ScalarValue::Str(text) => texts.put(text.as_bytes()),
            ScalarValue::Bytes(bytes) => texts.put(bytes),
            ScalarValue::Null | ScalarValue::Counter(_) | ScalarValue::Unknown { .. } => {}
        }
    }
    match sort {
        Sort::Null => {}
        Sort::Text | Sort::Bytes => texts.append(columns),
        _ => columns.push(column),
    }
}

/// Texts, each as what it shares with the one before and what is its own.
#[derive(Default)]
struct Texts<'a> {
    marks: Vec<u8>,
    own: Vec<u8>,
    before: &'a [u8],
}

impl<'a> Texts<'a> {
    fn put(&mut self, text: &'a [u8]) {
        let shared = self.before.iter().zip(text).take_while(|(a, b)| a == b).count();
        put_uint(&mut self.marks, shared as u64);
        put_uint(&mut self.marks, (text.len() - shared) as u64);
        self.own.extend_from_slice(&text[shared..]);
        self.before = text;
    }

    fn append(self, columns: &mut Vec<Vec<u8>>) {
        columns.extend([self.marks, self.own]);
    }
}

/// Reads this many records.
pub(super) fn unpack(columns: &mut Columns<'_>, rows: usize) -> Result<Vec<Record>, Refusal> {
    let few_enough = |operations: usize| {
        if operations as u64 > OPERATIONS { Err(too_large("operations of a segment")) } else { Ok(()) }
    };
    few_enough(rows)?;
    let shapes = columns.read(read_shapes)?;
    let which = columns.read(|column| {
        (0..rows)
            .map(|_| {
                let at = usize::try_from(column.uint()?).ok().filter(|at| *at < shapes.len());
                at.ok_or_else(|| bad("shape of a record"))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    few_enough(which.iter().map(|at| 1 + shapes[*at].len()).sum())?;
    let mut budget = INFLATED_BYTES;
    let keys = read_texts(columns, rows, limits::KEY_BYTES, &mut budget, text)?;
    let mut members = vec![Vec::new(); shapes.len()];
    let mut records = Vec::with_capacity(rows);
    for (key, at) in keys.into_iter().zip(which) {
        members[at].push(records.len());
        records.push(Record { key, fields: Vec::with_capacity(shapes[at].len()) });
    }
    for (shape, members) in shapes.into_iter().zip(members) {
        for (sort, name) in shape {
            let values = read_values(columns, sort, members.len(), &mut budget)?;
            for (member, value) in members.iter().zip(values) {
                records[*member].fields.push((name.clone(), value));
            }
        }
    }
    Ok(records)
}

fn read_shapes(column: &mut Reader<'_>) -> Result<Vec<Vec<(Sort, SmolStr)>>, Refusal> {
    let mut shapes = Vec::new();
    for _ in 0..column.len(SHAPES)? {
        let fields = column.len(limits::FIELDS)?;
        let mut shape: Vec<(Sort, SmolStr)> = Vec::with_capacity(fields);
        for _ in 0..fields {
            let code = column.byte()?;
            let sort = Sort::ALL.into_iter().find(|sort| *sort as u8 == code);
            let sort = sort.ok_or_else(|| Refusal::new(Code::TooDeep, "type of a field"))?;
            let name = text(column.run(limits::NAME_BYTES)?)?;
            if shape.iter().any(|(_, known)| *known == name) {
                return Err(Refusal::new(Code::TooDeep, "field written twice"));
            }
            shape.push((sort, name));
        }
        shapes.push(shape);
    }
    Ok(shapes)
}

fn text(bytes: &[u8]) -> Result<SmolStr, Refusal> {
    std::str::from_utf8(bytes).map(SmolStr::new).map_err(|_| bad("text is not UTF-8"))
}

/// Reads texts of at most `max` bytes each; `budget` is what all texts of the segment may still spell.
fn read_texts<T>(
    columns: &mut Columns<'_>,
    rows: usize,
    max: usize,
    budget: &mut usize,
    make: impl Fn(&[u8]) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let marks = columns.read(|column| {
        let mut before = 0;
        (0..rows)
            .map(|_| {
                let (shared, own) = (column.len(before)?, column.len(max)?);
                before = shared + own;
                if before > max || before > *budget {
                    return Err(too_large("text"));
                }
                *budget -= before;
                Ok((shared, own))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    columns.read(|column| {
        let mut spelt = Vec::with_capacity(64);
        let each = marks.into_iter().map(|(shared, own)| {
            spelt.truncate(shared);
            spelt.extend_from_slice(column.take(own)?);
            make(&spelt)
        });
        each.collect()
    })
}

fn read_values(
    columns: &mut Columns<'_>,
    sort: Sort,
    rows: usize,
    budget: &mut usize,
) -> Result<Vec<ScalarValue>, Refusal> {
    let max = limits::VALUE_BYTES;
    let mut each = |read: fn(&mut Reader<'_>) -> Result<ScalarValue, Refusal>| {
        columns.read(|column| (0..rows).map(|_| read(column)).collect())
    };
    match sort {
        Sort::Null => Ok(vec![ScalarValue::Null; rows]),
        Sort::Boolean => each(|column| match column.byte()? {
            value @ (0 | 1) => Ok(ScalarValue::Boolean(value == 1)),
            _ => Err(bad("neither yes nor no")),
        }),
        Sort::Uint => each(|column| column.uint().map(ScalarValue::Uint)),
        Sort::Int => each(|column| column.int().map(ScalarValue::Int)),
        Sort::Timestamp => each(|column| column.int().map(ScalarValue::Timestamp)),
        Sort::F64 => each(|column| Ok(ScalarValue::F64(f64::from_le_bytes(column.array()?)))),
        Sort::Text => read_texts(columns, rows, max, budget, |bytes| text(bytes).map(ScalarValue::Str)),
        Sort::Bytes => read_texts(columns, rows, max, budget, |bytes| Ok(ScalarValue::Bytes(bytes.to_vec()))),
    }
}
