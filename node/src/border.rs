//! What people type, on its way in: one rule for account numbers, slips and free text, whichever way they come.
//!
//! The import of tables and the local API both pass through here before anything is looked up, written, echoed or
//! logged. A citizen id in place of an account or person becomes its pseudonym; one that is mistyped, masked or of the
//! old 15 digits is refused, since an account under it would be nobody's; one inside a slip number is refused, and
//! inside free text masked. So no id reaches the journal, and none goes to another node.

use smol_str::SmolStr;
use xiangyue_protocol::schema::{Account, AccountId, Org, RequestId};
use xiangyue_protocol::{Code, Refusal};

use crate::api::types::{
    NewAccount, NewApproval, NewAward, NewDecline, NewGrant, NewRedemption, NewReversal, WireCommand,
};
use crate::tables::citizen;
use crate::tables::value::{half_width, refuse};

/// The border of one township: pseudonyms depend on its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Border<'k> {
    key: &'k [u8; 32],
}

impl<'k> Border<'k> {
    pub(crate) fn new(key: &'k [u8; 32]) -> Border<'k> {
        Border { key }
    }

    /// An account number, or the pseudonym of the citizen id that stands in its place.
    ///
    /// # Errors
    /// [`Code::BadCitizenId`] for an id that is mistyped, masked, old, or part of a longer text; those of
    /// [`AccountId`].
    pub(crate) fn account(self, text: &str) -> Result<AccountId, Refusal> {
        let folded = half_width(text);
        if citizen::looks_like(&folded) {
            return citizen::pseudonym(&folded, self.key)?.parse();
        }
        if citizen::looks_masked(&folded) || citizen::looks_old(&folded) || citizen::holds_one(&folded) {
            return Err(refuse(Code::BadCitizenId, text));
        }
        // The type's own refusal may echo more than may be shown.
        folded.parse().map_err(|refusal: Refusal| refuse(refusal.code(), text))
    }

    /// The code of a person or household: the same rule, so that one pseudonym stands for one person everywhere.
    ///
    /// # Errors
    /// As [`Border::account`]; [`Code::NameForCode`] for a text of letters that no code is made of, which is not echoed.
    pub(crate) fn person(self, text: &str) -> Result<SmolStr, Refusal> {
        let code = self.account(text)?;
        if code.as_str().chars().any(|c| c.is_ascii_alphanumeric()) {
            return Ok(code.into());
        }
        Err(Refusal::new(Code::NameForCode, ""))
    }

    /// A command of the API as it may be carried out.
    ///
    /// # Errors
    /// Those of its fields.
    pub(crate) fn command(self, command: WireCommand) -> Result<WireCommand, Refusal> {
        Ok(match command {
            WireCommand::Rule(rule) => {
                unlike_citizen(rule.code.as_str())?;
                WireCommand::Rule(rule)
            }
            WireCommand::Item(item) => {
                unlike_citizen(item.code.as_str())?;
                WireCommand::Item(item)
            }
            WireCommand::Org(org) => WireCommand::Org(Org { name: masked(&org.name), ..org }),
            WireCommand::Account(NewAccount { village, account }) => {
                let account = Account { account: self.account(account.account.as_str())?, ..account };
                WireCommand::Account(NewAccount { village, account })
            }
            WireCommand::Award(new) => {
                unlike_citizen(new.rule.as_str())?;
                let (request, account) = (slip(&new.request)?, self.account(new.account.as_str())?);
                let (by, memo) = (masked(&new.by), masked(&new.memo));
                WireCommand::Award(NewAward { request, account, by, memo, ..new })
            }
            WireCommand::Approve(NewApproval { request, by }) => {
                WireCommand::Approve(NewApproval { request: slip(&request)?, by: masked(&by) })
            }
            WireCommand::Decline(NewDecline { request, by, why }) => {
                let (request, by, why) = (slip(&request)?, masked(&by), masked(&why));
                WireCommand::Decline(NewDecline { request, by, why })
            }
            WireCommand::Redeem(new) => {
                unlike_citizen(new.item.as_str())?;
                new.lines.iter().try_for_each(|line| unlike_citizen(&line.option))?;
                let (request, account) = (slip(&new.request)?, self.account(new.account.as_str())?);
                WireCommand::Redeem(NewRedemption { request, account, by: masked(&new.by), ..new })
            }
            WireCommand::Reverse(new) => {
                let (request, of) = (slip(&new.request)?, slip(&new.of)?);
                WireCommand::Reverse(NewReversal { request, of, by: masked(&new.by), memo: masked(&new.memo), ..new })
            }
            WireCommand::Grant(new) => {
                let (request, account) = (slip(&new.request)?, self.account(new.account.as_str())?);
                WireCommand::Grant(NewGrant { request, account, by: masked(&new.by), ..new })
            }
        })
    }
}

/// Free text with citizen ids masked.
pub(crate) fn masked(text: &str) -> SmolStr {
    SmolStr::new(citizen::mask_likely(text))
}

/// A slip number that is no citizen id. Other numbers of 18 digits are slips like any.
///
/// # Errors
/// [`Code::IdAsSlip`], masked.
pub(crate) fn slip(request: &RequestId) -> Result<RequestId, Refusal> {
    unlike_citizen(request.as_str()).map(|()| request.clone())
}

/// Refuses a citizen id where a number or code stands.
///
/// # Errors
/// [`Code::IdAsSlip`], masked.
pub(crate) fn unlike_citizen(text: &str) -> Result<(), Refusal> {
    if citizen::holds_one(text) { Err(refuse(Code::IdAsSlip, text)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11010519491231002X";
    const KEY: [u8; 32] = [7; 32];

    fn account(text: &str) -> Result<String, (Code, String)> {
        let account = Border::new(&KEY).account(text);
        account.map(|a| a.to_string()).map_err(|refusal| (refusal.code(), refusal.detail().to_owned()))
    }

    #[test]
    fn an_id_becomes_one_pseudonym_however_it_is_typed() {
        let pseudonym = account(ID).unwrap();
        assert!(pseudonym.starts_with('p') && pseudonym.len() == 25, "{pseudonym}");
        for text in ["11010519491231002x", " 11010519491231002X ", "１１０１０５１９４９１２３１００２Ｘ"]
        {
            assert_eq!(account(text).as_ref(), Ok(&pseudonym), "{text}");
        }
        assert_eq!(account("A000001").unwrap(), "A000001");
        assert_eq!(account("110112119201001").unwrap(), "110112119201001", "15 digits that hold no date");
    }

    #[test]
    fn what_is_only_shaped_like_an_id_opens_no_account() {
        for (text, shown) in [
            ("110105194912310021", "110105********21"),
            ("110105********21", "110105********21"),
            ("110105********2X", "110105********2X"),
            ("110105491231002", "110105********02"),
            ("A-11010519491231002X", "A-110105********2X"),
        ] {
            assert_eq!(account(text), Err((Code::BadCitizenId, shown.to_owned())), "{text}");
        }
    }

    #[test]
    fn no_field_of_a_command_keeps_or_echoes_an_id() {
        let json = serde_json::json!({"do": "award", "request": "S-1", "account": ID, "rule": "R", "points": 1,
            "by": format!("W {ID}"), "memo": format!("给{ID}送餐")});
        let passed = Border::new(&KEY).command(serde_json::from_value(json.clone()).unwrap()).unwrap();
        let text = serde_json::to_string(&passed).unwrap();
        assert!(!text.contains("19491231") && text.contains("给110105********2X送餐"), "{text}");
        for (field, value) in [("request", ID), ("rule", ID), ("request", "S-11010519491231002X")] {
            let mut json = json.clone();
            json[field] = value.into();
            let refusal = Border::new(&KEY).command(serde_json::from_value(json).unwrap()).unwrap_err();
            assert_eq!(refusal.code(), Code::IdAsSlip, "{field}");
            assert!(!refusal.to_string().contains("19491231"), "{refusal}");
        }
    }
}
