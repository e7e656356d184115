//! Names and messages that would be markup: a Markdown renderer makes nothing of them but text.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    bed::{Bed, not_run},
    documents::{finding, guest, looked, site, state},
    sim::with,
};

/// A name, and how it is shown: control characters and what turns text round are question marks.
#[rustfmt::skip]
pub const HOSTILE: &[(&str, &str)] = &[
    ("\"]; click n0 \"javascript:window.ran=1\"", "\"]; click n0 \"javascript:window.ran=1\""),
    ("<img src=x onerror=window.ran=1>",         "<img src=x onerror=window.ran=1>"),
    ("<script>window.ran=1</script>",            "<script>window.ran=1</script>"),
    ("a|b||c",                                   "a|b||c"),
    ("```\n# x",                                 "```?# x"),
    ("[x](https://evil.example)",                "[x](https://evil.example)"),
    ("![x](https://evil.example/x.png)",         "![x](https://evil.example/x.png)"),
    ("https://evil.example/",                    "https://evil.example/"),
    ("www.evil.example",                         "www.evil.example"),
    ("somebody@evil.example",                    "somebody@evil.example"),
    ("{{< figure >}} {% raw %}",                 "{{< figure >}} {% raw %}"),
    ("*bold* _it_ ~~s~~ `c`",                    "*bold* _it_ ~~s~~ `c`"),
    ("end",                                      "end"),
    ("subgraph x",                               "subgraph x"),
    ("title x",                                  "title x"),
    ("section x",                                "section x"),
    ("click x",                                  "click x"),
    ("%% comment",                               "%% comment"),
    ("%%{init: {}}%%",                           "%%{init: {}}%%"),
    ("1. one",                                   "1. one"),
    ("- item",                                   "- item"),
    ("# head",                                   "# head"),
    ("#35;x#quot;",                              "#35;x#quot;"),
    ("&lt;b&gt;&amp;",                           "&lt;b&gt;&amp;"),
    ("$$x$$",                                    "$$x$$"),
    ("a:b,c;d : e",                              "a:b,c;d : e"),
    ("style:x#35;;",                             "style:x#35;;"),
    ("back\\slash\\",                            "back\\slash\\"),
    ("\u{1b}[31mred\u{7}",                       "?[31mred?"),
    ("\u{202e}dlo\u{200b}",                      "?dlo?"),
    (":smile:",                                  ":smile:"),
    ("köln-ß-日本",                               "köln-ß-日本"),
    ("=1+1",                                     "=1+1"),
];

/// The page as HTML; none where there is no cmark-gfm, which is said.
fn html(what: &str, page: &str) -> Option<String> {
    let process = Command::new("cmark-gfm")
        .args([
            "--unsafe",
            "--extension",
            "table",
            "--extension",
            "autolink",
            "--extension",
            "strikethrough",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut process) = process else {
        not_run(what, "no cmark-gfm: apt-get install cmark-gfm");
        return None;
    };
    process
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The names of the elements.
fn elements(html: &str) -> Vec<&str> {
    let tags = html.split('<').skip(1);
    tags.map(|tag| {
        tag.trim_start_matches('/')
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap()
    })
    .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[test]
fn hostile_names_are_text() {
    for (name, shown) in HOSTILE {
        let bed = Bed::new();
        let mut own = guest(100, name, name);
        own["config"]["tags"] = json!(name);
        let mut document = state(&[own]);
        for (place, field) in [("nodes", "node"), ("storages", "storage")] {
            document[place][0][field] = json!(name);
        }
        document["cluster"]["name"] = json!(name);
        document["ha"]["rules"][0]["rule"] = json!(name);
        let message = format!("said: {name}");
        let found = |subject: Value| {
            with(
                json!({"findings": [with(finding("test", "warning", &message), json!({"code": name})), with(finding("x", "info", ""), json!({"exempt": name}))]}),
                subject,
            )
        };
        bed.document("state", &document);
        bed.document("site", &with(site(), json!({"name": name, "pairs": [{"name": name, "vip": name, "members": [{"name": name, "node": name}]}],
            "services": [{"name": name, "why": name}]})));
        bed.records("findings", &[looked(), found(json!({"job": name})), found(json!({"vmid": 100, "name": name})),
            json!({"part": name, "ran": false, "findings": [finding("not-run", "unknown", name)]})]);
        bed.records("cover", &[json!({"vmid": 100, "name": name, "jobs": [name], "volumes_left_out": [name], "newest": name, "findings": []})]);
        bed.records("schedule", &[json!({"job": name, "on": name, "schedule": name, "tz": name, "runs_skipped": [name], "findings": []})]);
        bed.records("lost", &[json!({"node": name, "cluster": {"votes": name}, "findings": []}),
            json!({"node": name, "vmid": 100, "name": name, "comes_back": name, "on": name, "rests_on": name, "depends_on_it": [name], "findings": []})]);
        bed.records(
            "drills",
            &[json!({"name": name, "at": name, "outage_ms": [1, 2]})],
        );
        let page = bed.page();
        for part in ["{{", "{%", "$$"] {
            assert!(!page.contains(part), "{part}: {page}");
        }
        let Some(html) = html("hostile_names_are_text", &page) else {
            return;
        };
        let allowed = [
            "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "strong",
        ];
        for element in elements(&html) {
            assert!(allowed.contains(&element), "{name}: <{element}>: {html}");
        }
        // A code span of ours keeps an address from being a link.
        let text = html.replace("<code>@</code>", "@");
        let own = escaped(shown);
        for place in [
            format!("<h1>{own}</h1>"),
            format!("<td>{own}</td>"),
            format!("<td>100 {own}</td>"),
            format!("<td>said: {own}</td>"),
            format!("<td>job {own}</td>"),
            format!("<td>{own}</td>\n<td>{own}</td>"),
        ] {
            assert!(text.contains(&place), "{name}: {place}\n{page}\n{html}");
        }
        // Each row of a table has as many cells as its head.
        for table in text.split("<table>").skip(1) {
            let table = table.split("</table>").next().unwrap();
            let heads = table.matches("<th>").count();
            let cells = table.matches("<td>").count();
            assert_eq!(cells % heads, 0, "{name}: {table}");
        }
    }
}
