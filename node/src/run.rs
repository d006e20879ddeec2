//! What the command line asks this program to do itself, without a running node.

use std::path::PathBuf;

use serde::Serialize;
use xiangyue_protocol::{Code, OrgCode, Refusal};

use crate::api::types::DemoReport;
use crate::config::Config;
use crate::i18n::Lang;

/// A township to found.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// Its nine-digit code.
    pub code: OrgCode,
    /// Its name.
    pub name: String,
}

/// A township was founded.
#[derive(Clone, Debug, Serialize)]
pub struct InitDone {
    /// The id of its first node.
    pub node: String,
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// Fingerprint of its CA key, which every token carries.
    pub ca_pin: String,
    /// The data folder.
    pub data: PathBuf,
}

/// A node to enrol.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The token's text.
    pub token: String,
    /// `host:port` of the township, instead of the one in the token.
    pub township: Option<String>,
}

/// A node was enrolled.
#[derive(Clone, Debug, Serialize)]
pub struct JoinDone {
    /// The id of the new node.
    pub node: String,
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// That organisation's name.
    pub name: String,
    /// The township.
    pub township: OrgCode,
    /// The data folder.
    pub data: PathBuf,
}

/// How to run the demo.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// End when the report is there, instead of leaving the console up until Ctrl-C.
    pub exit: bool,
    /// Folder for the nodes' data.
    pub folder: PathBuf,
    /// Seed of the generated records.
    pub seed: u64,
    /// Language of the progress drawn on standard error.
    pub lang: Lang,
}

/// Founds a township: CA, node key and certificate, directory, in an empty data folder.
///
/// # Errors
/// [`Code::NotAllowed`] when the data folder holds a node already; [`Code::Disk`].
pub fn init_township(config: &Config, request: &InitRequest) -> Result<InitDone, Refusal> {
    let _ = request;
    Err(not_yet(config))
}

/// Enrols this machine with a township's token.
///
/// # Errors
/// [`Code::TokenRefused`], [`Code::PinMismatch`], [`Code::Network`], [`Code::NotAllowed`] when the data folder holds
/// a node already, [`Code::Disk`].
pub fn join(config: &Config, request: &JoinRequest) -> Result<JoinDone, Refusal> {
    let _ = request;
    Err(not_yet(config))
}

/// Runs the node until it is told to stop.
///
/// # Errors
/// [`Code::NotReady`] when the data folder holds no node; what made it stop otherwise.
pub fn serve(config: Config) -> Result<(), Refusal> {
    Err(not_yet(&config))
}

/// Runs the demo, calls `report` once when the figures are there, and returns when it is over.
///
/// # Errors
/// What kept a part of the demo from running. A figure that is not as it should be is in the report instead.
pub fn demo(config: &Config, options: &DemoOptions, report: &mut dyn FnMut(&DemoReport)) -> Result<(), Refusal> {
    let _ = (options, report);
    Err(not_yet(config))
}

fn not_yet(config: &Config) -> Refusal {
    Refusal::new(Code::NotReady, config.data.display())
}
