//! What is counted, each with its names and the rows of the article that ask for it.

macro_rules! measures {
    ($($name:ident $sort:ident $text:literal $zh:literal $en:literal $article:literal;)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Measure { $(#[doc = $en] $name,)* }

        impl Measure {
            /// All of them.
            pub const ALL: &[Measure] = &[$(Measure::$name,)*];
            /// As stored in bulletins.
            pub fn as_str(self) -> &'static str { match self { $(Measure::$name => $text,)* } }
            /// Its name in Chinese.
            pub fn zh(self) -> &'static str { match self { $(Measure::$name => $zh,)* } }
            /// Its name in English.
            pub fn en(self) -> &'static str { match self { $(Measure::$name => $en,)* } }
            /// How it goes by months.
            pub fn sort(self) -> Sort { match self { $(Measure::$name => Sort::$sort,)* } }
            /// Rows of the article that ask for it.
            pub fn article(self) -> &'static str { match self { $(Measure::$name => $article,)* } }
        }
    };
}

/// How a measure goes by months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// It counts what happens in a month.
    Happens,
    /// It counts what stands until it is changed; of a closed month, as it stood on the day of closing.
    Stands,
    /// It is a distribution, or counted as of today; no closed month has it.
    Spread,
}

measures! {
    Depositors Stands "depositors" "储值户" "depositors" "L2";
    PointsGross Happens "points_gross" "累计积分" "points, gross" "L3";
    PointsRedeemed Happens "points_redeemed" "兑换积分" "points redeemed" "L7";
    PointsReversed Happens "points_reversed" "冲正积分" "points reversed" "L3";
    PointsExpired Happens "points_expired" "过期积分" "points expired" "L3";
    Redemptions Happens "redemptions" "兑换笔数" "redemptions" "L7 L10";
    Communities Stands "communities" "社区" "communities" "Q1";
    Centres Stands "centres" "综治中心" "governance centres" "Q10";
    CentresComplete Stands "centres_complete" "四室一厅一平台齐全" "centres with all rooms" "Q10";
    AreaHa Stands "area_ha" "面积（公顷）" "area, hectares" "C5";
    Population Stands "population" "人口" "population" "C5";
    Hamlets Stands "hamlets" "自然村（组）" "natural villages and groups" "Q1 C3";
    Grids Stands "grids" "网格" "grids" "Q1 Q2";
    PartyOrgs Stands "party_orgs" "党组织" "party organisations" "Q1";
    PartyGroups Stands "party_groups" "党小组" "party groups of grids" "Q1 Q3";
    GridsWithOfficer Stands "grids_with_officer" "已配网格员的网格" "grids with an officer" "Q3";
    GridHouseholds Stands "grid_households" "网格内户数" "households in grids" "Q2";
    GridSizes Spread "grid_sizes" "各规模网格数" "grids by number of households" "Q2";
    Households Stands "households" "户数" "households" "Q4";
    Persons Stands "persons" "人口" "persons" "Q4";
    PairingMembers Stands "pairing_members" "包联党员" "members who answer for households" "Q4";
    PairingHouseholds Stands "pairing_households" "包联户" "pairings of member and household" "Q4";
    HouseholdsPaired Stands "households_paired" "有党员包联的户" "households that a member answers for" "Q4";
    PairingSizes Spread "pairing_sizes" "各包联户数的党员数" "members by number of households" "Q4";
    Areas Stands "areas" "责任区" "areas of stewards" "Y1";
    AreasCovered Stands "areas_covered" "已有农管家的责任区" "areas with a steward" "Y1";
    Assignments Stands "assignments" "在任人员" "assignments in force" "C3 S1 S2";
    AssignmentTargets Stands "assignment_targets" "有人负责的对象" "targets that somebody is assigned to" "S1";
    IndustryPlaces Stands "industry_places" "产业坝区" "areas of farming" "Y6";
    IndustryLarge Stands "industry_large" "500亩以上坝区" "areas of 500 mu and more" "Y6";
    IndustryMu Stands "industry_mu" "产业面积（亩）" "farming, mu" "Y6";
    IndustryWorkers Stands "industry_workers" "务工人数" "workers" "Y6";
    IncomePersonFen Stands "income_person_fen" "人均纯收入（分），各坝区之和" "income per person, fen, summed over areas" "Y6";
    IncomeHouseholdFen Stands "income_household_fen" "户均收入（分），各坝区之和" "income per household, fen, summed over areas" "Y6";
    RiskCards Stands "risk_cards" "风险卡" "risk cards" "Q6";
    Petitions Happens "petitions" "信访收到" "petitions received" "C1";
    PetitionsAccepted Happens "petitions_accepted" "信访受理" "petitions accepted" "C1";
    PetitionsClosed Happens "petitions_closed" "信访办结" "petitions closed" "C1";
    PetitionAcceptDays Spread "petition_accept_days" "受理用时" "petitions by days until accepted" "C1";
    PetitionAnswerDays Spread "petition_answer_days" "办理用时（扣除延期）" "petitions by days until closed, extensions left out" "C1";
    PetitionsOpen Spread "petitions_open" "信访未办结" "petitions open, by the day from which they are counted" "C1";
    PetitionReviewDays Spread "petition_review_days" "复查复核用时" "reviews of petitions by days until done" "C1";
    PetitionReviewsOpen Spread "petition_reviews_open" "复查复核未办结" "reviews of petitions open, by the day they were asked for" "C1";
    Disputes Happens "disputes" "纠纷排查" "disputes found" "C2 Q7";
    DisputesResolved Happens "disputes_resolved" "纠纷化解" "disputes resolved" "C2 Q7";
    DisputeSources Happens "dispute_sources" "纠纷来源" "disputes by source" "S3";
    DisputesLinked Happens "disputes_linked" "联动纠纷" "disputes linked with another case" "S3";
    Errands Happens "errands" "服务事项" "errands raised" "Y2 Q5";
    ErrandsClosed Happens "errands_closed" "服务办结" "errands done" "Y2 Q5";
    ErrandsConfirmed Happens "errands_confirmed" "群众确认" "errands confirmed by the resident" "Y2";
    ErrandDays Spread "errand_days" "服务用时" "errands by days until done" "Y2";
    Responded Happens "responded" "回访" "answers on satisfaction" "Y3";
    Satisfied Happens "satisfied" "满意" "satisfied" "Y3";
    Tasks Happens "tasks" "网格任务" "grid tasks raised" "Q5";
    TasksClosed Happens "tasks_closed" "任务办结" "grid tasks closed" "Q5";
    TasksLate Happens "tasks_late" "任务逾期办结" "grid tasks closed after their day" "Q5";
    ClosedAt Happens "closed_at" "各层级办结" "cases by where they were closed" "S4";
    Escalated Happens "escalated" "上交" "cases that were moved up" "S4";
    Sessions Happens "sessions" "宣传培训" "sessions" "Q7 Y2 S2";
    SessionsAttended Happens "sessions_attended" "宣传培训人次" "attendances of sessions" "Q7";
    Incidents Happens "incidents" "警情" "incidents" "Q11";
    Receptions Happens "receptions" "接访" "receptions" "C4";
    Received Happens "received" "接待人次" "people received" "C4";
    Appraisals Spread "appraisals" "考评次数" "appraisals, by agent" "C4";
    AppraisalScores Spread "appraisal_scores" "考评得分" "scores of appraisals, by agent" "C4";
    RollCallDue Happens "roll_call_due" "点验应到" "due at roll-calls" "Q9";
    RollCallPresent Happens "roll_call_present" "点验实到" "present at roll-calls" "Q9";
    RollCalls Happens "roll_calls" "点验次数" "roll-calls" "Q9";
    AllowanceFen Happens "allowance_fen" "误工补贴（分）" "allowances, fen" "Q8";
    Allowances Happens "allowances" "补贴人次" "allowances" "Q8";
    StudyPlanned Happens "study_planned" "计划学法天数" "study days planned" "S2";
    StudyDone Happens "study_done" "学法天数" "study days" "S2";
    Activities Happens "activities" "活动" "activities" "L5";
    Attendances Happens "attendances" "参加人次" "attendances of activities" "L5";
    Youths Stands "youths" "参加青少年" "youths who took part" "L5";
    CareListed Stands "care_listed" "照料对象" "people to be looked after" "L13";
    CareServed Stands "care_served" "已照料对象" "people looked after" "L13";
    CharterRounds Stands "charter_rounds" "征求意见轮次" "rounds of visits about the charter" "L12";
    CharterComments Stands "charter_comments" "村规民约意见" "comments on the charter" "L12";
    CharterContributors Stands "charter_contributors" "提出意见人数" "people who commented on the charter" "L12";
    CharterClauses Stands "charter_clauses" "村规民约条款" "clauses of the charter" "L12";
    BoardsOn Stands "boards_on" "已启用的榜单和打卡" "boards and check-ins that the village has switched on" "Y4 L6";
    CharterAdopted Stands "charter_adopted" "已通过的村规民约" "charters adopted" "L12";
    Leases Stands "leases" "租赁合同" "leases" "S5";
    LeaseFen Stands "lease_fen" "应收租金（分）" "rent due, fen" "S5";
    PaidFen Stands "paid_fen" "已收租金（分）" "rent paid, fen" "S5";
    LeasesPaid Stands "leases_paid" "已缴清合同" "leases paid in full" "S5";
    ArrearsFen Spread "arrears_fen" "未缴租金（分），按应付日期" "rent not paid, fen, by the day it was due" "S5";
    Undecided Spread "undecided" "待裁定的记录" "records that wait for a decision" "";
}

impl Measure {
    /// Whether it counts what stands until it is changed.
    pub fn stands(self) -> bool {
        self.sort() == Sort::Stands
    }

    /// The measure of this name.
    pub fn find(name: &str) -> Option<Measure> {
        Measure::ALL.iter().copied().find(|measure| measure.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_fit_a_bulletin() {
        let names: BTreeSet<_> = Measure::ALL.iter().map(|measure| measure.as_str()).collect();
        assert_eq!(names.len(), Measure::ALL.len());
        assert!(names.iter().all(|name| name.len() <= 24));
    }
}
