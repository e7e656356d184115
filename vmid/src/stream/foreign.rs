//! Text that people pipe in where JSON is expected: what it looks like, and which command
//! gives what was meant.

/// The command that prints guests as records.
pub const GUESTS: &str = "scripts/inventory prints guests as JSON";

/// Keys of guests' configs that other `key: value` text has hardly ever
/// (qm.conf(5), pct.conf(5)); `net` and the like have a number behind them.
const CONFIG_KEYS: [&str; 16] = [
    "arch",
    "balloon",
    "bootdisk",
    "cores",
    "hostname",
    "memory",
    "numa",
    "onboot",
    "ostype",
    "rootfs",
    "scsihw",
    "smbios1",
    "sockets",
    "swap",
    "unprivileged",
    "vmgenid",
];

/// How much of the text is looked at, in bytes.
const LOOKED_AT: usize = 8 * 1024;

/// What the beginning of an input that is no JSON looks like, and what to do about it;
/// none if that can't be told.
pub(crate) fn told(input: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&input[..input.len().min(LOOKED_AT)]);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let first = *lines.first()?;
    let what = if first.starts_with('<') {
        "this looks like HTML, such as a login or error page; the API's own address gives JSON"
            .to_owned()
    } else if is_guest_list(first) {
        let command = "pvesh get /cluster/resources --type vm --output-format json";
        format!(
            "this looks like the output of qm list or pct list, not JSON; {command} gives that, and {GUESTS} with their configs"
        )
    } else if is_drawn_table(first) {
        "this looks like a drawn table, not JSON; --output-format json gives that (pvesh, proxmox-backup-client)".to_owned()
    } else if is_config(&lines) {
        format!("this looks like the output of qm config or pct config, not JSON; {GUESTS}")
    } else if is_yaml(first, &lines) {
        "this looks like YAML, not JSON; yq -o json turns one into the other".to_owned()
    } else if is_csv(first, &lines) {
        "this looks like CSV, not JSON; mlr --icsv --ojsonl cat turns one into the other".to_owned()
    } else {
        return None;
    };
    Some(what)
}

/// `VMID NAME STATUS ...` (qm list), `VMID Status Lock Name` (pct list).
fn is_guest_list(first: &str) -> bool {
    let mut words = first.split_whitespace();
    words.next() == Some("VMID") && words.any(|word| word.eq_ignore_ascii_case("status"))
}

/// The upper edge of a table.
fn is_drawn_table(first: &str) -> bool {
    let edge = |c: char| matches!(c, '+' | '-' | '=' | '\u{2500}'..='\u{257f}');
    first.chars().count() > 3 && !first.starts_with("--") && first.chars().all(edge)
}

/// The key of a line `key: value` or `key:`.
fn key(line: &str) -> Option<&str> {
    let (key, value) = line.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_key = !key.is_empty() && key.chars().all(plain);
    (is_key && (value.is_empty() || value.starts_with(' '))).then_some(key)
}

fn is_config(lines: &[&str]) -> bool {
    let numbered = |key: &str| {
        let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
        name.len() < key.len()
            && ["net", "scsi", "virtio", "sata", "ide", "mp", "ipconfig"].contains(&name)
    };
    let keys = || lines.iter().filter_map(|line| key(line));
    let comment = |line: &&str| line.starts_with('#');
    let flat = lines
        .iter()
        .take(3)
        .all(|line| comment(line) || key(line).is_some());
    flat && keys().any(|key| CONFIG_KEYS.contains(&key) || numbered(key))
}

/// A document's mark, an item of a list, a key that others are below, or two keys.
fn is_yaml(first: &str, lines: &[&str]) -> bool {
    let marked = first.starts_with("---") || first.starts_with("%YAML");
    let mut content = lines.iter().filter(|line| !line.starts_with('#'));
    let begins = content.next().is_some_and(|line| {
        let parent = key(line).is_some() && line.ends_with(':');
        let second = content.next().and_then(|line| key(line));
        line.starts_with("- ") || parent || key(line).is_some() && second.is_some()
    });
    marked || begins
}

/// A header of several names, and as many cells in the next row, if there is one.
fn is_csv(first: &str, lines: &[&str]) -> bool {
    let cells = |line: &str, delimiter: char| line.split(delimiter).count();
    let name = |cell: &str| {
        let cell = cell.trim().trim_matches('"');
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        cell.starts_with(char::is_alphabetic) && cell.chars().all(plain)
    };
    let fits = |delimiter: char| {
        let row = lines.get(1).is_none_or(|row| row.contains(delimiter));
        cells(first, delimiter) > 1 && row && first.split(delimiter).all(name)
    };
    [',', ';', '\t'].into_iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_pipe_in() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("HTML",                "<!DOCTYPE html>\n<html>",                          Some("HTML")),
            ("qm config",           "agent: 1\nboot: order=scsi0\ncores: 2\n",          Some("qm config")),
            ("pct config",          "arch: amd64\nhostname: web\n",                    Some("qm config")),
            ("with a description",  "#the web server\nagent: 1\nnet0: virtio=BC\n",      Some("qm config")),
            ("qm list",             "VMID NAME                 STATUS     MEM(MB)\n",   Some("qm list")),
            ("pct list",            "VMID       Status     Lock         Name\n",        Some("qm list")),
            ("pvesh's table",       "\u{250c}\u{2500}\u{2500}\u{252c}\u{2510}\n",       Some("drawn table")),
            ("an older table",      "+-----+-----+\n| a | b |",                         Some("drawn table")),
            ("a YAML document",     "---\nall:\n  hosts:\n",                            Some("YAML")),
            ("a YAML list",         "- name: web\n  vmid: 30066\n",                    Some("YAML")),
            ("a YAML map",          "all:\n  hosts:\n    web:\n",                       Some("YAML")),
            ("CSV",                 "name,vmid,address\nweb,30066,192.168.30.66\n",    Some("CSV")),
            ("a quoted header",     "\"name\";\"vmid\"\n\"web\";30066\n",              Some("CSV")),
            ("a word",              "web\n",                                           None),
            ("a number",            "42\n",                                            None),
            ("a YAML map of values","name: web\nvmid: 30066\n",                         Some("YAML")),
            ("a message",           "error: it failed, sorry\n",                       None),
            ("two words in text",   "no route to host, giving up\nretrying\n",         None),
        ];
        for (name, text, want) in cases {
            let got = told(text.as_bytes());
            match want {
                Some(want) => assert!(
                    got.as_ref().is_some_and(|got| got.contains(want)),
                    "{name}: {got:?}"
                ),
                None => assert_eq!(got, None, "{name}"),
            }
        }
    }
}
