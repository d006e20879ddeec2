//! Whole files through [`super::read`]: what operators' spreadsheets do to data, and what comes out.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use tempfile::TempDir;
use xiangyue_protocol::schema::{Cohort, HolderKind, Points};
use xiangyue_protocol::{Date, OrgCode, Outcome, time::parse_date};

use super::*;

const KEY: [u8; 32] = [7; 32];
const CITIZEN: &str = "11010519491231002X";

fn today() -> Date {
    parse_date("2021-01-24").unwrap()
}

fn names() -> Names {
    let orgs = [("谢楼村", "110112119212"), ("东堡村", "110112119201"), ("养老驿站", "110112119M01")];
    let orgs = orgs.map(|(name, code)| (name, code.parse::<OrgCode>().unwrap()));
    Names::new(orgs.iter().map(|(name, org)| (*name, org)))
}

fn parse(bytes: impl AsRef<[u8]>) -> Result<Parsed, Refusal> {
    read_bytes(bytes.as_ref(), None, &Context::new(today(), &KEY, &names()))
}

/// The problems of a file as `row column code`.
fn problems(text: &str) -> Vec<String> {
    let parsed = parse(text).unwrap();
    let of_row = |row: &ParsedRow| {
        let number = row.row;
        let problems = row.result.as_ref().err().cloned().unwrap_or_default();
        problems.into_iter().map(move |p| format!("{number} {} {:?}", p.column, p.refusal.code()))
    };
    parsed.rows.iter().flat_map(of_row).collect()
}

fn only(parsed: &Parsed) -> &Command {
    match &parsed.rows[..] {
        [ParsedRow { result: Ok(command), .. }] => command,
        rows => panic!("{rows:?}"),
    }
}

#[test]
fn the_same_account_comes_out_of_english_chinese_and_gbk_files() {
    let english = "account,holder_kind,segment,village,opened\nA1,household,villager,110112119212,2020-01-05\n";
    let chinese = "开户日期;村;人群;户别;账户\n2020/1/5;谢楼村;村民;家庭;Ａ１\n";
    let short = "\u{feff}账户\t户别\t人群\t村\t开户日期\n A1 \t Household\tVILLAGER\t谢楼\t2020年1月5日\n";
    let gbk = encoding_rs::GBK.encode(chinese).0;
    let expected = parse(english).unwrap();
    let Command::Account { village, account } = only(&expected) else { panic!() };
    assert_eq!((village.as_str(), account.account.as_str()), ("110112119212", "A1"));
    assert_eq!((account.holder, account.cohort), (HolderKind::Household, Cohort::Villager));
    for bytes in [chinese.as_bytes(), short.as_bytes(), &gbk] {
        assert_eq!(only(&parse(bytes).unwrap()), only(&expected));
    }
}

#[test]
fn every_problem_of_a_row_is_told() {
    let found = problems(
        "request_id,date,account,rule,points,by,memo\n\
         ,2021-02-30,A 1,,0,c,m\n\
         S2,2021-01-25,A1,clean,x,c,m\n\
         S3,2021-01-24,A1,clean,5,c,m\n",
    );
    assert_eq!(
        found,
        [
            "2 request_id MissingValue",
            "2 date BadDate",
            "2 account BadValue",
            "2 rule MissingValue",
            "2 points BadNumber",
            "3 date FutureDate",
            "3 points BadNumber",
        ]
    );
}

#[test]
fn unknown_villages_and_merchants_are_told() {
    let accounts = "account,holder_kind,segment,village,opened\nA1,person,party,西堡村,2020-01-01\n";
    let foreign = "account,holder_kind,segment,village,opened\nA1,person,party,110112119299,2020-01-01\n";
    assert_eq!(problems(accounts), ["2 village UnknownVillage"]);
    assert_eq!(problems(foreign), ["2 village UnknownVillage"]);
    let redemptions =
        "凭证号,日期,账户,兑换项,积分,商户\nR1,2020-01-01,A1,hair,8,超市\nR2,2020-01-01,A1,hair,8,养老驿站\n";
    assert_eq!(problems(redemptions), ["2 商户 UnknownMerchant"]);
}

#[test]
fn a_redemption_without_a_merchant_is_made_at_the_village() {
    let parsed = parse("request_id,date,account,item,points,merchant\nR1,2020-01-01,A1,rice,8,\n").unwrap();
    let Command::Redeem(redemption) = only(&parsed) else { panic!() };
    assert_eq!((redemption.merchant.clone(), redemption.points), (None, Points(8)));
}

#[test]
fn values_outside_the_lists_are_told_with_the_list() {
    let parsed = parse("account,holder_kind,segment,village,opened\nA1,club,老人,谢楼村,2020-01-01\n").unwrap();
    let found = parsed.rows[0].result.clone().unwrap_err();
    assert_eq!(found[0].refusal.detail(), "club (个人 / 家庭 / 单位)");
    assert_eq!(found[1].refusal.detail(), "老人 (党员 / 村民 / 未成年人 / 共建单位)");
}

#[test]
fn citizen_ids_become_pseudonyms_and_are_never_shown() {
    let text = format!(
        "request_id,date,account,rule,points,by,memo\n\
         S1,2020-01-01,{CITIZEN},clean,5,c,给{CITIZEN}送餐\n\
         S2,2020-01-01,11010519491231002x,clean,5,c,\n\
         S3,2020-01-01,110105194912310021,clean,5,c,\n"
    );
    let parsed = parse(&text).unwrap();
    let Ok(Command::Award(first)) = &parsed.rows[0].result else { panic!() };
    let Ok(Command::Award(second)) = &parsed.rows[1].result else { panic!() };
    assert_eq!(first.account, second.account);
    assert_eq!((first.account.as_str().len(), &first.account.as_str()[..1]), (25, "p"));
    assert_eq!(first.memo, "给110105********2X送餐");
    let refusal = &parsed.rows[2].result.clone().unwrap_err()[0].refusal;
    assert_eq!((refusal.code(), refusal.detail()), (Code::BadCitizenId, "110105********21"));
    let report = Report::new("f.csv", &parsed.clone().split().0, &[]);
    let everything = format!(
        "{parsed:?}{}{}{}",
        report.table_en(9),
        report.to_json(),
        String::from_utf8_lossy(&report.refused_csv())
    );
    assert!(!everything.contains("19491231002") && !everything.contains("194912310021"), "{everything}");
}

#[test]
fn long_values_and_control_characters_are_told() {
    let text = format!(
        "request_id,date,account,rule,points,by,memo\n\
         {},2020-01-01,A1,clean,5,c,m\n\
         S2,2020-01-01,A1,clean,5,{},m\n\
         S3,2020-01-01,A1,clean,5,c,{}\n\
         S4,2020-01-01,A1,clean,5,c,a\u{7}b\n\
         S5,2020-01-01,A1,clean,5,c,\"two\r\nlines\"\n",
        "S".repeat(65),
        "c".repeat(65),
        "备".repeat(134),
    );
    assert_eq!(problems(&text), ["2 request_id TooLong", "3 by TooLong", "4 memo TooLong", "5 memo BadValue"]);
    let parsed = parse(&text).unwrap();
    let Ok(Command::Award(award)) = &parsed.rows[4].result else { panic!() };
    assert_eq!(award.memo, "two lines");
}

#[test]
fn a_key_used_twice_for_different_things_is_told_and_a_repeated_row_is_not() {
    let found = problems(
        "request_id,date,account,rule,points\n\
         S1,2020-01-01,A1,clean,5\n\
         S1,2020/1/1,A1,clean,5.0\n\
         S1,2020-01-01,A1,clean,6\n",
    );
    assert_eq!(found, ["4 request_id DuplicateInFile"]);
    let rules = "rule,segment,points,daily_cap,effective_from\n\
         clean,party,5,,2020-01-01\nclean,villager,4,,2020-01-01\nclean,party,6,,2020-01-01\n";
    assert_eq!(problems(rules), ["4 rule DuplicateInFile"]);
}

#[test]
fn rules_and_redemption_items_share_a_file() {
    let parsed = parse(
        "规则,人群,积分,单日上限,生效日期\n\
         打卡,未成年人,2,2,2020-01-01\n\
         理发,兑换,10,,2020-01-01\n\
         染发,redeem,,,2020-01-01\n\
         送餐,党员,5,,2031-01-01\n",
    )
    .unwrap();
    let commands: Vec<_> = parsed.commands().collect();
    let [Command::Rule(checkin), Command::Item(hair), Command::Item(dye), Command::Rule(_)] = commands[..] else {
        panic!("{parsed:?}")
    };
    assert_eq!((checkin.cohort, checkin.daily_cap), (Cohort::Minor, Some(Points(2))));
    assert_eq!((hair.price, dye.price), (Points(10), Points::ZERO));
    assert_eq!(problems("规则,人群,积分,单日上限,生效日期\n理发,兑换,10,5,2020-01-01\n"), ["2 单日上限 BadValue"]);
}

#[test]
fn a_name_in_the_roster_is_refused_without_being_echoed() {
    let roster = "人员,户,角色,性别,起始日期\n李某,H1,网格员,1,2020-01-01\nP1,李某家,网格员,1,2020-01-01\n";
    assert_eq!(problems(roster), ["2 人员 NameForCode", "3 户 NameForCode"]);
}

#[test]
fn roster_rows_are_read() {
    let parsed = parse(
        "人员,户,网格,角色,性别,出生日期,政治面貌,文化程度,起始日期,终止日期\n\
         P1,H1,110112119212001,网格员,女,1985.3.1,中共党员,大专,2020-01-01,\n\
         P2,,,志愿者,,,,,2020-01-01,2030-01-01\n\
         P3,,110112119212,a/b,x,2022-01-01,,,2020-01-02,\n\
         P4,,,网格员,,,,,2020-01-02,2020-01-01\n",
    )
    .unwrap();
    assert_eq!(parsed.sort.as_str(), "term");
    let Ok(Command::Put(put)) = &parsed.rows[0].result else { panic!("{parsed:?}") };
    assert_eq!((put.row.text("sex"), put.row.text("born")), ("2", "1985-03-01"));
    assert!(parsed.rows[1].result.is_ok());
    let codes = |row: usize| -> Vec<_> {
        parsed.rows[row].result.clone().unwrap_err().iter().map(|p| p.refusal.code()).collect()
    };
    assert_eq!(codes(2), [Code::BadValue, Code::BadOrgCode, Code::BadValue, Code::FutureDate]);
    assert_eq!(codes(3), [Code::EndsBefore]);
}

#[test]
fn cells_without_a_header_and_errors_of_the_spreadsheet_are_told() {
    let text = "request_id,date,account,rule,points,\nS1,2020-01-01,A1,clean,5,stray\nS2,2020-01-01,#N/A,clean,5\n";
    assert_eq!(problems(text), ["2 #6 BadValue", "3 account BadValue"]);
}

#[test]
fn codes_that_a_spreadsheet_turned_into_floats_are_told() {
    let text = "request_id,date,account,rule,points\nS1,2020-01-01,1.10112E+11,clean,5\n";
    assert_eq!(problems(text), ["2 account BadNumber"]);
}

#[test]
fn wrong_headers_are_told_in_the_files_language() {
    let refusal = parse("凭证号,日期,账户,规则,分\n").unwrap_err();
    assert_eq!(refusal.code(), Code::BadHeader);
    assert!(refusal.zh().contains("缺少 missing: 积分 points; 未知 unknown: 分"), "{}", refusal.zh());
    assert_eq!(parse("").unwrap_err().code(), Code::BadHeader);
}

/// A workbook as Excel leaves it: numbers for codes, real dates, formulas, blank rows, a title-less hidden sheet.
fn excel_typed() -> Vec<u8> {
    let mut book = Workbook::new();
    book.add_worksheet().set_name("hidden").unwrap().set_hidden(true);
    let sheet = book.add_worksheet();
    sheet.set_active(true);
    for (column, header) in (0..).zip(["凭证号", "日期", "账户", "规则", "积分", "经办人", "备注"]) {
        sheet.write_string(0, column, header).unwrap();
    }
    let date = Format::new().set_num_format("yyyy/m/d");
    let day = ExcelDateTime::from_ymd(2021, 1, 5).unwrap();
    sheet.write_number(2, 0, 202_101_050_001.0).unwrap();
    sheet.write_datetime_with_format(2, 1, &day, &date).unwrap();
    sheet.write_number(2, 2, 110_112_119_201.0).unwrap();
    sheet.write_string(2, 3, "送餐").unwrap();
    sheet.write_formula(2, 4, Formula::new("=2+3").set_result("5")).unwrap();
    sheet.write_string(3, 0, "0007").unwrap();
    sheet.write_number(3, 1, 44201).unwrap();
    sheet.write_number(3, 2, 110_105_194_912_310_021.0).unwrap();
    sheet.write_formula(3, 3, Formula::new("=\"送\"&\"餐\"").set_result("送餐")).unwrap();
    sheet.write_number(3, 4, 2.5).unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn cells_typed_by_excel_come_out_as_written() {
    let parsed = parse(excel_typed()).unwrap();
    let Ok(Command::Award(award)) = &parsed.rows[0].result else { panic!("{parsed:?}") };
    assert_eq!(parsed.rows[0].row, 3);
    assert_eq!(award.request.as_str(), "202101050001");
    assert_eq!(award.account.as_str(), "110112119201");
    assert_eq!((award.rule.as_str(), award.points, award.date.to_string().as_str()), ("送餐", Points(5), "2021-01-05"));
    let cells: Vec<_> = parsed.rows[1].raw.cells().take(5).collect();
    assert_eq!(cells, ["0007", "44201", "1.10105194912310E+17", "送餐", "2.5"]);
    let found: Vec<_> = parsed.rows[1].result.clone().unwrap_err().into_iter().map(|p| p.column).collect();
    assert_eq!(found, ["账户", "积分"]);
}

#[test]
fn a_formula_without_its_result_is_told_as_such() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, (header, cell)) in (0..).zip([("凭证号", "S1"), ("日期", "2021-01-05"), ("账户", "A1"), ("规则", "R")])
    {
        sheet.write_string(0, column, header).unwrap();
        sheet.write_string(1, column, cell).unwrap();
    }
    sheet.write_string(0, 4, "积分").unwrap();
    sheet.write_formula(1, 4, Formula::new("=2+3").set_result("5")).unwrap();
    let whole = book.save_to_buffer().unwrap();
    // As a program leaves it that writes formulas and does not reckon.
    let mut parts = zip::ZipArchive::new(std::io::Cursor::new(&whole)).unwrap();
    let mut without = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for at in 0..parts.len() {
        let mut part = parts.by_index(at).unwrap();
        let mut text = String::new();
        Read::read_to_string(&mut part, &mut text).unwrap();
        let name = part.name().unwrap().to_string();
        without.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut without, text.replace("</f><v>5</v>", "</f>").as_bytes()).unwrap();
    }
    assert!(parse(&whole).unwrap().rows[0].result.is_ok());
    let parsed = parse(without.finish().unwrap().into_inner()).unwrap();
    let problems = parsed.rows[0].result.clone().unwrap_err();
    let [Problem { column, refusal }] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((column.as_str(), refusal.code()), ("积分", Code::NoResult));
}

fn sample(rows: u32) -> Vec<Vec<Cell>> {
    let day = parse_date("2020-01-01").unwrap();
    let row = |at: u32| {
        let date = day.checked_add(jiff::Span::new().days(at % 365)).unwrap();
        vec![
            Cell::text(format!("20{at:010}")),
            Cell::Date(date),
            Cell::text(format!("E{:07}", at % 1500)),
            Cell::text("volunteer"),
            Cell::Number(i64::from(at % 20) + 1),
            Cell::text("c03"),
            Cell::text("清扫"),
            if at.is_multiple_of(3) { Cell::text("c04") } else { Cell::Empty },
        ]
    };
    (0..rows).map(row).collect()
}

#[test]
fn what_is_written_is_read_back_the_same_from_both_formats() {
    let folder = TempDir::new().unwrap();
    let (csv, xlsx) = (folder.path().join("a.csv"), folder.path().join("a.xlsx"));
    let mut rows = sample(20);
    rows[3][6] = Cell::text("=cmd|' /C calc'!A0, \"x\"");
    rows[4][6] = Cell::text("-5");
    write_csv(&csv, &Sort::Entries.headers_en(), &rows).unwrap();
    write_xlsx(&xlsx, "积分", &Sort::Entries.headers_zh(), &rows).unwrap();
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("\u{feff}request_id,") && text.contains("\"'=cmd|") && text.contains(",'-5,\r\n"));
    let read = |path| read(path, None, &Context::new(today(), &KEY, &names())).unwrap();
    let (from_csv, from_xlsx) = (read(&csv), read(&xlsx));
    let again: Vec<_> = from_csv.commands().map(|command| cells(command).unwrap()).collect();
    assert_eq!(again, rows);
    assert!(from_csv.commands().eq(from_xlsx.commands()));
}

#[test]
fn every_sort_survives_writing_and_reading() {
    let files = [
        "account,holder_kind,segment,village,opened\nA1,unit,unit,110112119201,2020-01-05\n",
        "request_id,date,account,item,points,merchant\nR1,2020-01-01,A1,hair,8,养老驿站\nR2,2020-01-01,A1,hair,8,\n",
        "rule,segment,points,daily_cap,effective_from\na,party,5,,2020-01-01\nb,minor,5,9,2020-01-01\nc,redeem,0,,2020-01-01\n",
        "person,role,sex,from,born,to,grid\nP1,格长,男,2020-01-01,1980-01-01,2020-12-31,110112119201001\n",
    ];
    for file in files {
        let parsed = parse(file).unwrap();
        let rows: Vec<_> = parsed.rows.iter().map(|row| cells(row.result.as_ref().expect(file)).unwrap()).collect();
        let again = parse(csv_bytes(&parsed.sort.headers_zh(), &rows)).unwrap();
        assert!(parsed.commands().eq(again.commands()), "{again:?}");
    }
}

#[test]
fn the_same_rows_give_the_same_workbook() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        write_xlsx(&path, "s", &Sort::Entries.headers_en(), sample(5)).unwrap();
        std::fs::read(path).unwrap()
    };
    assert!(write("a.xlsx") == write("b.xlsx"));
}

#[test]
fn a_report_joins_both_judgements_and_its_refused_rows_can_be_mended_and_imported() {
    let text = "账户,户别,人群,村,开户日期\n=A1,个人,党员,谢楼村,2020-01-01\nA2,个人,党员,谢楼村,2020-01-01\n\
                A3,个人,党员,谢楼村,2020-01-01\nA4,个人,党员,西村,2031-01-01\n";
    let parsed = parse(text).unwrap();
    let exists = Refusal::new(Code::AccountExists, "=A1");
    let report =
        Report::new("账户.csv", &parsed.clone().split().0, &[Err(exists), Ok(Outcome::New), Ok(Outcome::Already)]);
    assert_eq!((report.rows, report.new, report.already, report.bad), (4, 1, 1, 2));
    let places: Vec<_> = report.problems.iter().map(|p| (p.row, p.column.as_str())).collect();
    assert_eq!(places, [(2, "账户"), (5, "村"), (5, "开户日期")]);
    let refused = String::from_utf8(report.refused_csv()).unwrap();
    let lines: Vec<_> = refused.lines().collect();
    assert_eq!(lines[0], "\u{feff}账户,户别,人群,村,开户日期,退回原因");
    assert!(lines[1].starts_with("'=A1,个人,党员,谢楼村,2020-01-01,") && lines[1].contains("[XY-129]"), "{refused}");
    assert!(lines[2].contains("[XY-114]") && lines[2].contains("[XY-122]"));
    let mended = parse(refused.replace("西村", "东堡村").replace("2031", "2019")).unwrap();
    assert_eq!(mended.commands().count(), 2);
    let twice = Refusal::new(Code::AccountExists, "A1");
    let again = Report::new("x", &mended.clone().split().0, &[Err(twice)]).refused_csv();
    assert_eq!(String::from_utf8(again).unwrap().matches("原因").count(), 1);
}

#[test]
fn the_tables_speak_both_languages() {
    let parsed =
        parse("账户,户别,人群,村,开户日期\nA1,个人,党员,西村,2020-01-01\nA2,个人,党,西村,2020-01-01\n").unwrap();
    let report = Report::new("a.csv", &parsed.clone().split().0, &[]);
    let english = report.table_en(2);
    assert!(english.starts_with("file   row  column  reason"), "{english}");
    assert!(english.contains("a.csv  2    村      [XY-114] unknown village, or not this node's: 西村"), "{english}");
    assert!(english.ends_with("and 1 more\na.csv: 2 rows, 0 new, 0 imported before, 2 refused\n"), "{english}");
    let chinese = report.table_zh(9);
    assert!(chinese.starts_with("文件   行  列    原因"), "{chinese}");
    assert!(chinese.contains("请填 12 位代码") && chinese.ends_with("退回 2\n"), "{chinese}");
    let json = report.to_json();
    assert_eq!((json["bad"].as_u64(), json["problems"][0]["code"].as_str()), (Some(2), Some("XY-114")));
}

#[test]
fn files_beyond_the_limits_are_refused_whole() {
    let wide = format!("account{}\n", ",x".repeat(64));
    assert_eq!(parse(wide).unwrap_err().code(), Code::FileTooLarge);
    let mut tall = b"request_id,date,account,rule,points\n".to_vec();
    tall.extend(b"a,b,c,d,e\n".repeat(limits::ROWS + 1));
    assert_eq!(parse(tall).unwrap_err().code(), Code::FileTooLarge);
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("big.csv");
    let file = File::create(&path).unwrap();
    file.set_len(limits::FILE_BYTES + 1).unwrap();
    assert_eq!(read(&path, None, &Context::new(today(), &KEY, &names())).unwrap_err().code(), Code::FileTooLarge);
    assert_eq!(read(folder.path(), None, &Context::new(today(), &KEY, &names())).unwrap_err().code(), Code::BadFile);
}

#[test]
fn old_workbooks_are_told_from_text() {
    assert_eq!(parse(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").unwrap_err().code(), Code::BadFile);
}

#[test]
fn a_workbook_cut_anywhere_is_refused() {
    let whole = excel_typed();
    for len in (0..whole.len()).step_by(7) {
        assert!(parse(&whole[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_hundred_thousand_rows_are_read_from_both_formats() {
    let folder = TempDir::new().unwrap();
    let (csv, xlsx) = (folder.path().join("a.csv"), folder.path().join("a.xlsx"));
    let rows = sample(100_000);
    let started = Instant::now();
    write_csv(&csv, &Sort::Entries.headers_en(), &rows).unwrap();
    let csv_written = started.elapsed();
    let started = Instant::now();
    write_xlsx(&xlsx, "entries", &Sort::Entries.headers_en(), &rows).unwrap();
    let xlsx_written = started.elapsed();
    for (path, written) in [(&csv, csv_written), (&xlsx, xlsx_written)] {
        let started = Instant::now();
        let parsed = read(path, None, &Context::new(today(), &KEY, &names())).unwrap();
        let took = started.elapsed();
        assert_eq!(parsed.commands().count(), 100_000);
        // A figure for whoever runs this with --nocapture, not a condition.
        println!("{}: {:.0} rows/s, written in {written:?}", path.display(), 100_000.0 / took.as_secs_f64());
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn random_text_after_a_good_header_never_panics(text in "[-0-9,\"';=\\n\\r\\tA-Z年月日，．１-９ ]{0,300}") {
        let _ = parse(format!("request_id,date,account,rule,points,by,memo\n{text}"));
    }

    #[test]
    fn a_damaged_workbook_never_panics(flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = excel_typed();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = parse(&bytes);
    }

    #[test]
    fn any_texts_survive_csv(cells in proptest::collection::vec("[^\\x00]{0,20}", 1..6)) {
        let row: Vec<Cell> = cells.iter().map(Cell::text).collect();
        let mut found = Vec::new();
        csv::each_row(&csv_bytes(&["a", "b"], [&row]), &mut |row| {
            found.push(row.cells().to_vec());
            Ok(())
        })
        .unwrap();
        prop_assert_eq!(&found[1], &cells);
    }
}

/// Damage inside the compressed parts: a workbook unpacked, changed and packed again with sound checksums.
fn repacked(change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let whole = excel_typed();
    let mut from = zip::ZipArchive::new(std::io::Cursor::new(&whole)).unwrap();
    let mut to = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for at in 0..from.len() {
        let mut part = from.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        to.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
        to.write_all(&change(&name, bytes)).unwrap();
    }
    to.finish().unwrap().into_inner()
}

proptest! {
    #[test]
    fn damaged_parts_never_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let bytes = repacked(|name, mut bytes| {
            if name.starts_with("xl/") && !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                bytes.truncate(if cut { at } else { bytes.len() });
            }
            bytes
        });
        let _ = parse(&bytes);
    }
}

#[test]
fn what_only_has_a_spreadsheets_name_is_told_apart_from_a_table_with_mistakes() {
    for (bytes, hint) in [
        (&b"<html><table><tr><td>1</td></tr></table></html>"[..], "网页"),
        (b"\r\n <?xml version=\"1.0\"?><Workbook/>", "XML"),
        (b"%PDF-1.7", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        (b"PK\x03\x04 and then nothing", ""),
    ] {
        let refusal = parse(bytes).unwrap_err();
        assert_eq!(refusal.code(), Code::BadFile);
        assert!(refusal.detail().contains(hint), "{refusal}");
    }
}
