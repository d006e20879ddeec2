//! Tests of the configuration.

use super::*;

const EXAMPLE: &str = include_str!("../../deploy/config.example.toml");

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from_text(text: &str) -> Result<Loaded, Refusal> {
    let loaded = overlay(parse("c.toml", text)?, &Overrides::default(), &[])?;
    loaded.config.check().map(|()| loaded)
}

fn refused(text: &str) -> String {
    let refusal = from_text(text).expect_err(text);
    assert_eq!(refusal.code(), Code::BadConfig);
    refusal.detail().to_owned()
}

#[test]
fn the_example_is_the_defaults() {
    assert_eq!(from_text(EXAMPLE).unwrap().config, Config::default());
}

#[test]
fn the_example_uncommented_is_accepted_and_names_every_key() {
    let uncommented: String =
        EXAMPLE.lines().map(|line| format!("{}\n", line.strip_prefix("#: ").unwrap_or(line))).collect();
    let loaded = from_text(&uncommented).unwrap();
    let silent: Vec<_> = loaded.settings.iter().filter(|(_, _, source)| *source == Source::Default).collect();
    assert!(silent.is_empty(), "not in the example: {silent:?}");
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_key() {
    assert_eq!(refused("data = \"d\"\n\nlisten_on = \"x\"\n"), "c.toml:3: unknown key `listen_on`; nearest: `listen`");
    assert_eq!(
        refused("log = \"info\"\n[limits]\npeer = 3\n"),
        "c.toml:3: unknown key `limits.peer`; nearest: `limits.peers`"
    );
    assert_eq!(refused("peers = 3\n"), "c.toml:1: unknown key `peers`; nearest: `limits.peers`");
    assert!(refused("[limts]\npeers = 3\n").starts_with("c.toml:1: unknown key `limts`"));
}

#[test]
fn a_wrong_value_names_its_line() {
    assert!(refused("\nlisten = \"here\"\n").starts_with("c.toml:2: "), "{}", refused("\nlisten = \"here\"\n"));
    assert!(refused("data = \n").starts_with("c.toml:1: "));
    assert!(refused("[limits]\npeers = \"many\"\n").starts_with("c.toml:2: "));
}

#[test]
fn values_out_of_range_are_refused() {
    assert!(refused("[limits]\npeers = 0\n").contains("limits.peers: 0"));
    assert!(refused("api = \"0.0.0.0:8080\"\n").contains("loopback"));
    assert!(refused("dial = [\"town.example\"]\n").contains("host:port"));
    assert!(refused("address = \"town.example:0\"\n").contains("host:port"));
}

#[test]
fn variables_override_the_file_and_the_command_line_both() {
    let table = parse("c.toml", "data = \"file\"\nlog = \"warn\"\n[limits]\nqueue = 7\n").unwrap();
    let vars = env(&[
        ("XIANGYUE_DATA", "variable"),
        ("XIANGYUE_LIMITS__PEERS", "9"),
        ("XIANGYUE_DIAL", "a:1, b:2"),
        ("XIANGYUE_LOG", ""),
    ]);
    let overrides = Overrides { data: Some("flag".into()), keys: vec![("api", "127.0.0.1:81".into())], file: None };
    let loaded = overlay(table, &overrides, &vars).unwrap();
    let Config { data, dial, log, limits, api, .. } = loaded.config;
    assert_eq!(data, PathBuf::from("flag"));
    assert_eq!(dial, ["a:1", "b:2"]);
    assert_eq!((log.as_str(), limits.peers, limits.queue, api.port()), ("warn", 9, 7, 81));
    let source = |key| loaded.settings.iter().find(|(k, _, _)| *k == key).unwrap().2;
    assert_eq!(source("data"), Source::CommandLine);
    assert_eq!(source("dial"), Source::Variable);
    assert_eq!(source("limits.queue"), Source::File);
    assert_eq!(source("limits.cache_mib"), Source::Default);
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value) in [("XIANGYUE_LIMITS__PEERS", "many"), ("XIANGYUE_LISTEN", "here"), ("XIANGYUE_LANG", "fr")] {
        let refusal = overlay(Table::new(), &Overrides::default(), &env(&[(name, value)])).expect_err(name);
        assert_eq!(refusal.code(), Code::BadConfig);
        assert!(refusal.detail().starts_with(name), "{}", refusal.detail());
    }
}

#[test]
fn a_misspelt_variable_is_told() {
    let vars = env(&[("XIANGYUE_LISTN", "x"), ("XIANGYUE_BY", "W1"), ("PATH", "/bin")]);
    let loaded = overlay(Table::new(), &Overrides::default(), &vars).unwrap();
    assert_eq!(loaded.strange_variables, [("XIANGYUE_LISTN".to_owned(), "XIANGYUE_LISTEN".to_owned())]);
}

#[test]
fn what_enrolment_remembers_is_read_again() {
    let data = std::env::temp_dir().join(format!("xiangyue-config-{}", std::process::id()));
    std::fs::create_dir_all(&data).unwrap();
    let settings = [("listen", "127.0.0.1:7443".to_owned()), ("dial", "a:1,b:2".to_owned())];
    assert!(remember(&data, &settings).unwrap());
    assert!(!remember(&data, &settings).unwrap(), "an existing file is left alone");
    let loaded = Config::load(&Overrides { data: Some(data.clone()), ..Overrides::default() }, &[]).unwrap();
    assert_eq!(loaded.config.listen, Some(SocketAddr::from(([127, 0, 0, 1], 7443))));
    assert_eq!(loaded.config.dial, ["a:1", "b:2"]);
    assert_eq!(loaded.file, Some(data.join("config.toml")));
    std::fs::remove_dir_all(&data).unwrap();
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let overrides = Overrides { file: Some("/nonexistent/xiangyue.toml".into()), ..Overrides::default() };
    assert_eq!(Config::load(&overrides, &[]).unwrap_err().code(), Code::BadConfig);
}
