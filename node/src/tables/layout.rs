//! Layouts: where each column of a sort stands in a file, and which sort a header belongs to.

use xiangyue_protocol::{Code, Refusal};

use super::columns::{Column, Sort, near};
use super::value;

/// Where each column stands in a file.
#[derive(Debug)]
pub(super) struct Layout {
    /// What the rows are.
    pub(super) sort: Sort,
    /// The header row as the file has it.
    pub(super) headers: Vec<String>,
    columns: Vec<Option<Column>>,
    places: Vec<(Column, usize)>,
}

impl Layout {
    /// Understands a header row; the sort that fits is taken when none is named. With `only_keys` a form's other
    /// columns may be missing, which a correction leaves as they are.
    ///
    /// # Errors
    /// [`Code::BadHeader`] naming the columns that are missing, unknown or there twice; [`Code::SeveralKinds`].
    pub(super) fn new(cells: &[String], sort: Option<Sort>, only_keys: bool) -> Result<Layout, Refusal> {
        let headers: Vec<String> = cells.iter().map(|cell| value::trimmed(cell).to_owned()).collect();
        let sort = match sort {
            Some(sort) => sort,
            None => fitting(&headers)?,
        };
        let layout = Layout::of(headers, sort);
        let needed = |(column, needed): &(Column, bool)| match column {
            Column::Of(field) if only_keys => field.key,
            _ => *needed,
        };
        let missing = sort.spec().into_iter().filter(needed).map(|(column, _)| column);
        let missing = missing.filter(|column| layout.at(*column).is_none()).map(named).collect();
        layout.check(missing)?;
        Ok(layout)
    }

    /// The columns that these headers name, whether or not all are there that a row needs.
    ///
    /// # Errors
    /// [`Code::UnknownField`] with those that an unknown header may mean; [`Code::BadHeader`] for one that is there twice.
    pub(super) fn some(headers: Vec<String>, sort: Sort) -> Result<Layout, Refusal> {
        let layout = Layout::of(headers, sort);
        for (header, column) in layout.headers.iter().zip(&layout.columns) {
            if matches!(column, None | Some(Column::Reason)) {
                let names = sort.columns().map(|column| [column.en(), column.zh()]);
                return Err(value::refuse_with(Code::UnknownField, header, near(header, names)));
            }
        }
        layout.check(Vec::new())?;
        Ok(layout)
    }

    fn of(headers: Vec<String>, sort: Sort) -> Layout {
        let columns: Vec<Option<Column>> = headers.iter().map(|header| sort.column(header)).collect();
        let mut places: Vec<(Column, usize)> = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            if let Some(column) = column
                && !places.iter().any(|(known, _)| known == column)
            {
                places.push((*column, at));
            }
        }
        Layout { sort, headers, columns, places }
    }

    /// Refuses columns that are missing, unknown or there twice.
    fn check(&self, missing: Vec<String>) -> Result<(), Refusal> {
        let mut unknown = Vec::new();
        let mut twice = Vec::new();
        for (at, (header, column)) in self.headers.iter().zip(&self.columns).enumerate() {
            match column {
                Some(Column::Reason) => {}
                Some(column) if self.at(*column) != Some(at) => twice.push(value::shown(header)),
                Some(_) => {}
                None if header.is_empty() => {}
                None => unknown.push(value::shown(header)),
            }
        }
        if missing.is_empty() && unknown.is_empty() && twice.is_empty() {
            return Ok(());
        }
        let mut detail = format!("{} {}", self.sort.zh(), self.sort.as_str());
        for (what, columns) in [("缺少 missing", missing), ("未知 unknown", unknown), ("重复 twice", twice)] {
            if !columns.is_empty() {
                detail = format!("{detail}; {what}: {}", columns.join(", "));
            }
        }
        Err(Refusal::new(Code::BadHeader, detail))
    }

    /// Where `column` stands in a row; none when the file does not have it.
    pub(super) fn at(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, at)| *at)
    }

    /// The column at a place.
    pub(super) fn column(&self, at: usize) -> Option<Column> {
        self.columns.get(at).copied().flatten()
    }

    /// The header of `column` as the file spells it.
    pub(super) fn header(&self, column: Column) -> String {
        self.at(column).map_or_else(|| column.en().to_owned(), |at| self.headers[at].clone())
    }
}

fn named(column: Column) -> String {
    format!("{} {}", column.zh(), column.en())
}

/// The sort that has all its needed columns in the header and knows every column of it. Of several it is the one of which
/// every column is there, as in a table that was exported. Of none it is the one that shares most with the header, whose
/// refusal then says what is wrong.
fn fitting(headers: &[String]) -> Result<Sort, Refusal> {
    let fits = |sort: &Sort| {
        let layout = Layout::of(headers.to_vec(), *sort);
        let known = layout.columns.iter().zip(headers).all(|(column, header)| column.is_some() || header.is_empty());
        known && sort.spec().iter().all(|(column, needed)| !needed || layout.at(*column).is_some())
    };
    let found: Vec<Sort> = Sort::all().filter(fits).collect();
    match found[..] {
        [sort] => Ok(sort),
        [] => closest(headers).ok_or_else(|| unrecognised(headers)),
        _ => {
            let whole = |sort: &&Sort| {
                let layout = Layout::of(headers.to_vec(), **sort);
                sort.columns().all(|column| layout.at(column).is_some())
            };
            let mut whole = found.iter().filter(whole);
            if let (Some(sort), None) = (whole.next(), whole.next()) {
                return Ok(*sort);
            }
            let names: Vec<_> = found.iter().map(|sort| format!("{} {}", sort.zh(), sort.as_str())).collect();
            Err(Refusal::new(Code::SeveralKinds, names.join(" / ")))
        }
    }
}

/// The sort that shares most columns with the header; none when none shares two, or when two share as many.
fn closest(headers: &[String]) -> Option<Sort> {
    let shared = |sort: Sort| Layout::of(headers.to_vec(), sort).places.len();
    let rated: Vec<_> = Sort::all().map(|sort| (shared(sort), sort)).collect();
    let most = rated.iter().map(|(shared, _)| *shared).max().filter(|most| *most >= 2)?;
    let mut best = rated.into_iter().filter(|(shared, _)| *shared == most);
    let (_, sort) = best.next()?;
    best.next().is_none().then_some(sort)
}

fn unrecognised(headers: &[String]) -> Refusal {
    let found: Vec<_> = headers.iter().take(12).map(|header| value::shown(header)).collect();
    let sorts: Vec<_> = Sort::OWN.iter().map(|sort| format!("{} {}", sort.zh(), sort.as_str())).collect();
    Refusal::new(Code::BadHeader, format_args!("{} ≠ {} / 表单 form", found.join(", "), sorts.join(" / ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &str, sort: Option<Sort>) -> Result<Layout, Refusal> {
        let cells: Vec<String> = header.split(',').map(str::to_owned).collect();
        Layout::new(&cells, sort, false)
    }

    #[test]
    fn each_sort_is_recognised_from_its_own_header_in_both_languages() {
        for sort in Sort::all() {
            for headers in [sort.headers_en(), sort.headers_zh()] {
                assert_eq!(layout(&headers.join(","), None).unwrap().sort, sort, "{headers:?}");
            }
        }
    }

    #[test]
    fn few_sorts_have_to_be_named_when_a_file_has_only_what_they_need() {
        let unclear = |named: fn(Column) -> &'static str| {
            let header = |sort: Sort| {
                let needed = sort.spec().into_iter().filter(|(_, needed)| *needed).map(|(column, _)| named(column));
                needed.collect::<Vec<_>>().join(",")
            };
            let unclear = |sort: &Sort| match layout(&header(*sort), None) {
                Ok(layout) => {
                    assert_eq!(layout.sort, *sort, "never taken for another");
                    false
                }
                Err(refusal) => {
                    assert_eq!(refusal.code(), Code::SeveralKinds);
                    true
                }
            };
            Sort::all().filter(unclear).map(Sort::as_str).collect::<Vec<_>>()
        };
        assert_eq!(unclear(Column::zh), ["study", "care_visit"]);
        assert_eq!(unclear(Column::en), ["errand", "task", "study", "care_visit"]);
    }

    #[test]
    fn a_header_that_fits_several_sorts_is_taken_for_none() {
        let refusal = layout("case,date,class", None).unwrap_err();
        assert_eq!((refusal.code(), refusal.detail()), (Code::SeveralKinds, "服务 errand / 任务 task"));
        let errand = "服务".parse().unwrap();
        assert_eq!(layout("case,date,class", Some(errand)).unwrap().sort, errand);
    }

    #[test]
    fn units_in_brackets_may_be_left_out() {
        for header in ["合同编号,凭证号,日期,金额(元)", "合同编号,凭证号,日期,金额", "合同编号,凭证号,日期,金额（元）"]
        {
            assert_eq!(layout(header, None).unwrap().sort.as_str(), "payment", "{header}");
        }
    }

    #[test]
    fn order_case_width_and_spaces_do_not_matter() {
        let layout = layout(" Points ,ＲＵＬＥ,Request ID,　日期　,账号", None).unwrap();
        assert_eq!(layout.sort, Sort::Entries);
        assert_eq!((layout.at(Column::Points), layout.at(Column::Account)), (Some(0), Some(4)));
        assert_eq!((layout.at(Column::By), layout.header(Column::By).as_str()), (None, "by"));
    }

    #[test]
    fn missing_unknown_and_doubled_columns_are_named() {
        let refusal = layout("凭证号,日期,账户,规则,规则,心情", None).unwrap_err();
        assert_eq!(refusal.code(), Code::BadHeader);
        assert_eq!(refusal.detail(), "积分 entries; 缺少 missing: 积分 points; 未知 unknown: 心情; 重复 twice: 规则");
    }

    #[test]
    fn a_named_sort_is_not_guessed_again() {
        let refusal = layout("request_id,date,account,rule,points", Some(Sort::Redemptions)).unwrap_err();
        assert_eq!(refusal.detail(), "兑换 redemptions; 缺少 missing: 兑换项 item; 未知 unknown: rule");
    }

    #[test]
    fn a_strange_table_is_not_taken_for_any_sort() {
        for header in ["姓名,电话,住址", "日期,账户", "", "a"] {
            assert_eq!(layout(header, None).expect_err(header).code(), Code::BadHeader);
        }
    }

    #[test]
    fn a_refused_rows_file_can_be_read_again() {
        assert!(layout("account,holder_kind,segment,village,opened,reason", None).is_ok());
        assert!(layout("账户,户别,人群,村,开户日期,原因", None).is_ok(), "as earlier versions wrote it");
        assert!(layout("账户,户别,人群,村,开户日期,退回原因", None).is_ok());
        assert!(layout("户号,人口数,原因,退回原因", None).is_ok(), "a form has a reason of its own");
    }
}
