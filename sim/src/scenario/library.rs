//! Scenarios that come with the simulator.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name)))),*]
    };
}

/// Files with their texts, in the order in which they are listed: scenarios, and the tables that they name.
const FILES: &[(&str, &str)] = files![
    "three-villages.toml",
    "anything.toml",
    "lucheng.toml",
    "linqu-county.toml",
    "county.toml",
    "changling.toml",
    "changling.csv",
    "township-outage.toml",
    "flood-season.toml",
    "usb-courier.toml",
    "upgrade-week.toml",
    "enrolment-day.toml",
    "hostile-village.toml",
    "policies.toml",
    "grants.toml",
];

/// The names of the scenarios, in the order in which they are listed.
pub fn library() -> impl Iterator<Item = &'static str> + Clone {
    FILES.iter().filter_map(|(file, _)| file.strip_suffix(".toml"))
}

/// The text of the scenario that is called so.
pub fn in_library(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(file, _)| file.strip_suffix(".toml") == Some(name)).map(|(_, text)| *text)
}

/// The text of a table that a scenario of the library names.
pub fn table_in_library(file: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == file && !known.ends_with(".toml")).map(|(_, text)| *text)
}
