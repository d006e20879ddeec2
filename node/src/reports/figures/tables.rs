//! The reports, each as what its rows are and what its columns count.

use xiangyue_protocol::forms::{Type, Word, cases, events, organisation};

use super::column::Column as C;
use super::{By, Table};
use crate::api::types::ReportName;
use crate::registers::Measure as M;

/// All reports of this sort.
pub(super) const ALL: &[Table] = &[
    Table {
        name: ReportName::Organisation,
        rows: By::Village,
        columns: &[
            C::sum("communities", "社区", "communities", M::Communities),
            C::sum("hamlets", "自然村（组）", "natural villages and groups", M::Hamlets),
            C::sum("grids", "网格", "grids", M::Grids),
            C::of("committees", "党委", "party committees", M::PartyOrgs, &["committee"]),
            C::of("general_branches", "党总支", "general branches", M::PartyOrgs, &["general_branch"]),
            C::of("branches", "党支部", "party branches", M::PartyOrgs, &["branch"]),
            C::sum("party_groups", "党小组", "party groups", M::PartyGroups),
            C::of("tier1", "一级网格长", "first-tier grid managers", M::Assignments, &["tier1"]),
            C::of("tier2", "二级网格长", "second-tier grid managers", M::Assignments, &["tier2"]),
            C::of("tier3", "三级网格员", "third-tier grid managers", M::Assignments, &["tier3"]),
        ],
        note: None,
    },
    Table {
        name: ReportName::Centres,
        rows: By::Class(&[M::Centres, M::CentresComplete], centre_levels, "层级", "level"),
        columns: &[
            C::sum("centres", "综治中心", "centres", M::Centres),
            C::sum("complete", "四室一厅一平台齐全", "with all rooms", M::CentresComplete),
            C::share("complete_permille", "达标率（%）", "complete, %", M::CentresComplete, M::Centres),
        ],
        note: None,
    },
    Table {
        name: ReportName::Profile,
        rows: By::Village,
        columns: &[
            C::hundredths("area_hundredths", "面积（平方公里）", "area, km²", M::AreaHa),
            C::sum("population", "人口", "population", M::Population),
            C::density("density_tenths", "人口密度（人/平方公里）", "people per km²", M::Population, M::AreaHa),
            C::sum("households", "户数", "households", M::Households),
            C::sum("persons", "户内人口", "persons in households", M::Persons),
        ],
        note: None,
    },
    Table {
        name: ReportName::Grids,
        rows: By::Village,
        columns: &[
            C::sum("grids", "网格", "grids", M::Grids),
            C::sum("grid_households", "网格内常住户", "resident households in grids", M::GridHouseholds),
            C::mean("mean_tenths", "每格平均户数", "mean households of a grid", M::GridHouseholds, M::Grids, 1),
            C::outside("outside", "户数超出范围的网格", "grids out of range", M::GridSizes, "grid_least", "grid_most"),
            C::sum("party_groups", "党小组", "party groups", M::PartyGroups),
            C::sum("with_officer", "已配网格员", "with an officer", M::GridsWithOfficer),
            C::sum("risk_cards", "风险卡", "risk cards", M::RiskCards),
            C::share("cards_permille", "风险卡覆盖率（%）", "grids with a card, %", M::RiskCards, M::Grids),
            C::sum("roll_calls", "点验的网格", "roll-calls", M::RollCalls),
            C::sum("roll_call_due", "点验应到", "due at roll-calls", M::RollCallDue),
            C::sum("roll_call_present", "点验实到", "present at roll-calls", M::RollCallPresent),
            C::share("present_permille", "到位率（%）", "present, %", M::RollCallPresent, M::RollCallDue),
        ],
        note: Some((
            "户数范围由设置项 grid_least、grid_most 决定，超出范围仅作提示。",
            "The range is set by grid_least and grid_most; a grid out of range is a hint, not a fault.",
        )),
    },
    Table {
        name: ReportName::Pairings,
        rows: By::Village,
        columns: &[
            C::sum("households", "户数", "households", M::Households),
            C::sum("persons", "人口", "persons", M::Persons),
            C::sum("members", "包联党员", "members", M::PairingMembers),
            C::sum("paired", "有人包联的户", "households with a member", M::HouseholdsPaired),
            C::share(
                "paired_permille",
                "包联覆盖率（%）",
                "households with a member, %",
                M::HouseholdsPaired,
                M::Households,
            ),
            C::mean(
                "mean_hundredths",
                "人均包联户数",
                "households of a member",
                M::PairingHouseholds,
                M::PairingMembers,
                2,
            ),
            C::outside(
                "outside",
                "超出范围的党员",
                "members out of range",
                M::PairingSizes,
                "pairing_least",
                "pairing_most",
            ),
        ],
        note: Some((
            "包联户数范围由设置项 pairing_least、pairing_most 决定，超出范围仅作提示。",
            "The range is set by pairing_least and pairing_most; a member out of range is a hint, not a fault.",
        )),
    },
    Table {
        name: ReportName::Petitions,
        rows: By::Village,
        columns: &[
            C::sum("received", "收到", "received", M::Petitions),
            C::sum("accepted", "受理", "accepted", M::PetitionsAccepted),
            C::sum("closed", "办结", "closed", M::PetitionsClosed),
            C::share(
                "closed_permille",
                "办结率（%）",
                "closed of accepted, %",
                M::PetitionsClosed,
                M::PetitionsAccepted,
            ),
            C::within(
                "accept_permille",
                "按期受理率（%）",
                "accepted on time, %",
                M::PetitionAcceptDays,
                "petition_accept_days",
            ),
            C::within(
                "answer_permille",
                "按期办结率（%）",
                "closed on time, %",
                M::PetitionAnswerDays,
                "petition_answer_days",
            ),
            C::sum("open", "未办结", "open", M::PetitionsOpen),
            C::overdue("overdue", "逾期未办结", "open and overdue", M::PetitionsOpen, "petition_answer_days"),
            C::sum("reviewed", "复查复核办结", "reviews done", M::PetitionReviewDays),
            C::within(
                "review_permille",
                "按期复查复核率（%）",
                "reviews done on time, %",
                M::PetitionReviewDays,
                "petition_review_days",
            ),
            C::sum("reviews_open", "复查复核未办结", "reviews open", M::PetitionReviewsOpen),
            C::overdue(
                "reviews_overdue",
                "逾期复查复核",
                "reviews open and overdue",
                M::PetitionReviewsOpen,
                "petition_review_days",
            ),
        ],
        note: Some((
            "期限依据《信访工作条例》（2022）：15 日受理，60 日办理，可延期一次，不超过 30 日；复查、复核各 30 日；由设置项调整。“未办结”为截至今日。",
            "Petition regulation of 2022: 15 days to accept, 60 to answer, one extension of at most 30; 30 for each review; settings change them. Open is as of today.",
        )),
    },
    Table {
        name: ReportName::Disputes,
        rows: By::Class(&[M::Disputes, M::DisputesResolved], dispute_classes, "类型", "class"),
        columns: DISPUTES,
        note: None,
    },
    Table { name: ReportName::DisputeVillages, rows: By::Village, columns: DISPUTES, note: None },
    Table {
        name: ReportName::Sources,
        rows: By::Class(&[M::DisputeSources], dispute_sources, "来源", "source"),
        columns: &[C::sum("found", "纠纷", "disputes", M::DisputeSources)],
        note: None,
    },
    Table {
        name: ReportName::Ladder,
        rows: By::Village,
        columns: &[
            C::of("at_village", "村内办结", "closed in the village", M::ClosedAt, &["grid", "village"]),
            C::of("at_township", "镇内办结", "closed in the township", M::ClosedAt, &["township"]),
            C::of("at_county", "县级办结", "closed in the county", M::ClosedAt, &["county"]),
            C::share_of(
                "village_permille",
                "小事不出村（%）",
                "closed in the village, %",
                M::ClosedAt,
                &["grid", "village"],
            ),
            C::share_of(
                "township_permille",
                "不出镇（%）",
                "closed within the township, %",
                M::ClosedAt,
                &["grid", "village", "township"],
            ),
            C::sum("escalated", "曾上交", "moved up", M::Escalated),
        ],
        note: None,
    },
    Table {
        name: ReportName::Services,
        rows: By::Village,
        columns: &[
            C::sum("raised", "提出", "raised", M::Errands),
            C::sum("closed", "办结", "done", M::ErrandsClosed),
            C::sum("confirmed", "群众确认", "confirmed", M::ErrandsConfirmed),
            C::mean_class("days_tenths", "平均用时（天）", "mean days until done", M::ErrandDays),
            C::sum("responded", "回访", "answers", M::Responded),
            C::sum("satisfied", "满意", "satisfied", M::Satisfied),
            C::share("satisfied_permille", "满意率（%）", "satisfied, %", M::Satisfied, M::Responded),
            C::of("trainings", "培训", "trainings", M::Sessions, &["training"]),
            C::sum("areas", "责任区", "areas", M::Areas),
            C::sum("areas_covered", "已有农管家", "areas with a steward", M::AreasCovered),
        ],
        note: None,
    },
    Table {
        name: ReportName::Tasks,
        rows: By::Class(&[M::Tasks, M::TasksClosed, M::TasksLate], task_classes, "事项", "item"),
        columns: &[
            C::sum("raised", "上报", "raised", M::Tasks),
            C::sum("closed", "办结", "closed", M::TasksClosed),
            C::share("closed_permille", "办结率（%）", "closed, %", M::TasksClosed, M::Tasks),
            C::sum("late", "逾期办结", "closed late", M::TasksLate),
        ],
        note: None,
    },
    Table {
        name: ReportName::Sessions,
        rows: By::Class(&[M::Sessions, M::SessionsAttended], session_classes, "类型", "class"),
        columns: &[
            C::sum("sessions", "场次", "sessions", M::Sessions),
            C::sum("attended", "参加人次", "attendances", M::SessionsAttended),
        ],
        note: None,
    },
    Table {
        name: ReportName::Allowances,
        rows: By::Month,
        columns: &[
            C::sum("allowances", "发放人次", "allowances", M::Allowances),
            C::hundredths("amount_fen", "金额（元）", "amount, yuan", M::AllowanceFen),
            C::mean_fen("mean_fen", "人均（元）", "mean, yuan", M::AllowanceFen, M::Allowances),
        ],
        note: None,
    },
    Table {
        name: ReportName::Industry,
        rows: By::Village,
        columns: &[
            C::sum("places", "产业坝区", "areas of farming", M::IndustryPlaces),
            C::sum("large", "500 亩以上", "of 500 mu and more", M::IndustryLarge),
            C::sum("mu", "面积（亩）", "mu", M::IndustryMu),
            C::sum("workers", "务工人数", "workers", M::IndustryWorkers),
            C::mean_fen(
                "income_person_fen",
                "人均纯收入（元）",
                "income per person, yuan",
                M::IncomePersonFen,
                M::IndustryPlaces,
            ),
            C::mean_fen(
                "income_household_fen",
                "户均收入（元）",
                "income per household, yuan",
                M::IncomeHouseholdFen,
                M::IndustryPlaces,
            ),
        ],
        note: None,
    },
    Table {
        name: ReportName::Law,
        rows: By::Village,
        columns: &[
            C::of("advisers", "法律顾问", "legal advisers", M::Assignments, &["adviser"]),
            C::of("mediators", "调解员", "mediators", M::Assignments, &["mediator"]),
            C::of("groups", "有调解员的组", "groups with a mediator", M::AssignmentTargets, &["mediator"]),
            C::of("grid_officers", "入户网格员", "grid officers", M::Assignments, &["grid_officer"]),
            C::of("law_literate", "法律明白人", "law-literate residents", M::Assignments, &["law_literate"]),
            C::sum("planned", "计划学法（天）", "study days planned", M::StudyPlanned),
            C::sum("done", "已学（天）", "study days done", M::StudyDone),
            C::share("done_permille", "完成率（%）", "done of planned, %", M::StudyDone, M::StudyPlanned),
            C::of("lectures", "法治讲堂", "lectures", M::Sessions, &["lecture"]),
        ],
        note: None,
    },
    Table {
        name: ReportName::Charter,
        rows: By::Village,
        columns: &[
            C::sum("clauses", "条款", "clauses", M::CharterClauses),
            C::sum("rounds", "征求意见轮次", "rounds of visits", M::CharterRounds),
            C::sum("comments", "意见", "comments", M::CharterComments),
            C::sum("contributors", "提出意见人数", "contributors", M::CharterContributors),
            C::sum("adopted", "已通过", "adopted", M::CharterAdopted),
        ],
        note: None,
    },
    Table {
        name: ReportName::Assets,
        rows: By::Village,
        columns: &[
            C::sum("leases", "租赁合同", "leases", M::Leases),
            C::hundredths("rent_fen", "应收（元）", "rent, yuan", M::LeaseFen),
            C::hundredths("paid_fen", "已收（元）", "paid, yuan", M::PaidFen),
            C::sum("paid", "已缴清", "paid in full", M::LeasesPaid),
            C::due_fen("arrears_fen", "逾期未缴（元）", "overdue, yuan", M::ArrearsFen),
            C::due_days("days", "最长逾期（天）", "longest overdue, days", M::ArrearsFen),
        ],
        note: None,
    },
    Table {
        name: ReportName::Receptions,
        rows: By::Class(&[M::Receptions, M::Received], reception_modes, "方式", "mode"),
        columns: &[
            C::sum("receptions", "接访次数", "receptions", M::Receptions),
            C::sum("received", "接待人次", "people received", M::Received),
        ],
        note: None,
    },
    Table {
        name: ReportName::Activities,
        rows: By::Village,
        columns: &[
            C::sum("activities", "活动", "activities", M::Activities),
            C::sum("attendances", "参加人次", "attendances", M::Attendances),
            C::sum("youths", "参加青少年", "youths", M::Youths),
            C::of("elders", "照料老人", "elders looked after", M::CareServed, &["elder"]),
            C::of("disabled", "照料残疾人", "disabled people looked after", M::CareServed, &["disabled"]),
            C::sum("listed", "照料对象", "to be looked after", M::CareListed),
        ],
        note: Some((
            "照料对象只保存在本村，镇里的表中为空。",
            "People to be looked after are kept at their village; the township's table has none.",
        )),
    },
];

const DISPUTES: &[C] = &[
    C::sum("found", "排查", "found", M::Disputes),
    C::sum("resolved", "化解", "resolved", M::DisputesResolved),
    C::share("resolved_permille", "化解率（%）", "resolved, %", M::DisputesResolved, M::Disputes),
];

/// The words of a form's column.
fn words(form: &'static xiangyue_protocol::forms::Form, column: &str) -> &'static [Word] {
    match form.field(column).map(|field| field.of) {
        Some(Type::One(words)) => words,
        _ => &[],
    }
}

fn dispute_classes() -> &'static [Word] {
    words(&cases::DISPUTE, "class")
}

fn dispute_sources() -> &'static [Word] {
    words(&cases::DISPUTE, "source")
}

fn centre_levels() -> &'static [Word] {
    words(&organisation::CENTRE, "level")
}

fn task_classes() -> &'static [Word] {
    words(&cases::TASK, "class")
}

fn session_classes() -> &'static [Word] {
    words(&events::SESSION, "class")
}

fn reception_modes() -> &'static [Word] {
    words(&events::RECEPTION, "mode")
}
