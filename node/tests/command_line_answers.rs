//! What the binary prints and how it ends, as a shell or a script sees it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

struct Answer {
    code: i32,
    out: String,
    err: String,
}

fn xiangyue(line: &str, env: &[(&str, &str)]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiangyue"));
    command.args(line.split_whitespace()).env_clear().envs(env.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The one JSON object on standard output.
fn object(answer: &Answer) -> Value {
    assert_eq!(answer.err, "", "nothing on standard error");
    assert_eq!(answer.out.trim_end().lines().count(), 1, "one object: {}", answer.out);
    serde_json::from_str(&answer.out).unwrap()
}

/// A data folder whose node answers one request with `body`.
fn node(name: &str, status: &'static str, body: String) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("xiangyue-cli-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(folder.join("api.addr"), listener.local_addr().unwrap().to_string()).unwrap();
    std::fs::write(folder.join("api.token"), "secret").unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut chunk = [0; 4096];
        while let Ok(1..) = stream.read(&mut chunk) {}
        write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}").unwrap();
    });
    folder
}

#[test]
fn help_opens_with_purpose_and_ends_with_an_example_in_either_language() {
    let zh = xiangyue("award --help", &[("LANG", "zh_CN.UTF-8")]);
    assert_eq!((zh.code, zh.err.as_str()), (0, ""));
    assert!(zh.out.starts_with("记积分\n\n用法：xiangyue award "), "{}", zh.out);
    assert!(zh.out.trim_end().ends_with("xiangyue award A000001 R01 5 --request 2026-0001 --by W07 --memo 巡河"));
    let order: Vec<usize> = ["<ACCOUNT>  ", "<RULE>  ", "<POINTS>  ", "--date <", "--memo <", "--data <", "--help"]
        .map(|word| zh.out.find(word).expect(word))
        .into();
    assert!(order.is_sorted(), "{}", zh.out);
    let en = xiangyue("--lang en award --help", &[("LANG", "zh_CN.UTF-8")]);
    assert!(en.out.starts_with("Award points\n\nUsage: xiangyue award "), "{}", en.out);
}

#[test]
fn nothing_typed_shows_help_and_is_a_mistake() {
    for line in ["", "enroll"] {
        let answer = xiangyue(line, &[("LC_ALL", "zh_CN.UTF-8")]);
        assert_eq!(answer.code, 2);
        assert!(answer.err.contains("用法："), "{}", answer.err);
    }
}

#[test]
fn a_mistake_in_the_command_line_ends_with_two() {
    let answer = xiangyue("balance --lang zh", &[]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""));
    assert!(answer.err.starts_with("[XY-310] 无法识别的命令行：缺少 <ACCOUNT>\n"), "{}", answer.err);
    let answer = xiangyue("award A R 5 --request S --date 2026-02-30 --json", &[]);
    assert_eq!(answer.code, 2);
    let error = &object(&answer)["error"];
    assert_eq!((&error["code"], &error["side"]), (&Value::from("XY-103"), &Value::from("input")));
    for field in ["message_zh", "message_en", "detail"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
}

#[test]
fn a_wrong_configuration_ends_with_two_and_names_the_key() {
    let answer = xiangyue("status", &[("XIANGYUE_LIMITS__PEERS", "many")]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("XIANGYUE_LIMITS__PEERS"), "{}", answer.err);
    let folder = std::env::temp_dir().join(format!("xiangyue-cli-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("c.toml");
    std::fs::write(&file, "log = \"info\"\nlisten_to = \"x\"\n").unwrap();
    let answer = xiangyue(&format!("config check --json --config {}", file.display()), &[]);
    assert_eq!(answer.code, 2);
    let detail = object(&answer)["error"]["detail"].as_str().unwrap().to_owned();
    assert!(detail.ends_with("c.toml:2: unknown key `listen_to`; nearest: `listen`"), "{detail}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn without_a_node_every_data_command_ends_with_three() {
    for line in [
        "status",
        "stats",
        "balance A",
        "statement A",
        "doc list",
        "award A R 5 --request S",
        "export balances --format csv --out /nonexistent/x",
        "enroll token --org 110112119201 --name x",
        "revoke 0f3a5c7e9b1d2f4a6c8e0a2b4d6f8091 --reason x",
    ] {
        let answer = xiangyue(&format!("{line} --json --data /nonexistent"), &[]);
        assert_eq!(answer.code, 3, "{line}: {}{}", answer.out, answer.err);
        assert_eq!(object(&answer)["error"]["code"], "XY-135", "{line}");
    }
}

#[test]
fn a_refusal_of_the_node_ends_with_one() {
    let refusal = "{\"error\":{\"code\":\"XY-110\",\"side\":\"input\",\"message_zh\":\"账户不存在\",\
                   \"message_en\":\"unknown account\",\"advice_en\":\"import it\",\"detail\":\"A9\"}}";
    let folder = node("refused", "404 Not Found", refusal.to_owned());
    let answer = xiangyue(&format!("balance A9 --lang en --data {}", folder.display()), &[]);
    assert_eq!((answer.code, answer.out.as_str()), (1, ""));
    assert_eq!(answer.err, "[XY-110] unknown account: A9\n  whose side: what was entered\n  what to do: import it\n");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_answer_passes_through_whole_as_json() {
    let body = r#"{"account":"A1","from":null,"to":null,"opening":0,"closing":5,"partial":false,"as_of":1795399200000,"lines":[
        {"date":"2026-11-20","kind":"award","request":"S-1","points":5,"about":"R01","org":"110112119201",
         "org_name":"谢楼村","memo":"巡河","balance":5}]}"#;
    let folder = node("json", "200 OK", body.to_owned());
    let answer = xiangyue(&format!("statement A1 --json --data {}", folder.display()), &[]);
    assert_eq!(answer.code, 0);
    let (sent, shown): (Value, Value) = (serde_json::from_str(body).unwrap(), object(&answer));
    assert_eq!(shown, sent);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_table_on_a_pipe_has_no_colours() {
    let answer = xiangyue("config show --lang zh", &[("XIANGYUE_DATA", "/srv/x")]);
    assert_eq!(answer.code, 0);
    assert!(!answer.out.contains('\u{1b}'));
    let data = answer.out.lines().find(|line| line.starts_with("data ")).unwrap();
    assert!(data.contains("/srv/x") && data.ends_with("环境变量"), "{data}");
}

#[test]
fn an_import_that_skips_bad_rows_keeps_them_in_a_file() {
    let report = "{\"report\":{\"mode\":\"skip_bad\",\"accepted\":true,\"problems_total\":1,\"files\":[{\"name\":\"e.csv\",\
                  \"kind\":\"entries\",\"rows\":2,\"new\":1,\"already\":0,\"bad\":1,\"refused_csv\":\"\u{feff}a,b\\r\\n\"}],\
                  \"problems\":[{\"file\":\"e.csv\",\"row\":3,\"column\":\"积分\",\"code\":\"XY-120\",\"detail\":\"9\",\
                  \"reason_zh\":\"积分超过规则上限\",\"reason_en\":\"beyond\",\"advice_zh\":\"请降低\",\"advice_en\":\"lower\"}]}}\n";
    let folder = node("import", "200 OK", report.to_owned());
    let (file, kept) = (folder.join("e.csv"), folder.join("refused.csv"));
    std::fs::write(&file, "a,b\n1,2\n").unwrap();
    let line = format!("import {} --skip-bad {} --lang zh --data {}", file.display(), kept.display(), folder.display());
    let answer = xiangyue(&line, &[]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{}", answer.out);
    assert!(answer.out.contains("e.csv 第 3 行“积分”：[XY-120] 积分超过规则上限：9；请降低"), "{}", answer.out);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "\u{feff}a,b\r\n");
    std::fs::remove_dir_all(&folder).unwrap();
}
