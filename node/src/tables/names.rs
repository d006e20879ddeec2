//! How people name organisations: by code, by name, and a village also without 村. Tables and commands share it.

use std::collections::{BTreeSet, HashMap};

use xiangyue_protocol::views::Directory;
use xiangyue_protocol::{Code, Level, OrgCode, Refusal};

use super::value;

/// The organisations of a directory by every way in which they may be named.
#[derive(Clone, Debug, Default)]
pub struct Names {
    villages: Spellings,
    merchants: Spellings,
}

impl Names {
    /// The villages and merchants among these.
    pub fn new<'o>(orgs: impl IntoIterator<Item = (&'o str, &'o OrgCode)>) -> Names {
        let mut names = Names::default();
        for (name, org) in orgs {
            match org.level() {
                Level::Village => names.villages.add(name, org),
                Level::Merchant => names.merchants.add(name, org),
                _ => {}
            }
        }
        names
    }

    /// Those of a directory.
    pub fn of(directory: &Directory) -> Names {
        Names::new(directory.orgs().map(|org| (org.name.as_str(), &org.code)))
    }

    /// The village of this name or code.
    ///
    /// # Errors
    /// [`Code::UnknownVillage`], also when several have the name.
    pub fn village(&self, text: &str) -> Result<OrgCode, Refusal> {
        self.villages.find(text, Code::UnknownVillage)
    }

    /// The merchant of this name or code.
    ///
    /// # Errors
    /// [`Code::UnknownMerchant`], also when several have the name.
    pub fn merchant(&self, text: &str) -> Result<OrgCode, Refusal> {
        self.merchants.find(text, Code::UnknownMerchant)
    }

    /// The village or merchant of this name or code.
    ///
    /// # Errors
    /// [`Code::UnknownMerchant`], also when several have the name.
    pub fn organisation(&self, text: &str) -> Result<OrgCode, Refusal> {
        match (self.merchant(text), self.village(text)) {
            (Ok(merchant), Ok(village)) => Err(ambiguous(Code::UnknownMerchant, text, &[merchant, village].into())),
            (Ok(org), _) | (_, Ok(org)) => Ok(org),
            (Err(refusal), Err(_)) => Err(refusal),
        }
    }
}

/// Organisations of one level by spelling.
#[derive(Clone, Debug, Default)]
struct Spellings {
    whole: HashMap<String, BTreeSet<OrgCode>>,
    short: HashMap<String, BTreeSet<OrgCode>>,
}

impl Spellings {
    fn add(&mut self, name: &str, org: &OrgCode) {
        let name = value::half_width(name).into_owned();
        if let Some(short) = name.strip_suffix('村') {
            self.short.entry(short.to_owned()).or_default().insert(org.clone());
        }
        self.whole.entry(name).or_default().insert(org.clone());
        self.whole.entry(org.as_str().to_owned()).or_default().insert(org.clone());
    }

    /// A whole name wins over another's short form.
    fn find(&self, text: &str, code: Code) -> Result<OrgCode, Refusal> {
        let spelt = value::half_width(text);
        let found = self.whole.get(&*spelt).or_else(|| self.short.get(&*spelt));
        let found = found.ok_or_else(|| value::refuse(code, text))?;
        match found.first() {
            Some(org) if found.len() == 1 => Ok(org.clone()),
            _ => Err(ambiguous(code, text, found)),
        }
    }
}

/// Which of them is meant cannot be guessed where points are at stake.
fn ambiguous(code: Code, text: &str, found: &BTreeSet<OrgCode>) -> Refusal {
    let codes = found.iter().map(OrgCode::as_str).collect::<Vec<_>>().join(", ");
    value::refuse_with(code, text, format_args!("several / 有几个同名: {codes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> OrgCode {
        text.parse().unwrap()
    }

    fn names(orgs: &[(&str, &str)]) -> Names {
        let orgs: Vec<_> = orgs.iter().map(|(name, org)| (*name, code(org))).collect();
        Names::new(orgs.iter().map(|(name, org)| (*name, org)))
    }

    #[test]
    fn an_organisation_goes_by_its_code_its_name_and_a_village_without_its_last_letter() {
        let names = names(&[("谢楼村", "110112119204"), ("养老驿站", "110112119M01")]);
        for text in ["谢楼村", "谢楼", "110112119204"] {
            assert_eq!(names.village(text), Ok(code("110112119204")), "{text}");
            assert_eq!(names.organisation(text), Ok(code("110112119204")), "{text}");
        }
        for text in ["养老驿站", "110112119M01"] {
            assert_eq!(names.merchant(text), Ok(code("110112119M01")), "{text}");
            assert_eq!(names.organisation(text), Ok(code("110112119M01")), "{text}");
        }
        assert_eq!(names.village("养老驿站").unwrap_err().code(), Code::UnknownVillage);
        assert_eq!(names.organisation("别处").unwrap_err().code(), Code::UnknownMerchant);
    }

    #[test]
    fn a_name_that_two_bear_names_neither_and_their_codes_still_do() {
        let names = names(&[("小卖部", "110112119M01"), ("小卖部", "110112119M02"), ("东堡村", "110112119201")]);
        let refusal = names.merchant("小卖部").unwrap_err();
        assert_eq!(refusal.code(), Code::UnknownMerchant);
        assert!(refusal.detail().contains("110112119M01, 110112119M02"), "{refusal}");
        assert_eq!(names.merchant("110112119M01"), Ok(code("110112119M01")));
        assert_eq!(names.merchant("110112119M02"), Ok(code("110112119M02")));
    }

    #[test]
    fn a_whole_name_wins_over_the_short_form_of_another() {
        let names = names(&[("东堡", "110112119201"), ("东堡村", "110112119202")]);
        assert_eq!(names.village("东堡"), Ok(code("110112119201")));
        assert_eq!(names.village("东堡村"), Ok(code("110112119202")));
    }

    #[test]
    fn a_shop_that_is_called_like_a_village_has_to_go_by_its_code() {
        let names = names(&[("东堡", "110112119M01"), ("东堡村", "110112119202")]);
        assert!(names.organisation("东堡").unwrap_err().detail().contains("110112119202"), "which of the two?");
        assert_eq!(names.organisation("东堡村"), Ok(code("110112119202")));
    }
}
