//! `form`: what forms there are, what may stand in their columns, and empty tables to fill in.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use xiangyue_protocol::forms::{ALL, Field, Form, Home, Type, Writers};
use xiangyue_protocol::{Code, Level, Refusal};

use super::output::{Show, exit};
use super::table::{Side, Table, heading};
use super::{Outcome, Session, file_refusal, transfer};
use crate::api::types::{FormInfo, FormList};
use crate::i18n::Lang;
use crate::tables::{self, Blank, Cell, Sort};

/// `form`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The form, in either language; all of them when left out
    #[arg(value_parser = tables::form)]
    form: Option<&'static Form>,
    /// Write an empty table to a file: .xlsx or .csv
    #[arg(long, value_name = "FILE", requires = "form")]
    template: Option<PathBuf>,
}

pub(super) fn form(session: &Session, args: &Args) -> Outcome {
    let output = session.output;
    match (args.form, &args.template) {
        (None, _) => output.answer(&All),
        (Some(form), None) => output.answer(&One(form)),
        (Some(form), Some(path)) => {
            template(form, path, output.lang)?;
            output.answer(&Written { file: path.display().to_string() })
        }
    }
    .map(|()| exit::OK)
}

/// All forms.
struct All;

impl Serialize for All {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FormList::all().serialize(serializer)
    }
}

impl Show for All {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("表单", "form"), Side::Left),
            (lang.pick("英文名", "Chinese"), Side::Left),
            (lang.pick("内容", "what it is for"), Side::Left),
        ]);
        for form in ALL {
            let names = lang.pick([form.zh, form.name], [form.name, form.zh]);
            table.row([names[0].into(), names[1].into(), lang.pick(form.about_zh, form.about).into()]);
        }
        table.render() + lang.pick("\n各列：xiangyue form 表单名\n", "\nits columns: xiangyue form NAME\n")
    }
}

/// One form.
struct One(&'static Form);

impl Serialize for One {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FormInfo::of(self.0).serialize(serializer)
    }
}

impl Show for One {
    fn show(&self, lang: Lang) -> String {
        let form = self.0;
        let stop = lang.pick("。", ".");
        let about = lang.pick(form.about_zh, form.about);
        let mut text = format!("{} {}\n{about}{stop}\n{}{stop}\n\n", form.zh, form.name, place(form, lang));
        let mut table = Table::new([
            (lang.pick("列", "column"), Side::Left),
            (lang.pick("英文名", "Chinese"), Side::Left),
            ("", Side::Left),
            (lang.pick("内容", "what may stand in it"), Side::Left),
        ]);
        for field in form.fields {
            let names = lang.pick([field.zh, field.name], [field.name, field.zh]);
            table.row([names[0].into(), names[1].into(), duty(field, lang).into(), meaning(field, lang)]);
        }
        text.push_str(&table.render());
        text.push_str(&heading(lang.pick("示例", "Example")));
        text.push_str(&format!("  {}\n", example(form, lang)));
        text
    }
}

/// Whether a column must be filled in.
fn duty(field: &Field, lang: Lang) -> &'static str {
    match (field.key, field.required) {
        (true, _) => lang.pick("编号", "key"),
        (_, true) => lang.pick("必填", "required"),
        _ => "",
    }
}

/// Where rows lie and who writes them.
pub(super) fn place(form: &Form, lang: Lang) -> String {
    let kind = form.home.kind().as_str();
    let lies = match form.home {
        Home::Village(_) => lang.pick("属于村", "of a village"),
        Home::Township(_) => lang.pick("属于镇", "of the township"),
        Home::Either(_) => {
            lang.pick("属于村；不写村则属于镇", "of a village, or of the township when no village is named")
        }
    };
    let writes = match form.writers {
        Writers::Own => lang.pick("由所属单位录入", "written by whose it is"),
        Writers::Both => lang.pick("由村和镇录入", "written by its village and by the township"),
        Writers::Township => lang.pick("由镇录入", "written by the township"),
    };
    lang.pick(format!("{lies}（文档 {kind}），{writes}"), format!("{lies} (document {kind}), {writes}"))
}

/// What may stand in a column.
pub(super) fn meaning(field: &Field, lang: Lang) -> String {
    let said = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    match field.of {
        Type::Text(most) => lang.pick(format!("文字，最多 {most} 字节"), format!("text, at most {most} bytes")),
        Type::Label(most) => lang.pick(
            format!("一行文字，最多 {most} 字节，不含 /"),
            format!("text on one line, at most {most} bytes, without /"),
        ),
        Type::Code | Type::Key(_) => {
            let most = if let Type::Key(most) = field.of { most } else { 32 };
            lang.pick(
                format!("代码，最多 {most} 字节，不含空格和 /"),
                format!("code, at most {most} bytes, without spaces or /"),
            )
        }
        Type::Person => said("人员或户的代码，不填姓名", "code of a person or household, never a name"),
        Type::Org(Level::Village) => said("村的代码或名称", "code or name of a village"),
        Type::Org(Level::Merchant) => said("商户的代码或名称", "code or name of a merchant"),
        Type::Org(Level::Grid) => said("15 位网格编码", "grid code, 15 digits"),
        Type::Org(_) => said("组织代码", "organisation code"),
        Type::Past => said("日期，不晚于当天，如 2026-11-23", "date that is not to come, such as 2026-11-23"),
        Type::Day => said("日期，如 2026-11-23", "date, such as 2026-11-23"),
        Type::Month => said("月份，如 2026-11", "month, such as 2026-11"),
        Type::Number(i64::MIN, _) => said("整数", "whole number"),
        Type::Number(least, most) => {
            lang.pick(format!("整数，{least} 至 {most}"), format!("whole number, {least} to {most}"))
        }
        Type::Fen => said("金额，单位元，最多两位小数", "amount in yuan, at most two decimals"),
        Type::One(words) => {
            let words = words
                .iter()
                .map(|word| lang.pick(format!("{} {}", word.zh, word.name), format!("{} {}", word.name, word.zh)));
            words.collect::<Vec<_>>().join(lang.pick("、", ", "))
        }
    }
}

/// A command that enters a row.
pub(super) fn example(form: &Form, lang: Lang) -> String {
    let mut line = format!("xiangyue put {}", lang.pick(form.zh, form.name));
    for field in form.fields.iter().filter(|field| field.required) {
        let name = lang.pick(field.zh, field.name);
        line.push_str(&format!(" {}={}", name.split('（').next().unwrap_or(name), sample(field, lang)));
    }
    line
}

fn sample(field: &Field, lang: Lang) -> String {
    match field.of {
        Type::Text(_) | Type::Label(_) => "……".to_owned(),
        Type::Code | Type::Key(_) | Type::Person => "A001".to_owned(),
        Type::Org(Level::Merchant) => "110112119M01".to_owned(),
        Type::Org(Level::Village) => "110112119204".to_owned(),
        Type::Org(_) => "110112119204001".to_owned(),
        Type::Past | Type::Day => "2026-11-23".to_owned(),
        Type::Month => "2026-11".to_owned(),
        Type::Number(1949, _) => "2026".to_owned(),
        Type::Number(least, _) => least.max(1).to_string(),
        Type::Fen => "12.50".to_owned(),
        Type::One(words) => words.first().map_or("", |word| lang.pick(word.zh, word.name)).to_owned(),
    }
}

/// Writes an empty table: its headers, and in a workbook a second sheet that explains them.
fn template(form: &'static Form, path: &Path, lang: Lang) -> Result<(), crate::api::client::Failure> {
    let sort = Sort::Form(form);
    let headers = lang.pick(sort.headers_zh(), sort.headers_en());
    let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let bytes = match &*end {
        "csv" => tables::csv_bytes(&headers, [] as [Vec<Cell>; 0]),
        "xlsx" => {
            let kept = |of: Type| !matches!(of, Type::Past | Type::Day | Type::Number(..) | Type::Fen | Type::One(_));
            let of = |header: &&str| form.fields.iter().find(|field| field.zh == *header || field.name == *header);
            let blanks = headers.iter().map(|header| Blank {
                header,
                text: of(header).is_none_or(|field| kept(field.of)),
                words: of(header).map_or_else(Vec::new, |field| offered(field, lang)),
            });
            let blanks: Vec<_> = blanks.collect();
            let explained = headers.iter().map(|header| match of(header) {
                Some(field) => ((*header).to_owned(), format!("{} {}", meaning(field, lang), duty(field, lang))),
                None => ((*header).to_owned(), beside(header, lang).to_owned()),
            });
            let about = (form.zh.to_owned(), lang.pick(form.about_zh, form.about).to_owned());
            let about: Vec<_> = std::iter::once(about).chain(explained).collect();
            tables::template_bytes(form.zh, &blanks, &about)?
        }
        _ => return Err(Refusal::new(Code::Usage, "--template NAME.xlsx | .csv").into()),
    };
    transfer::replace(path, |file| file.write_all(&bytes).map_err(|error| file_refusal(Code::Disk, path, error)))
}

/// The words that a column offers.
fn offered(field: &Field, lang: Lang) -> Vec<&'static str> {
    match field.of {
        Type::One(words) => words.iter().map(|word| lang.pick(word.zh, word.name)).collect(),
        _ => Vec::new(),
    }
}

/// What the columns are that every form has.
fn beside(header: &str, lang: Lang) -> &'static str {
    match header {
        "village" | "村" => {
            lang.pick("村的代码或名称；在村节点可不填", "code or name of the village; may be empty at its node")
        }
        "by" | "经办人" => lang.pick("经办人代码", "code of the clerk"),
        _ => lang.pick("更正的原因", "why a row is corrected"),
    }
}

/// The answer of `--template`.
#[derive(Serialize)]
struct Written {
    file: String,
}

impl Show for Written {
    fn show(&self, lang: Lang) -> String {
        lang.pick(format!("已写入 {}\n", self.file), format!("wrote {}\n", self.file))
    }
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::time::parse_date;

    use super::*;
    use crate::tables::{Context, Names, Put};

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/forms.md");
    const TOP: &str = "\
# Forms · 表单

Everything that a township keeps besides points is a row of a form. This page is made from the program's own table
(`protocol/src/forms`) by a test; after a change there, `XIANGYUE_WRITE_PAGES=1 cargo test -p xiangyue-node forms_page`.

- `xiangyue form` lists the forms, `form NAME` shows one, `form NAME --template FILE.xlsx` writes an empty table.
- Rows come in by `import` (docs/import.md), `put`, or `POST /api/v1/rows`; they go out by `rows`, `export` and
  `GET /api/v1/rows`. Names of forms, columns and words may be Chinese or English everywhere.
- Beside its own columns a row has `by` 经办人 and `why` 原因, and where it may be a village's `village` 村.
- A row that is there is corrected with `--amend`: the earlier versions stay, columns that are left out keep their
  values. `withdraw` takes it out of all figures. Two people who corrected one row apart are both shown by `inbox`
  until a further correction decides.
- Columns marked *key* tell one row from another; those marked *required* must be filled in.
";

    /// The page, made from the table.
    fn page() -> String {
        let mut text = TOP.to_owned();
        for form in ALL {
            text.push_str(&format!("\n## {} · {}\n\n", form.name, form.zh));
            text.push_str(&format!("{}. {}.\n", sentence(form.about), sentence(&place(form, Lang::En))));
            text.push_str(&format!("{}。{}。\n", form.about_zh, place(form, Lang::Zh)));
            if !form.article.is_empty() {
                text.push_str(&format!("Article: {}.\n", form.article.split(' ').collect::<Vec<_>>().join(", ")));
            }
            text.push_str("\n| column | 列 | | what may stand in it |\n|---|---|---|---|\n");
            for field in form.fields {
                let (duty, meaning) = (duty(field, Lang::En), meaning(field, Lang::En));
                text.push_str(&format!("| `{}` | {} | {duty} | {meaning} |\n", field.name, field.zh));
            }
        }
        text
    }

    /// The text with a capital first letter.
    fn sentence(text: &str) -> String {
        let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    }

    #[test]
    fn the_forms_page_is_the_table() {
        if std::env::var_os("XIANGYUE_WRITE_PAGES").is_some() {
            std::fs::write(PAGE, page()).unwrap();
        }
        let kept = std::fs::read_to_string(PAGE).unwrap();
        let differs =
            kept.lines().zip(page().lines()).find(|(kept, made)| kept != made).map(|(_, made)| made.to_owned());
        assert!(kept == page(), "docs/forms.md is not made from this table: {differs:?}");
    }

    #[test]
    fn every_example_is_a_row_of_its_form() {
        let names = Names::new([("养老驿站", &"110112119M01".parse().unwrap())]);
        let context = Context { put: Put::NEW, ..Context::new(parse_date("2026-11-23").unwrap(), &[0; 32], &names) };
        for form in ALL {
            for lang in [Lang::Zh, Lang::En] {
                let line = example(form, lang);
                let cells: Vec<_> = line.split(' ').skip(3).filter_map(|word| word.split_once('=')).collect();
                let cells: Vec<_> = cells.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
                let judged = tables::put(form, &cells, &context);
                assert!(judged.is_ok(), "{line}: {judged:?}");
            }
        }
    }

    #[test]
    fn a_form_is_told_in_both_languages() {
        let petition = tables::form("petition").unwrap();
        let text = |lang| anstream::adapter::strip_str(&One(petition).show(lang)).to_string();
        assert!(
            text(Lang::Zh).contains("检举控告 accusation") && text(Lang::Zh).contains("必填"),
            "{}",
            text(Lang::Zh)
        );
        assert!(text(Lang::En).contains("accusation 检举控告") && text(Lang::En).contains("put petition case=A001"));
        assert!(All.show(Lang::Zh).contains("信访") && All.show(Lang::En).contains("household"));
    }

    #[test]
    fn a_template_is_an_empty_table_of_its_form() {
        let folder = tempfile::tempdir().unwrap();
        let (form, names) = (tables::form("户").unwrap(), Names::default());
        for (name, lang) in [("t.xlsx", Lang::Zh), ("t.xlsx", Lang::En), ("t.csv", Lang::Zh), ("t.csv", Lang::En)] {
            let path = folder.path().join(name);
            template(form, &path, lang).unwrap();
            let context = Context::new(parse_date("2026-11-23").unwrap(), &[0; 32], &names);
            let parsed = tables::read(&path, None, &context).unwrap();
            assert_eq!((parsed.sort, parsed.rows.len()), (Sort::Form(form), 0), "{name}");
        }
        let xlsx = folder.path().join("t.xlsx");
        template(form, &xlsx, Lang::Zh).unwrap();
        let mut parts = zip::ZipArchive::new(std::fs::File::open(&xlsx).unwrap()).unwrap();
        let sheet = std::io::read_to_string(parts.by_name("xl/worksheets/sheet1.xml").unwrap()).unwrap();
        assert!(sheet.contains("是,否"), "words to pick from: {sheet}");
        for form in ALL {
            for lang in [Lang::Zh, Lang::En] {
                template(form, &folder.path().join("any.xlsx"), lang).unwrap();
            }
        }
        let failure = template(form, &folder.path().join("t.ods"), Lang::En).unwrap_err();
        assert_eq!(failure.error().code, "XY-310");
    }
}
