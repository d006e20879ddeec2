//! Scenarios that come with the simulator.

/// Names and texts, in the order in which they are listed.
pub const LIBRARY: &[(&str, &str)] = &[
    ("three-villages", include_str!("../../scenarios/three-villages.toml")),
    ("anything", include_str!("../../scenarios/anything.toml")),
];

/// The text of the one that is called so.
pub fn in_library(name: &str) -> Option<&'static str> {
    LIBRARY.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
