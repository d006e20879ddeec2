//! Every type of cell, and whole rows from files, the command line and back.

use std::cell::Cell as Counter;

use xiangyue_protocol::forms::find;
use xiangyue_protocol::time::parse_date;
use xiangyue_protocol::{Amend, Date};

use super::super::{Context, Names, Parsed, Put, Sort, csv_bytes, put, read_bytes, xlsx_bytes};
use super::*;

const KEY: [u8; 32] = [7; 32];
const CITIZEN: &str = "11010519491231002X";

fn today() -> Date {
    parse_date("2021-06-30").unwrap()
}

fn names() -> Names {
    let orgs = [("谢楼村", "110112119204"), ("东堡村", "110112119201"), ("养老驿站", "110112119M01")];
    let orgs = orgs.map(|(name, code)| (name, code.parse::<OrgCode>().unwrap()));
    Names::new(orgs.iter().map(|(name, org)| (*name, org)))
}

fn reads(of: Type, text: &str) -> Result<String, Code> {
    let names = names();
    let value = value_of(of, text, &Context::new(today(), &KEY, &names), false);
    value.map(|value| value.to_string()).map_err(|refusal| refusal.code())
}

fn all_read(of: Type, texts: &[&str], value: &str) {
    for text in texts {
        assert_eq!(reads(of, text).as_deref(), Ok(value), "{text}");
    }
}

fn all_refused(of: Type, texts: &[&str], code: Code) {
    for text in texts {
        assert_eq!(reads(of, text), Err(code), "{text}");
    }
}

#[test]
fn dates_may_be_written_in_many_ways_and_what_has_happened_is_not_to_come() {
    all_read(Type::Past, &["2021-06-30", "2021/6/30", "2021年6月30日", "44377", "２０２１-06-30"], "2021-06-30");
    all_read(Type::Day, &["2031-01-02", "2031.1.2"], "2031-01-02");
    all_refused(Type::Past, &["2021-07-01"], Code::FutureDate);
    all_refused(Type::Day, &["2021-02-30", "昨天", "2021-13-01"], Code::BadDate);
}

#[test]
fn months_may_be_written_in_many_ways() {
    let april = ["2021-04", "2021-4", "2021/4", "2021.04", "2021年4月", "2021年04月份", "202104", "２０２１年４月"];
    all_read(Type::Month, &april, "2021-04");
    all_read(Type::Month, &["2021-04-01", "2021年4月30日", "44287"], "2021-04");
    all_refused(Type::Month, &["2021-13", "2021", "21-04", "4月", "Apr-21", "2021-004"], Code::BadDate);
}

#[test]
fn numbers_are_whole_grouped_and_in_range() {
    let of = Type::Number(0, 2000);
    all_read(of, &["1200", "1,200", "1200.0", "１，２００"], "1200");
    all_refused(of, &["-1", "2001", "1.5", "1,20", "1E+3", "多"], Code::BadNumber);
}

#[test]
fn yuan_have_at_most_two_decimals() {
    all_read(Type::Fen, &["12.50", "12.5", "１２．５", "12.500", "¥12.5", "￥12.50", "12.5元"], "1250");
    all_read(Type::Fen, &["1,234.5", "1234.50"], "123450");
    all_read(Type::Fen, &["0", "0.00"], "0");
    let bad =
        ["12.505", "-1", "-0.5", "1,23", "1.2.3", ".", "十元", "1.1E+11", "10000000001", "9e18", "99999999999999999"];
    all_refused(Type::Fen, &bad, Code::BadNumber);
}

#[test]
fn words_stand_in_either_language() {
    let class = find("petition").unwrap().field("class").unwrap().of;
    all_read(class, &["request", "Request", "申诉求决", " 申诉求决 "], "request");
    all_refused(class, &["投诉", "yes"], Code::BadValue);
    let names = names();
    let refusal = value_of(class, "投诉", &Context::new(today(), &KEY, &names), false).unwrap_err();
    assert!(refusal.detail().contains("检举控告 accusation / 申诉求决 request"), "{refusal}");
    let yes_no = find("household").unwrap().field("resident").unwrap().of;
    all_read(yes_no, &["是", "yes", "YES", "√", "TRUE", "有"], "yes");
    all_read(yes_no, &["否", "no", "×", "FALSE", "无"], "no");
    all_refused(yes_no, &["也许", "?"], Code::BadValue);
    let sex = find("term").unwrap().field("sex").unwrap().of;
    all_read(sex, &["1", "男", "male", "Male", "M"], "1");
    all_read(sex, &["2", "女", "female", "ｆ"], "2");
    all_read(sex, &["9", "未说明", "unspecified"], "9");
    all_refused(sex, &["x", "3"], Code::BadValue);
}

#[test]
fn a_label_is_one_line_that_fits_a_key() {
    all_read(Type::Label(64), &["governance\nofficer", " governance officer "], "governance officer");
    all_refused(Type::Label(64), &["网格员/志愿者", "a\u{7}b"], Code::BadValue);
    all_refused(Type::Label(8), &["网格员"], Code::TooLong);
}

#[test]
fn codes_are_half_width_and_not_mangled_and_no_citizen_ids() {
    all_read(Type::Code, &["A-01", "Ａ－０１", " A-01 "], "A-01");
    all_refused(Type::Code, &["1.1E+11", "1E+12"], Code::BadNumber);
    all_refused(Type::Code, &["a b", "a/b"], Code::BadValue);
    all_refused(Type::Code, &[CITIZEN, "P-11010519491231002X"], Code::IdAsSlip);
    all_refused(Type::Code, &["123456789012345678901234567890123"], Code::TooLong);
}

#[test]
fn organisations_go_by_code_and_name_where_there_is_one() {
    all_read(Type::Org(Level::Village), &["谢楼村", "谢楼", "110112119204"], "110112119204");
    all_refused(Type::Org(Level::Village), &["西村", "110112119299"], Code::UnknownVillage);
    all_read(Type::Org(Level::Merchant), &["养老驿站", "110112119M01"], "110112119M01");
    all_refused(Type::Org(Level::Merchant), &["超市"], Code::UnknownMerchant);
    all_read(Type::Org(Level::Grid), &["110112119204001", "１１０１１２１１９２０４００１"], "110112119204001");
    all_refused(Type::Org(Level::Grid), &["110112119204", "第一网格"], Code::BadOrgCode);
}

#[test]
fn a_person_is_a_code_or_a_pseudonym_and_never_a_name() {
    assert!(reads(Type::Person, CITIZEN).unwrap().starts_with('p'));
    all_read(Type::Person, &["H001", "Ｈ００１"], "H001");
    all_refused(Type::Person, &["李某"], Code::NameForCode);
    all_refused(Type::Person, &["110105194912310021", "110105********2X"], Code::BadCitizenId);
}

#[test]
fn free_text_keeps_its_lines_and_no_citizen_id() {
    assert_eq!(reads(Type::Text(64), "一行\r\n二行\t三"), Ok("一行\n二行 三".to_owned()));
    assert_eq!(reads(Type::Text(64), "给11010519491231002X送餐"), Ok("给110105********2X送餐".to_owned()));
    all_refused(Type::Text(8), &["一二三"], Code::TooLong);
    all_refused(Type::Text(64), &["a\u{7}b"], Code::BadValue);
}

fn parse(text: &str, put: Put<'_>) -> Result<Parsed, Refusal> {
    let names = names();
    read_bytes(text.as_bytes(), None, &Context { put, ..Context::new(today(), &KEY, &names) })
}

#[test]
fn a_roster_file_is_one_of_terms_by_either_name() {
    let text = "人员,户,网格,角色,性别,起始日期\nP1,H1,110112119204001,网格员,男,2020-01-01\n";
    for named in [None, Some("roster"), Some("名册"), Some("term"), Some("任职")] {
        let (names, sort) = (names(), named.map(|name| name.parse::<Sort>().unwrap()));
        let parsed = read_bytes(text.as_bytes(), sort, &Context::new(today(), &KEY, &names)).unwrap();
        let row = &first(&parsed).row;
        assert_eq!((row.form().name, row.text("household"), row.text("grid")), ("term", "H1", "110112119204001"));
    }
    assert_eq!(super::super::form("名册").unwrap().name, "term", "as commands name it");
}

fn problems(text: &str, put: Put<'_>) -> Vec<String> {
    let of = |result: &Result<Command, Vec<super::super::Problem>>| match result {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| format!("{} {:?}", p.column, p.refusal.code())).collect(),
    };
    parse(text, put).unwrap().rows.iter().flat_map(|row| of(&row.result)).collect()
}

fn first(parsed: &Parsed) -> &PutRequest {
    match &parsed.rows[0].result {
        Ok(Command::Put(put)) => put,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_is_read_from_either_language_with_village_clerk_and_reason() {
    let chinese = "村,户号,人口数,常住,经办人,原因\n谢楼,H1,3,是,W07,普查\n";
    let english = "why,by,resident,persons,household,village\n普查,W07,yes,3,H1,110112119204\n";
    let one = parse(chinese, Put::NEW).unwrap();
    assert_eq!(first(&one), first(&parse(english, Put::NEW).unwrap()));
    assert_eq!(first(&one).village.as_ref().map(OrgCode::as_str), Some("110112119204"));
    assert_eq!((first(&one).row.by.as_str(), first(&one).row.why.as_str()), ("W07", "普查"));
    let alone = parse("户号,人口数\nH1,3\n", Put::NEW).unwrap();
    assert_eq!((alone.sort.zh(), &first(&alone).village), ("户", &None));
}

#[test]
fn every_problem_of_a_row_is_told_with_its_column() {
    let found = problems("户号,人口数,网格编码,常住\n李某,100,谢楼村,或许\n,,,\n", Put::NEW);
    assert_eq!(found, ["户号 NameForCode", "人口数 BadNumber", "网格编码 BadOrgCode", "常住 BadValue"]);
    let found = problems("党员,户号,起始日期,终止日期\nD1,H1,2021-02-01,2021-01-01\n", Put::NEW);
    assert_eq!(found, ["终止日期 EndsBefore"]);
    let steps = "事项类别,编号,步骤号,日期,办理,延期天数,说明\n信访,P1,2,2021-02-01,延期,,\n";
    assert_eq!(problems(steps, Put::NEW), ["延期天数 MissingValue"]);
    let twice = "户号,人口数\nH1,3\nH1,3\nH1,4\n";
    assert_eq!(problems(twice, Put::NEW), ["户号 DuplicateInFile"]);
}

#[test]
fn what_is_said_for_all_rows_is_held_to_the_same_limits() {
    let long = "长".repeat(200);
    let put = Put { by: "W07", why: &long, ..Put::NEW };
    assert_eq!(problems("户号,人口数\nH1,3\n", put), ["why TooLong"]);
    let put = Put { by: "W07", why: "给11010519491231002X送餐", ..Put::NEW };
    let parsed = parse("户号,人口数,经办人\nH1,3,\nH2,3,W08\n", put).unwrap();
    assert_eq!((first(&parsed).row.by.as_str(), first(&parsed).row.why.as_str()), ("W07", "给110105********2X送餐"));
    let Ok(Command::Put(second)) = &parsed.rows[1].result else { panic!() };
    assert_eq!(second.row.by, "W08");
}

fn household(values: &[(&'static str, Value)]) -> Row {
    Row::new(find("household").unwrap(), values.iter().cloned()).unwrap()
}

#[test]
fn a_correction_leaves_columns_that_are_not_there_as_they_are() {
    let (asked, grid) = (Counter::new(0), Value::from("110112119204001"));
    let known = |_: &'static Form, _: Option<&OrgCode>, key: &str| {
        asked.set(asked.get() + 1);
        let row = household(&[("household", key.into()), ("persons", 3.into()), ("grid", grid.clone())]);
        Ok(if key == "H1" { vec![row] } else { Vec::new() })
    };
    let put = Put { amend: Amend::Latest, known: &known, ..Put::NEW };
    let parsed = parse("户号,人口数\nH1,4\n", put).unwrap();
    assert_eq!((first(&parsed).row.number("persons"), first(&parsed).row.get("grid")), (Some(4), Some(&grid)));
    let emptied = parse("户号,人口数,网格编码\nH1,4,\n", put).unwrap();
    assert_eq!(first(&emptied).row.get("grid"), None, "a column that is there and empty becomes empty");
    assert_eq!(first(&parse("户号,人口数\nH2,4\n", put).unwrap()).row.number("persons"), Some(4), "a new row");
    let names = names();
    let context = Context { put: Put { withdraw: true, ..put }, ..Context::new(today(), &KEY, &names) };
    let key = |key: &str| [("户号".to_owned(), key.to_owned())];
    let form = find("household").unwrap();
    let Ok(Command::Put(withdrawn)) = super::super::put(form, &key("H1"), &context) else { panic!() };
    assert_eq!((withdrawn.row.void, withdrawn.row.number("persons")), (true, Some(3)));
    let refused = super::super::put(form, &key("H9"), &context).unwrap_err();
    assert_eq!((refused.len(), refused[0].refusal.code()), (1, Code::UnknownRow));
    assert_eq!(asked.get(), 5);
}

#[test]
fn versions_written_apart_must_be_decided_where_they_differ() {
    let known = |_: &'static Form, _: Option<&OrgCode>, key: &str| {
        let of = |persons: i64| {
            household(&[("household", key.into()), ("persons", persons.into()), ("resident", "yes".into())])
        };
        Ok(vec![of(4), of(5)])
    };
    let (names, form) = (names(), find("household").unwrap());
    let put_of = Put { amend: Amend::Latest, known: &known, ..Put::NEW };
    let context = Context { put: put_of, ..Context::new(today(), &KEY, &names) };
    let cells = |cells: &[(&str, &str)]| -> Vec<(String, String)> {
        cells.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let refused = put(form, &cells(&[("household", "H1"), ("grid", "110112119204001")]), &context).unwrap_err();
    assert_eq!((refused[0].refusal.code(), refused[0].column.as_str()), (Code::UndecidedColumn, "persons"));
    assert_eq!(refused[0].refusal.detail(), "人口数: 4 ≠ 5");
    let Ok(Command::Put(decided)) = put(form, &cells(&[("household", "H1"), ("persons", "5")]), &context) else {
        panic!()
    };
    assert!(decided.row.yes("resident"), "what they agree on stays");
    let unknown = put(form, &cells(&[("household", "H1"), ("person", "5")]), &context).unwrap_err();
    assert_eq!(unknown[0].refusal.code(), Code::UnknownField);
    assert!(unknown[0].refusal.detail().starts_with("person (人口数 persons"), "{:?}", unknown[0]);
}

#[test]
fn what_is_written_is_read_back_in_both_languages_and_formats() {
    let form = find("payment").unwrap();
    let values =
        [("lease", "007".into()), ("slip", "=1+1".into()), ("date", "2021-03-01".into()), ("amount", 1250.into())];
    let row = Row::new(form, values).unwrap().entered("W07".into(), "补录".into());
    let village: OrgCode = "110112119204".parse().unwrap();
    let (sort, names) = (Sort::Form(form), names());
    for (lang, headers) in [(Lang::En, sort.headers_en()), (Lang::Zh, sort.headers_zh())] {
        let cells = [row_cells(Some(&village), &row, lang)];
        for bytes in [csv_bytes(&headers, &cells), xlsx_bytes("s", &headers, &cells).unwrap()] {
            let parsed = read_bytes(&bytes, None, &Context::new(today(), &KEY, &names)).unwrap();
            assert_eq!((&first(&parsed).row, first(&parsed).village.as_ref()), (&row, Some(&village)));
        }
    }
}
