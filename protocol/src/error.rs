//! Refusals: what was wrong, whose side it was on, and what to do, in both languages, under a stable code.
//!
//! Every refusal leaves the state as it was. Details carry codes, keys and numbers, never a person's name.

use std::fmt;

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The person or file that asked.
    Input,
    /// The peer that sent it misbehaved.
    Peer,
    /// The peer speaks something we do not; neither is at fault.
    Version,
    /// This node: its disk, its state, its configuration.
    Local,
}

macro_rules! codes {
    ($($name:ident $text:literal $side:ident $en:literal $en_do:literal $zh:literal $zh_do:literal;)*) => {
        /// Stable codes of refusals. The text of a code never changes its meaning once released.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $en] $name,)* }

        impl Code {
            /// All codes, for the table in the documentation.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The stable text, such as `XY-101`.
            pub fn as_str(self) -> &'static str { match self { $(Code::$name => $text,)* } }
            /// Whose fault it is.
            pub fn side(self) -> Side { match self { $(Code::$name => Side::$side,)* } }
            /// What happened, in English.
            pub fn en(self) -> &'static str { match self { $(Code::$name => $en,)* } }
            /// What happened, in Chinese.
            pub fn zh(self) -> &'static str { match self { $(Code::$name => $zh,)* } }
            /// What to do, in English.
            pub fn en_advice(self) -> &'static str { match self { $(Code::$name => $en_do,)* } }
            /// What to do, in Chinese.
            pub fn zh_advice(self) -> &'static str { match self { $(Code::$name => $zh_do,)* } }
        }
    };
}

codes! {
    BadOrgCode "XY-101" Input "not an organisation code" "use 6, 9, 12 or 15 digits, or a merchant code such as 110112119M01" "不是有效的组织代码" "请填 6、9、12 或 15 位数字，商户代码形如 110112119M01";
    BadDocId "XY-102" Input "not a document id" "use org/kind or org/kind/shard, such as 110112119201/ledger/2026-11" "不是有效的文档编号" "格式为 组织/种类/分片，例如 110112119201/ledger/2026-11";
    BadDate "XY-103" Input "not a date" "write dates as 2026-11-23" "日期无效" "日期请写成 2026-11-23";
    BadNumber "XY-104" Input "not a whole number in range" "write points as a whole number" "不是范围内的整数" "积分请填整数";
    BadValue "XY-105" Input "value not allowed here" "use a value that is allowed: for commands see --help, for tables the import guide" "取值不在允许范围内" "请使用允许的取值：命令见 --help，表格见导入说明";
    MissingValue "XY-106" Input "a required value is missing" "fill it in" "缺少必填内容" "请补填";
    TooLong "XY-107" Input "value too long" "shorten it" "内容过长" "请缩短";
    BadCitizenId "XY-108" Input "citizen id with a wrong check digit or date" "check the number against the card" "身份证号校验位或日期有误" "请对照证件核对";
    UnknownAccount "XY-110" Input "unknown account" "import the account first, or correct the number" "账户不存在" "请先导入账户，或更正账号";
    UnknownRule "XY-111" Input "unknown rule for this segment and date" "see the rule book; ask the township to add it" "规则不存在，或不适用于该人群、该日期" "请查看规则手册，或请镇里添加";
    UnknownItem "XY-112" Input "unknown redemption item" "see the rule book; ask the township to add it" "兑换项不存在" "请查看规则手册，或请镇里添加";
    UnknownMerchant "XY-113" Input "unknown merchant" "use the merchant's code or its name in the directory" "商户不存在" "请填名录中的商户代码或名称";
    UnknownVillage "XY-114" Input "unknown village, or not this node's" "use the 12-digit code or the name in the directory; each village imports its own rows" "村不存在，或不属于本节点" "请填 12 位代码或名录中的村名；各村导入各村的数据";
    UnknownEntry "XY-115" Input "no such entry written by this node" "reverse an entry on the node that wrote it" "本节点没有写过这笔记录" "请到当初记账的节点上冲正";
    UnknownDocument "XY-116" Input "this node holds no such document" "see doc list for those it holds" "本节点没有这个文档" "本节点保存的文档见 doc list";
    NotReversible "XY-117" Input "a reversal or a grant cannot be reversed" "enter a new slip that sets it right" "冲正和授予额度不能再冲正" "请另记一笔予以更正";
    BeyondRule "XY-120" Input "points beyond the rule" "lower the points, or ask for a new rule version" "积分超过规则上限" "请降低积分，或申请新的规则版本";
    BeyondCap "XY-121" Input "points beyond the daily cap" "enter the rest on another day it was earned, or leave it out" "超过当日积分上限" "超出部分不能计入当日";
    FutureDate "XY-122" Input "date in the future" "correct the date" "日期在今天之后" "请更正日期";
    BeforeOpening "XY-123" Input "date before the account was opened" "correct the date, or the account's opening date" "日期早于开户日期" "请更正日期或开户日期";
    InsufficientRights "XY-124" Input "not enough points at this node" "redeem less, redeem at the village, or ask the village to grant more to this node" "本节点可用积分不足" "请减少兑换、到村里兑换，或请村里向本节点授予额度";
    RequestReused "XY-125" Input "this request id was used for something else" "give the new slip a number of its own" "该凭证号已用于另一笔内容不同的记录" "请给新凭证换一个编号";
    AlreadyReversed "XY-126" Input "already reversed" "nothing to do" "该笔已冲正" "无需再次冲正";
    BelowPrice "XY-127" Input "points differ from the item's fixed price" "use the price in the rule book" "积分与兑换项定价不符" "请按规则手册的定价兑换";
    DuplicateInFile "XY-128" Input "the same row key appears twice in this file with different content" "remove one of the two rows" "文件内同一编号出现两次且内容不同" "请删除其中一行";
    AccountExists "XY-129" Input "the account exists with other particulars" "correct the row, or give the new account a number of its own" "账户已存在，且登记内容不同" "请更正该行，或换用新的账号";
    NotAllowed "XY-130" Input "this node may not write that" "do it on the node of the organisation that owns it" "本节点无权写入" "请到所属组织的节点上操作";
    Frozen "XY-131" Local "spending is frozen until this restored node has its own lost entries back" "connect it to the township once" "本节点恢复后尚未取回自己的记录，暂停兑换" "请先与镇节点连通一次";
    ReadOnly "XY-132" Local "the node is read-only after a disk fault" "see the log, mend the disk, start again" "磁盘故障，节点已转为只读" "请查看日志，修复磁盘后重新启动";
    DiskFull "XY-133" Local "the disk is full" "free space; reading and sending go on" "磁盘空间不足" "请清理空间；查询和同步不受影响";
    Busy "XY-134" Local "too much is waiting" "try again in a moment" "待处理的请求过多" "请稍后重试";
    NotReady "XY-135" Local "there is no enrolled node here" "run init or enroll join, then serve; if the node lies in another folder, name it with --data" "此处没有已入网的节点" "请先执行 init 或 enroll join，再执行 serve；节点在其他目录时请用 --data 指定";
    AccountElsewhere "XY-136" Input "the account number is used in more than one village" "give the account another number; if both are in use, the township decides which village keeps it" "该账号在不止一个村使用" "请换用新的账号；两村都已使用的，由镇里决定哪个村保留";
    TownshipNode "XY-137" Input "the township's own node cannot be revoked" "revoke nodes of villages and merchants; a lost township node is put back from its backup" "镇自己的节点不能吊销" "只能吊销村和商户的节点；镇节点丢失时请从备份恢复";
    UnknownNode "XY-138" Input "no such node" "the node's id stands in its status and in the township's" "没有这个节点" "节点编号见该节点和镇节点的 status";
    NodeRevoked "XY-139" Local "this node was revoked; what it writes counts nowhere" "ask the township for a token and enrol again in a new data folder" "本节点已被吊销，写入不再有效" "请向镇里索取令牌，在新的数据目录重新入网";
    TwinRunning "XY-140" Local "two copies of this node are running; both are frozen" "stop one of them for good, then readmit the node at the township" "本节点有两份同时在运行，均已暂停兑换" "请永久停用其中一份，再到镇节点上执行 readmit";
    NotOfTownship "XY-141" Input "not a village or merchant of this township" "give the 12-digit code of one of its villages, or the code of one of its merchants: its nine digits, M and two letters or digits" "不是本镇的村或商户" "请填本镇所辖村的 12 位代码，或本镇商户代码：镇代码 9 位、M、两位字母或数字";
    NotATownship "XY-142" Input "not a township's code" "give the nine digits of the township" "不是乡镇代码" "请填乡镇的 9 位代码";
    IdAsSlip "XY-143" Input "a citizen id cannot be a slip number or a code" "give it a number of its own" "身份证号不能用作凭证号或代码" "请另编号码";
    EndsBefore "XY-144" Input "the last day is before the first" "correct one of the two dates" "终止日期早于起始日期" "请更正其中一个日期";
    BadNodeId "XY-145" Input "not a node's id" "give all 32 digits as the node's status shows them" "不是节点编号" "请按该节点 status 所示填写全部 32 位";
    NotKeptOut "XY-146" Input "the node is not kept out" "nothing to do; which nodes are kept out stands in the township's status" "该节点并未被拒之门外" "无需操作；被拒之门外的节点见镇节点的 status";
    CapBelowPoints "XY-147" Input "the daily cap is below the points of one entry" "raise the cap, lower the points, or leave the cap out" "单日上限低于单笔积分" "请提高上限、降低积分，或不设上限";
    NoResult "XY-148" Input "the formula has no stored result" "open the file in a spreadsheet program, save it, and import it again" "公式没有保存计算结果" "请用表格软件打开文件并保存，再重新导入";
    OrgNamed "XY-149" Input "the organisation bears another name" "use that name; to rename it add --rename, and use the new name in tables and commands from then on" "该组织已用其他名称" "请使用现有名称；确需改名请加 --rename，此后表格和命令中都用新名称";
    NameForCode "XY-150" Input "a name stands where a code belongs" "give the person a code with a digit or a Latin letter; names do not belong here" "此处应填代码，不能填姓名" "请为人员编代码（含数字或字母）；姓名不在此登记";
    SamePerson "XY-160" Input "the clerk who entered it cannot approve it" "have another person approve it, under that person's own code" "不能由录入该笔的经办人自己审批" "请由另一人用其本人的代码审批";
    UnknownClaim "XY-161" Input "no claim under this number waits for approval" "see approvals for those that wait" "没有该凭证号的待审批加分" "待审批的加分见 approvals";
    ClaimDeclined "XY-162" Input "the claim was declined" "if it is right after all, enter it again under a number of its own" "该笔加分审批未通过" "确应加分的，请换一个凭证号重新录入";
    UnknownOption "XY-163" Input "the item is priced by option, and this is none of them" "say which option was had: redeem with --line OPTION" "该兑换项按规格定价，规格未填或不在价目中" "请用 --line 写明规格";
    NoConcession "XY-164" Input "no concession for that age is entered for this account" "redeem at the plain price, or enter the concession first: put concession" "该账户没有登记该年龄的优待" "请按普通价兑换，或先用 put 年龄优待 登记";
    UnknownForm "XY-170" Input "no such form" "form without a name lists them all" "没有这种表单" "不带名称执行 form 可列出全部";
    UnknownField "XY-171" Input "the form has no such column" "form NAME shows its columns" "该表单没有这一列" "执行 form 加表单名可查看各列";
    RowExists "XY-172" Input "a row with this key is there and says something else" "to correct it, enter it again with --amend and a reason; else give the new row a key of its own" "该编号的行已存在，且内容不同" "确需更正请加 --amend 和原因再录；否则请换编号";
    RowChanged "XY-173" Input "the row was changed after you read it" "look at it again, then correct it" "该行在您查看之后已被修改" "请重新查看后再更正";
    UnknownRow "XY-174" Input "no such row" "check the key; a case must be entered before its steps, in the same village" "没有这一行" "请核对编号；办理过程须在事项登记之后、由同一单位录入";
    Accusation "XY-175" Input "an accusation is not kept at the village" "enter it at the township's node, without a village" "检举控告不在村里登记" "请在镇节点登记，不填村";
    SeveralKinds "XY-176" Input "the columns fit several kinds of tables" "say which with --kind" "表头符合不止一种表格" "请用 --kind 指明";
    UndecidedColumn "XY-177" Input "versions written apart differ in a column that was left out" "give that column too" "两个版本在未填写的列上不一致" "请把该列也填上";
    ClaimStranded "XY-179" Input "the node that keeps the award was revoked; its points would be nobody's to spend" "decline it, and enter the award again at a node in use, under a number of its own" "保存该笔加分的节点已被吊销，批准后积分无人可用" "请先不予通过，再到在用的节点上换凭证号重新录入";
    MonthNotOver "XY-180" Input "the month is not over" "close it once it has ended" "该月尚未结束" "请在月末之后结账";
    MonthClosed "XY-181" Input "the month is closed" "what comes late is counted with the next month; to change the month itself, reopen it" "该月已结账" "迟报的数会计入下月调整；确需修改请先重开";
    MonthOpen "XY-182" Input "the month is not closed" "nothing to reopen" "该月未结账" "无需重开";
    BadSegment "XY-201" Peer "malformed segment" "the sender is at fault; its data is quarantined" "数据段格式错误" "责任在发送方，其数据已隔离";
    BadSignature "XY-202" Peer "signature does not match the author" "the sender or a relay altered it; refused" "签名与作者不符" "发送方或转发方改动了内容，已拒绝";
    UnknownAuthor "XY-203" Peer "author not in the directory" "it is asked for again once the directory has arrived" "作者不在名录中" "名录到达后会重新请求";
    OutOfScope "XY-204" Peer "the author may not write this" "refused and shown; other authors' data still flows" "作者越权写入" "已拒绝并记录，其他作者的数据不受影响";
    NotReader "XY-205" Peer "this node or peer may not hold that document" "refused" "无权持有该文档" "已拒绝";
    TooLarge "XY-206" Peer "over a size limit" "the sender is at fault" "超过大小限制" "责任在发送方";
    TooDeep "XY-207" Peer "not a flat record" "the sender is at fault" "不是平面记录" "责任在发送方";
    Gap "XY-208" Peer "predecessors missing" "they are asked for" "缺少前序数据段" "正在请求补齐";
    Forked "XY-209" Peer "same author and number, other content" "that author's branch is quarantined; call the township" "同一作者同一序号出现不同内容" "该作者的分支已隔离，请联系镇里";
    Revoked "XY-210" Peer "author was revoked before this" "refused" "作者已被吊销" "已拒绝";
    BadFrame "XY-211" Peer "malformed frame" "the connection is closed" "帧格式错误" "连接已关闭";
    BadVersion "XY-212" Version "no common protocol version" "upgrade the older side" "协议版本不兼容" "请升级较旧的一方";
    WrongDomain "XY-213" Peer "certificate of another township" "refused" "证书属于另一个镇" "已拒绝";
    BadCertificate "XY-214" Peer "certificate not acceptable" "renew it by enrolling again" "证书不被接受" "请重新入网换发证书";
    TokenRefused "XY-215" Input "enrolment token unknown, used or expired" "ask the township for a new one" "入网令牌无效、已使用或已过期" "请向镇里索取新令牌";
    PinMismatch "XY-216" Peer "the server's CA key is not the one the token names" "do not go on; check the address with the township" "对方 CA 公钥与令牌所示不符" "请停止操作，并与镇里核对地址";
    TokenMistyped "XY-217" Input "enrolment token misread" "compare it with the paper group by group, then type it again" "入网令牌抄录有误" "请逐组核对后重新输入";
    BadConfig "XY-301" Local "configuration not acceptable" "correct the file; see config.example.toml" "配置有误" "请更正配置文件，参见 config.example.toml";
    BadFile "XY-302" Input "file cannot be read" "open it in a spreadsheet program and save it as XLSX, or as CSV in UTF-8 or GBK" "文件无法读取" "请用表格软件打开，另存为 XLSX，或 UTF-8、GBK 编码的 CSV";
    BadHeader "XY-303" Input "columns missing or unknown" "use the header row of the import guide" "表头缺列或有未知列" "请使用导入说明中的表头";
    Disk "XY-304" Local "disk error" "see the log" "磁盘错误" "请查看日志";
    Network "XY-305" Local "cannot connect" "check the address and the network" "无法连接" "请检查地址和网络";
    Corrupt "XY-306" Local "stored data is damaged" "it is fetched again from peers; replace the disk if it recurs" "存储数据损坏" "将从其他节点重新获取；反复出现请更换磁盘";
    NewerData "XY-307" Local "stored by a newer version of this program" "start the newer version" "数据由更新版本的程序写入" "请启动较新的版本";
    InUse "XY-308" Local "the data folder is in use by another process" "stop that process first, or give this one a folder of its own" "数据目录正被另一个进程使用" "请先停止该进程，或另用一个目录";
    FileTooLarge "XY-309" Input "file over the limit" "cut it into smaller files and import them one after the other" "文件超过上限" "请拆分成几个较小的文件，逐个导入";
    Usage "XY-310" Input "command line not understood" "see --help" "无法识别的命令行" "请查看 --help";
    BadRequest "XY-311" Input "request not understood" "correct its path, method, query or body" "无法识别的请求" "请更正路径、方法、参数或内容";
    RequestTooLarge "XY-312" Input "request over the limit" "send it in several parts" "请求超过上限" "请分几次发送";
    FolderTaken "XY-313" Input "the data folder holds a node already" "start it with serve, or name another folder with --data" "数据目录中已有节点" "请用 serve 启动它，或用 --data 另指定目录";
    TokenWanted "XY-314" Input "the local API wants its token" "send the text of api.token in the data folder as Authorization: Bearer" "本机接口需要令牌" "请以 Authorization: Bearer 方式附上数据目录中 api.token 的内容";
    FileMissing "XY-315" Input "file cannot be opened" "check its name and who may read it" "文件无法打开" "请检查文件名和读取权限";
    NotWritable "XY-316" Input "file cannot be written" "check that the folder exists and may be written to" "文件无法写入" "请检查目录是否存在、是否可写";
    UnknownCode "XY-317" Input "no such code" "explain without a code lists them all" "没有这个代码" "不带代码执行 explain 可列出全部";
    NotRunning "XY-318" Local "the node is not running" "start it with serve, or as the service of this machine" "节点未运行" "请用 serve 或本机服务启动它";
    KeptFile "XY-319" Local "a file that only this node has is missing or damaged" "stop the node and put the file back from the backup; no other node has it" "仅本节点拥有的文件缺失或损坏" "请停止节点，从备份恢复该文件；其他节点没有它";
    ForeignHost "XY-320" Input "the local API is not served under this host name" "open it at 127.0.0.1 or localhost; a proxy must set Host to that" "本机接口不以此主机名提供" "请用 127.0.0.1 或 localhost 打开；经代理时请将 Host 设为该名";
}

/// A refusal: a code and the detail that makes it useful.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    detail: String,
}

impl Refusal {
    /// A refusal about `detail`: a code, key or number, never a person's name.
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Refusal { code, detail: detail.to_string() }
    }

    /// The same, saying first what it is about.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Self {
        Refusal { detail: format!("{what}: {}", self.detail), ..self }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What it is about.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// One sentence in English: code, what, about what, what to do.
    pub fn en(&self) -> String {
        format!("[{}] {}: {}; {}", self.code.as_str(), self.code.en(), self.detail, self.code.en_advice())
    }

    /// One sentence in Chinese: code, what, about what, what to do.
    pub fn zh(&self) -> String {
        format!("[{}] {}：{}；{}", self.code.as_str(), self.code.zh(), self.detail, self.code.zh_advice())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en())
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn a_refusal_speaks_both_languages() {
        let refusal = Refusal::new(Code::UnknownAccount, "A000001");
        assert_eq!(refusal.en(), "[XY-110] unknown account: A000001; import the account first, or correct the number");
        assert!(refusal.zh().starts_with("[XY-110] 账户不存在：A000001；"));
    }
}
