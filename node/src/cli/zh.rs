//! The Chinese texts of the command line: one line per command and per argument, by path.
//!
//! A command's path is its words; an argument's is the command's path, `:`, and the argument's name. Options of every
//! command have no command before the colon, and so has an argument that several commands share ([`SHARED`]).

use clap::{Arg, Command};

/// Layout of a help page; the words that clap writes itself are English.
const TEMPLATE: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";
/// Rank in a help page from which the options of every command stand.
const EVERY_COMMAND: usize = 500;
/// What the examples open with in English.
const EXAMPLE: &str = "Example:";

/// Texts of arguments that several commands share.
const SHARED: [(&str, &str); 10] = [
    ("data", "节点的数据目录"),
    ("config", "配置文件"),
    ("lang", "消息语言；不写则按系统语言"),
    ("json", "只输出一个 JSON 对象，不输出文字"),
    ("help", "显示帮助"),
    ("version", "显示版本"),
    ("request", "纸质凭证号；同一编号不会重复计分"),
    ("date", "日期，例如 2026-11-23；不写则为今天，凭证已记过账的则为其原日期"),
    ("by", "经办人代码；不写则取 XIANGYUE_BY"),
    ("dry_run", "只检查，不写入"),
];

/// Texts of commands and of their own arguments.
const TEXTS: [(&str, &str); 97] = [
    ("", "村级积分账本：断网可用，联网后一致"),
    ("init", "在本机建立一个镇"),
    ("init township", "建立镇：签发机构、首个节点和名录"),
    ("init township:code", "镇的区划代码，9 位数字"),
    ("init township:name", "镇的名称"),
    ("init township:listen", "QUIC 监听的 UDP 地址，留给 serve 使用"),
    ("init township:address", "各村拨入本节点所用的主机和端口，留给 serve 使用"),
    ("enroll", "让村或商户的节点入网"),
    ("enroll token", "签发入网令牌，供一个节点使用（在镇节点执行）"),
    ("enroll token:org", "该节点所属组织的代码"),
    ("enroll token:name", "该组织的名称"),
    ("enroll token:rename", "该组织已有其他名称时改名"),
    ("enroll token:valid", "令牌有效期：分 m、时 h、天 d，最长 30d"),
    ("enroll token:out", "把令牌写入新文件，仅本用户可读"),
    ("enroll join", "凭令牌入网（在村或商户的节点执行）"),
    ("enroll join:token", "令牌，或写有令牌的 @文件"),
    ("enroll join:township", "从本机连接镇节点的地址；优先于令牌和镇节点所报的地址"),
    ("enroll join:listen", "QUIC 监听的 UDP 地址，留给 serve 使用"),
    ("serve", "运行节点"),
    ("serve:listen", "QUIC 监听的 UDP 地址"),
    ("serve:api", "本机接口和控制台的地址，只能是本机回环地址"),
    ("serve:dial", "另外要连接的节点，可多次给出"),
    ("serve:until_stdin_closes", "标准输入关闭时停止，如启动它的程序已结束"),
    ("serve:log", "写哪些日志"),
    ("status", "查看本节点、其他节点和数据的新旧程度"),
    ("import", "从 CSV 或 XLSX 文件导入账户、积分、兑换、规则或任何表单"),
    ("import:files", "CSV 或 XLSX 文件；按此顺序作为一个整体"),
    ("import:kind", "各行是什么：账户、积分、兑换、规则或表单名称；不写则按表头判断"),
    ("import:amend", "与已有内容不同的表单行作为更正写入；文件中没有的列保持不变"),
    ("import:why", "更正的原因"),
    ("import:dry_run", "检查所有行，不写入"),
    ("import:skip_bad", "导入无误的行，把被拒的行写入此文件"),
    ("award", "记积分"),
    ("award:account", "得分的账户"),
    ("award:rule", "规则代码"),
    ("award:points", "积分"),
    ("award:memo", "备注"),
    ("redeem", "兑换积分"),
    ("redeem:account", "兑换的账户"),
    ("redeem:item", "兑换项代码"),
    ("redeem:points", "积分；不写则按当日价目计算"),
    ("redeem:lines", "按价目兑换的内容：规格、优惠年龄、人数，如 长发-植物@60*2；可多次给出"),
    ("redeem:merchant", "商户代码或名称；不写则为本村"),
    ("reverse", "冲正本节点以前记的一笔积分或兑换"),
    ("reverse:of", "要冲正的凭证号"),
    ("reverse:memo", "原因"),
    ("grant", "把积分的使用额度授予商户节点，或交还村节点"),
    ("grant:account", "积分所属账户"),
    ("grant:points", "积分"),
    ("grant:to", "今后可使用这些积分的组织，写代码或名称"),
    ("balance", "查询账户积分"),
    ("balance:account", "账号"),
    ("statement", "查询账户明细"),
    ("statement:account", "账号"),
    ("statement:from", "起始日期"),
    ("statement:to", "截止日期"),
    ("stats", "查看全镇统计及其截止时间"),
    ("stats:month", "月份，例如 2026-11；不写则为全部时间"),
    ("report", "打印或导出报表；不写名称则列出全部报表"),
    ("report:name", "报表名称"),
    ("report:month", "月份，如 2026-11；不写则为全部时间"),
    ("report:at", "按某日统计的报表所取的日期；不写则为今天"),
    ("report:threshold", "积分大户的起点分数；不写则按镇里的设置"),
    ("report:fen_per_point", "商户协议未约定时每分折合多少（单位：分钱）"),
    ("report:format", "格式；不写则按文件名后缀，在终端上显示表格"),
    ("report:out", "写入的文件，已存在则替换；- 表示标准输出"),
    ("doc", "查看本节点保存的文档"),
    ("doc list", "列出文档"),
    ("doc show", "显示文档中的记录"),
    ("doc show:id", "文档编号：组织/种类 或 组织/种类/分片"),
    ("doc show:limit", "最多显示多少行"),
    ("doc show:offset", "跳过多少行"),
    ("doc history", "逐段显示文档由谁写入"),
    ("doc history:id", "文档编号：组织/种类 或 组织/种类/分片"),
    ("doc history:limit", "最多显示多少行"),
    ("doc history:offset", "跳过多少行"),
    ("export", "把文档或表格导出为文件"),
    (
        "export:what",
        "文档编号，或 accounts（账户）、entries（积分）、redemptions（兑换）、rules（规则）、balances（余额），或表单名称",
    ),
    ("export:format", "文件格式"),
    ("export:out", "目标文件，已存在则覆盖；- 表示标准输出"),
    ("revoke", "收回某节点写入和联网的权利（仅限镇）"),
    ("revoke:node", "节点编号，32 位十六进制"),
    ("revoke:reason", "原因"),
    ("readmit", "某节点有两份同时运行、现只剩一份时，重新允许其联网（仅限镇）"),
    ("readmit:node", "节点编号，32 位十六进制"),
    ("close", "冻结某月的数字，或重开已结账的月份（仅限镇）"),
    ("close:month", "月份，例如 2026-10；须已结束"),
    ("close:reopen", "重开已结账的月份"),
    ("close:why", "原因"),
    ("demo", "在本机临时目录或 --data 下运行一个镇和十二个村，核对统计数字，结束后删除全部文件"),
    ("demo:exit", "打印结果后结束，不保留控制台页面"),
    ("demo:scale", "改为测量本机：各种村数的县，例如 10,100,350"),
    ("demo:article", "录入文章六地的全部记录，核对每个数字"),
    ("demo:seed", "生成数据所用的种子"),
    ("config", "检查或查看配置"),
    ("config check", "检查配置文件和 XIANGYUE_ 环境变量"),
    ("config show", "显示每项设置及其来源"),
];

/// Texts of the commands for forms and their rows.
const FORMS: [(&str, &str); 22] = [
    ("form", "查看各种表单，或某一表单的各列；生成空白表格"),
    ("form:form", "表单名称，中英文均可；不写则列出全部"),
    ("form:template", "生成空白表格文件：.xlsx 或 .csv"),
    ("put", "录入或更正表单的一行"),
    ("put:form", "表单名称，中英文均可"),
    ("put:cells", "各列及其内容，写成 列=内容；列名中英文均可"),
    ("put:village", "该行所属的村，写代码或名称；在村节点可不写"),
    ("put:amend", "更正已有的行；未写的列保持不变"),
    ("put:why", "原因"),
    ("rows", "查看表单的各行"),
    ("rows:form", "表单名称，中英文均可"),
    ("rows:village", "只看某村，写代码或名称"),
    ("rows:filter", "只看某列为某内容的行，写成 列=内容；可多次给出"),
    ("rows:key", "只看某一行：其编号，几列之间用 / 隔开"),
    ("rows:versions", "显示所有版本，包括已撤回的"),
    ("rows:limit", "最多显示多少行"),
    ("withdraw", "撤回表单的一行；各版本仍保留"),
    ("withdraw:form", "表单名称，中英文均可"),
    ("withdraw:key", "该行的编号，几列之间用 / 隔开"),
    ("withdraw:village", "该行所属的村，写代码或名称；在村节点可不写"),
    ("withdraw:why", "原因"),
    ("inbox", "查看各处分别写入、等待裁定的内容"),
];

/// Texts of the commands for awards that wait for a second person, and for points that expire.
const APPROVALS: [(&str, &str); 11] = [
    ("expire", "按镇里的积分有效期扣除到期积分；不会自动过期"),
    ("expire:as_of", "截至日期，不能晚于今天"),
    ("approvals", "查看待第二人审批的加分"),
    ("approvals:declined", "改为列出审批不通过的及其原因"),
    ("approve", "审批通过一笔加分；须由经办人以外的人"),
    ("approve:request", "该笔加分的凭证号"),
    ("approve:by", "审批人代码，不能是经办人；不写则取 XIANGYUE_BY"),
    ("decline", "审批不通过一笔加分"),
    ("decline:request", "该笔加分的凭证号"),
    ("decline:why", "原因"),
    ("decline:by", "审批人代码；不写则取 XIANGYUE_BY"),
];

/// Texts of the commands that speak about the program itself.
const ABOUT: [(&str, &str); 4] = [
    ("explain", "用两种语言解释 XY-110 这样的代码；不给代码则全部列出"),
    ("explain:code", "代码，例如 XY-110"),
    ("completions", "输出命令补全脚本"),
    ("completions:shell", "命令行外壳"),
];

/// The Chinese text for a path.
fn text(path: &str) -> Option<&'static str> {
    TEXTS.iter().chain(&FORMS).chain(&APPROVALS).chain(&ABOUT).find(|(known, _)| *known == path).map(|(_, text)| *text)
}

/// The Chinese text for an argument of a command.
fn argument_text(path: &str, id: &str) -> Option<&'static str> {
    text(&format!("{path}:{id}")).or_else(|| SHARED.iter().find(|(known, _)| *known == id).map(|(_, text)| *text))
}

/// The same command with a command's own arguments before those of every command, in the order of their definition.
pub(super) fn arrange(command: Command) -> Command {
    let mut at = 0;
    let command = command.mut_args(|arg| {
        at += 1;
        let rank = if arg.is_global_set() || arg.get_id() == "version" { at + EVERY_COMMAND } else { at };
        arg.display_order(rank)
    });
    command.mut_subcommands(arrange)
}

/// The same command with Chinese texts.
pub(super) fn localise(command: Command) -> Command {
    walk(command, "")
}

fn walk(command: Command, path: &str) -> Command {
    let example = command.get_after_help().map(|help| help.to_string().replacen(EXAMPLE, "示例：", 1));
    let mut command = command.help_template(TEMPLATE).subcommand_help_heading("命令").subcommand_value_name("命令");
    if let Some(about) = text(path) {
        command = command.about(about);
    }
    if let Some(example) = example {
        command = command.after_help(example);
    }
    command = command.mut_args(|arg| argument(arg, path));
    command.mut_subcommands(|inner| {
        let path = if path.is_empty() { inner.get_name().to_owned() } else { format!("{path} {}", inner.get_name()) };
        walk(inner, &path)
    })
}

fn argument(arg: Arg, path: &str) -> Arg {
    let heading = if arg.is_positional() { "参数" } else { "选项" };
    let mut help = argument_text(path, arg.get_id().as_str()).unwrap_or_default().to_owned();
    // clap writes these two in English; an argument that takes no value has no values worth telling.
    if arg.get_action().takes_values() {
        let values: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            help.push_str(&format!(" [可选：{}]", values.join("、")));
        }
        if let [default] = arg.get_default_values()
            && !default.is_empty()
        {
            help.push_str(&format!(" [默认：{}]", default.to_string_lossy()));
        }
    }
    let takes_value = arg.get_action().takes_values();
    arg.help(help).help_heading(heading).hide_possible_values(takes_value).hide_default_value(takes_value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;

    fn visit(command: &Command, path: &str, see: &mut dyn FnMut(&Command, &str)) {
        see(command, path);
        for inner in command.get_subcommands() {
            let path =
                if path.is_empty() { inner.get_name().to_owned() } else { format!("{path} {}", inner.get_name()) };
            visit(inner, &path, see);
        }
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn every_command_and_argument_speaks_both_languages_and_gives_an_example() {
        let mut wrong = Vec::new();
        let mut used = BTreeSet::new();
        visit(&Cli::command(), "", &mut |command, path| {
            used.insert(path.to_owned());
            if text(path).is_none_or(|text| !is_chinese(text)) {
                wrong.push(format!("{path}: no Chinese"));
            }
            if command.get_about().is_none_or(|about| is_chinese(&about.to_string())) {
                wrong.push(format!("{path}: no English"));
            }
            if !command.get_after_help().is_some_and(|help| help.to_string().contains("Example:\n  xiangyue ")) {
                wrong.push(format!("{path}: no example"));
            }
            for arg in command.get_arguments() {
                used.insert(format!("{path}:{}", arg.get_id()));
                if argument_text(path, arg.get_id().as_str()).is_none_or(|text| !is_chinese(text)) {
                    wrong.push(format!("{path}:{}: no Chinese", arg.get_id()));
                }
                if arg.get_help().is_none_or(|help| is_chinese(&help.to_string())) {
                    wrong.push(format!("{path}:{}: no English", arg.get_id()));
                }
            }
        });
        wrong.extend(
            TEXTS
                .iter()
                .chain(&FORMS)
                .chain(&APPROVALS)
                .chain(&ABOUT)
                .filter(|(p, _)| !used.contains(*p))
                .map(|(p, _)| format!("{p}: unused")),
        );
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_examples_can_be_typed() {
        visit(&Cli::command(), "", &mut |command, path| {
            let help = command.get_after_help().unwrap().to_string();
            for line in help.lines().filter_map(|line| line.strip_prefix("  ")) {
                let words = line.split(" > ").next().unwrap().split_whitespace();
                let parsed = Cli::command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{path}: {line}: {}", parsed.unwrap_err());
            }
        });
    }

    #[test]
    fn a_chinese_help_page_has_no_english_words_of_its_own() {
        let mut command = localise(Cli::command());
        command.build();
        visit(&command, "", &mut |command, path| {
            let page = command.clone().render_long_help().to_string();
            for word in ["Usage", "Options", "Commands", "Arguments", "Print", "possible", "default", "Example"] {
                assert!(!page.contains(word), "{path}: {word} in\n{page}");
            }
            assert!(page.contains("用法：") && page.contains("示例："), "{path}:\n{page}");
        });
    }
}
