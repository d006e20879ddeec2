//! Whatever is wrong with a request to the local API, the answer is an error object with a stable code and texts in
//! both languages. No caller has to read the web framework's own words.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use serde_json::Value;
use xiangyue_tests::{Node, Town};

/// The status of an answer, and the code in it.
fn code_of(node: &Node, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
    let (status, text) = node.request(method, path, &[("Content-Type", kind)], body);
    let answer: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text:?}"));
    let error = &answer["error"];
    for field in ["message_zh", "message_en", "advice_zh", "advice_en", "side", "detail"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}: no {field}: {text}");
    }
    (status, error["code"].as_str().unwrap().to_owned())
}

#[test]
fn every_mistake_has_a_code() {
    let town = Town::found();
    let node = &town.township;
    let json = "application/json";
    let large = vec![b' '; (2 << 20) + 1];
    let cases = [
        ("POST", "/api/v1/commands", json, &b"{\"commands\": ["[..], 400, "XY-311"),
        ("POST", "/api/v1/commands", json, &b""[..], 400, "XY-311"),
        ("POST", "/api/v1/commands", json, &b"\xff\xfe"[..], 400, "XY-311"),
        ("POST", "/api/v1/commands", json, &b"{\"commands\": 7}"[..], 422, "XY-311"),
        ("POST", "/api/v1/commands", json, &b"{\"commands\": [{\"do\": \"dance\"}]}"[..], 422, "XY-311"),
        ("POST", "/api/v1/commands", json, &b"{\"commands\": [], \"modus\": 1}"[..], 422, "XY-311"),
        ("POST", "/api/v1/commands", "text/plain", &b"{\"commands\": []}"[..], 415, "XY-311"),
        ("POST", "/api/v1/commands", json, &large[..], 413, "XY-312"),
        ("POST", "/api/v1/sync", json, &b"{\"paused\": \"yes\"}"[..], 422, "XY-311"),
        ("GET", "/api/v1/nothing", json, &b""[..], 404, "XY-311"),
        ("GET", "/nothing", json, &b""[..], 404, "XY-311"),
        ("DELETE", "/api/v1/status", json, &b""[..], 405, "XY-311"),
        ("GET", "/api/v1/stats?month=soon", json, &b""[..], 400, "XY-311"),
        ("GET", "/api/v1/docs/show", json, &b""[..], 400, "XY-311"),
        ("GET", "/?lang=tlh", json, &b""[..], 400, "XY-311"),
        ("GET", "/api/v1/balance/%ff", json, &b""[..], 400, "XY-311"),
    ];
    for (method, path, kind, body, status, code) in cases {
        assert_eq!(code_of(node, method, path, kind, body), (status, code.to_owned()), "{method} {path}");
    }
    let (_, text) = node.request("POST", "/api/v1/commands", &[("Content-Type", json)], b"{\"commands\": 7}");
    let detail = serde_json::from_str::<Value>(&text).unwrap()["error"]["detail"].clone();
    assert!(detail.as_str().unwrap().contains("commands: invalid type: integer `7`"), "{detail}");
}

#[test]
fn strangers_are_answered_alike() {
    let town = Town::found();
    let node = &town.township;
    let refused = |headers: &[(&str, &str)], path: &str| {
        let (status, text) = node.request("GET", path, headers, b"");
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text:?}"));
        (status, answer["error"]["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused(&[("Authorization", "Bearer guess")], "/api/v1/status"), (403, "XY-314".to_owned()));
    assert_eq!(refused(&[("Authorization", "Bearer guess")], "/api/v1/nothing"), (403, "XY-314".to_owned()));
    assert_eq!(refused(&[("Host", "console.example.cn")], "/"), (421, "XY-320".to_owned()));
}

#[test]
fn an_import_over_the_limit_names_the_limit() {
    let mut town = Town::found();
    town.township.stop();
    town.township.set("LIMITS__IMPORT_MIB", "1");
    town.township.start();
    let file = town.folder().join("rules.csv");
    std::fs::write(&file, "规则,人群,积分,单日上限,生效日期\n".repeat(400_000)).unwrap();
    let refused = town.township.cli(&["import", file.to_str().unwrap()]);
    assert_eq!(refused.refusal(), "XY-309", "{refused:?}");
    assert!(refused.out.contains("limits.import_mib"), "{refused:?}");
}

#[test]
fn files_with_too_many_rows_together_are_refused_as_one() {
    let town = Town::found();
    let header = "规则,人群,积分,单日上限,生效日期\n";
    let file = |name: &str, rows: usize| {
        let path = town.folder().join(name);
        std::fs::write(&path, header.to_owned() + &"R1,村民,5,,2021-01-01\n".repeat(rows)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (whole, half, more) = (file("whole.csv", 200_000), file("half.csv", 100_000), file("more.csv", 100_001));
    let refused = town.township.cli(&["import", "--dry-run", &half, &more]);
    assert_eq!(refused.refusal(), "XY-309", "{refused:?}");
    assert_eq!(town.township.cli(&["import", "--dry-run", &whole]).ok()["accepted"], true);
}
