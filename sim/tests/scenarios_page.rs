//! The page on scenarios and the program say the same: every key is in both, and every example on the page works.
#![allow(clippy::disallowed_methods, reason = "the test reads the page")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_sim::scenario::{Document, Problem, Scenario, Set, library, run, run_gathering};
use xiangyue_sim::stats::Sometimes;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenarios.md")).unwrap()
}

fn read(text: &str) -> Result<Scenario, Problem> {
    let document = Document { name: "page.toml".to_owned(), text: text.to_owned() };
    Scenario::read(document, &[], &|name| Err(format!("{name}: there are no files here")))
}

/// The words that the program allows where this text has the word `strange`.
fn allowed(text: &str) -> BTreeSet<String> {
    let said = read(text).unwrap_err().what;
    let list = said.split("expected ").nth(1).unwrap_or_else(|| panic!("{said}"));
    let list = list.split("; nearest").next().unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The first cells of the tables on the page, by heading; a table that begins with `kind` is one of its own.
fn documented(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (mut heading, mut tables) = (String::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            heading = title.to_owned();
        } else if line.starts_with("A **rhythm**") {
            heading = "rhythm".to_owned();
        } else if line.starts_with("| kind |") {
            heading = format!("kinds of {heading}");
        } else if let Some(key) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            tables.entry(heading.clone()).or_default().insert(key.to_owned());
        }
    }
    tables
}

#[test]
fn every_key_of_the_program_is_on_the_page_and_every_key_of_the_page_in_the_program() {
    let page = documented(&page());
    let sections = [
        ("Top level", "strange = 1"),
        ("[meta]", "[meta]\nstrange = 1"),
        ("[topology]", "[topology]\nstrange = 1"),
        ("kinds of [topology]", "[topology]\nkind = \"strange\""),
        ("[link.NAME]", "[link.a]\nstrange = 1"),
        ("rhythm", "[link.a]\nduty = { strange = 1 }"),
        ("[[node]]", "[[node]]\nstrange = 1"),
        ("[workload]", "[workload]\nstrange = 1"),
        ("[policy]", "[policy]\nstrange = 1"),
        ("[policy.timing]", "[policy.timing]\nstrange = 1"),
        ("[policy.grants]", "[policy.grants]\nstrange = 1"),
        ("[[fault]]", "[[fault]]\nstrange = 1"),
        ("kinds of [[fault]]", "[[fault]]\nkind = \"strange\""),
        ("[phases]", "[phases]\nstrange = 1"),
        ("[seeds]", "[seeds]\nstrange = 1"),
    ];
    for (heading, text) in sections {
        assert_eq!(page.get(heading), Some(&allowed(text)), "{heading}");
    }
}

#[test]
fn every_thing_that_happens_only_sometimes_is_on_the_page_in_its_words() {
    let page = page();
    let table = page.split("### sometimes").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> =
        Sometimes::ALL.iter().map(|what| format!("| `{}` | {} |", what.name(), what.text())).collect();
    assert_eq!(rows, expected);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_key() {
    let refused = [
        ("[link.a]\nloss = \"150%\"", "link.a.loss `150%` is not a share from 0% to 100%"),
        ("[[fault]]\nkind = \"revoke\"\nat = \"merchants\"\nchance = \"101%\"", "`101%` is not a share"),
        ("[workload]\nredeem = \"60%\"\nreverse = \"30%\"\ngrant = \"20%\"", "workload.redeem"),
        ("[[fault]]\nkind = \"cut\"\nwhen = \"100s\"\nlasts = \"1s\"", "fault.1.when is when clerks have stopped"),
        (
            "[[fault]]\nkind = \"cut\"\nat = \"island of 50\"\nlasts = \"1s\"",
            "an island of 50 villages, and there are 3",
        ),
        ("[[fault]]\nname = \"a\"\nkind = \"break\"\n[[fault]]\nname = \"a\"\nkind = \"break\"", "fault.2.name"),
        ("[phases]\nsample = \"1us\"", "phases.sample 90000000 samples"),
        ("[sweep]\n\"seeds.count\" = [1, 2]", "cannot be swept"),
        (
            "[seeds]\ncount = 9\n[topology]\nvillages = \"1..3\"\n[[node]]\nat = \"village-3\"",
            "no node is called `village-3`",
        ),
    ];
    for (text, expected) in refused {
        let problem = read(text).unwrap_err();
        let said = format!("{} {}", problem.key, problem.what);
        assert!(said.contains(expected), "{text}\n{said}");
    }
    let line = |text: &str| read(text).unwrap_err().line;
    assert_eq!(line("[meta]\n\n[[fault]]\nkind = \"cut\""), Some(3), "what lacks a key has a line, too");
    assert_eq!(line("[expect]\nnodes = 1\n\"convergence_ms.p99\" = \"fast\""), Some(3));
    let plan = read("[link.a]\nat = \"posts\"").unwrap();
    assert_eq!(plan.unused_links(&plan.plan(1).unwrap()), ["a"], "three-village stars have no posts");
}

#[test]
fn who_takes_samples_changes_nothing() {
    let hash = |sample: &str| {
        let scenario = read(&format!("[phases]\nload = \"9s\"\nsample = \"{sample}\"")).unwrap();
        run(scenario.plan(3).unwrap()).unwrap().trace_hash
    };
    assert_eq!(hash("0"), hash("700ms"));
}

#[test]
fn figures_of_deliveries_can_be_expected() {
    let missed = |expect: &str| {
        let scenario = read(&format!("[phases]\nload = \"9s\"\n[expect]\n{expect}")).unwrap();
        assert!(scenario.expects_of_deliveries());
        let (_, summary) = run_gathering(scenario.plan(3).unwrap()).unwrap();
        scenario.missed_by(&summary)
    };
    assert_eq!(missed("\"delivered_within.60s\" = 1\n\"hops.mean\" = \"<= 2\"\ndeliveries = \"> 10\""), [""; 0]);
    assert_eq!(missed("\"delivery_ms.p99\" = \"<= 1\"").len(), 1);
}

#[test]
fn every_example_on_the_page_is_read_and_runs() {
    let page = page();
    let examples: Vec<&str> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        let scenario = read(example).unwrap_or_else(|problem| panic!("{problem}\n{example}"));
        for point in scenario.points() {
            let scenario = scenario.with(&point).unwrap();
            let report = run(scenario.plan(1).unwrap()).unwrap();
            assert!(report.is_green(), "{point:?}: {:?}", report.violations);
        }
    }
}

#[test]
fn the_table_on_the_page_is_read() {
    let page = page();
    let table = page.split("```csv\n").nth(1).unwrap().split("```").next().unwrap();
    let plan = read(&format!("[topology]\nkind = \"csv\"\nrows = \"\"\"\n{table}\"\"\"")).unwrap().plan(1).unwrap();
    assert_eq!((plan.nodes.len(), plan.links.len(), plan.accounts.len()), (4, 3, 3));
}

#[test]
fn an_empty_file_is_what_the_page_says_it_is() {
    let plan = read("").unwrap().plan(1).unwrap();
    let names: Vec<&str> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["township", "village-1", "village-2", "village-3", "merchant-1"]);
    assert_eq!((plan.faults.len(), plan.phases.load, plan.phases.liveness), (0, 90_000_000, 600_000_000));
}

#[test]
fn every_scenario_of_the_library_makes_plans_under_many_seeds_and_says_what_it_is() {
    for name in library() {
        let scenario = Scenario::of_library(name, &[]).unwrap_or_else(|problem| panic!("{problem}"));
        let meta = &scenario.file().meta;
        assert!(!meta.zh.is_empty() && !meta.en.is_empty() && !meta.about.is_empty(), "{name}");
        for seed in 1..=20 {
            scenario.plan(seed).unwrap_or_else(|problem| panic!("{name}, seed {seed}: {problem}"));
        }
        for point in scenario.points() {
            scenario.with(&point).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
    }
}

#[test]
fn ranges_are_drawn_by_name_so_that_a_node_more_changes_nobody_elses_faults() {
    let text = "[topology]\nvillages = 4\n[[fault]]\nkind = \"crash\"\nat = \"villages\"\nlasts = \"1s..9s\"\ntimes = \"0..4\"";
    let faults = |villages: u64| {
        let set =
            Set { key: "topology.villages".to_owned(), value: villages.try_into().map(toml::Value::Integer).unwrap() };
        let plan = read(text).unwrap().with(&[set]).unwrap().plan(5).unwrap();
        let node = |fault: &_| match fault {
            xiangyue_sim::plan::Fault::Crash { node, .. } => plan.nodes[*node].name.clone(),
            other => panic!("{other:?}"),
        };
        plan.faults.iter().map(|(at, fault)| (node(fault), *at)).collect::<BTreeSet<_>>()
    };
    let (few, many) = (faults(4), faults(5));
    assert!(few.is_subset(&many) && few.len() > 2, "{few:?} {many:?}");
}
