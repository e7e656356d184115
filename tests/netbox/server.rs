//! The real NetBoxes of `tests/lab/netbox`: up once, fresh for each section, down at the end.

use std::{
    env,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::{
    client::{ADMIN, Ours},
    proxy::{Proxy, Reply, Upstream},
    wire::{self, Message},
};

/// A second server on the same database: below a path, duplicates allowed, not in UTC, with rules
/// of its own for two descriptions.
const LOOSE: &str = "\
BASE_PATH = 'ipam/nb/'
ENFORCE_GLOBAL_UNIQUE = False
TIME_ZONE = 'Europe/Berlin'
CUSTOM_VALIDATORS = {'ipam.ipaddress': [{'description': {'regex': '^(?!forbidden)'}}]}
PROTECTION_RULES = {'ipam.ipaddress': [{'description': {'neq': 'protected'}}]}";

/// Where the servers are: NetBox writes times in its own zone, and its ETags in UTC.
const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "Asia/Kathmandu"];

/// What all servers share, until this is dropped.
struct Site {
    dir: PathBuf,
    large: Mutex<bool>,
    second: OnceLock<Result<String, String>>,
    starting: Mutex<Option<JoinHandle<Result<String, String>>>>,
}

/// A NetBox with a database of its own.
pub struct Lab {
    pub url: String,
    number: usize,
    site: Arc<Site>,
}

/// Why there is no NetBox.
pub enum NoLab {
    /// It is not installed here.
    Absent(String),
    /// It does not start.
    Broken(String),
}

impl Lab {
    /// So many of them; the first has a second server, see [`Self::loose`].
    pub fn up(count: usize) -> Result<Vec<Self>, NoLab> {
        let dir = PathBuf::from(format!("/tmp/ipalloc-netbox-{}", process::id()));
        let site = Arc::new(Site {
            dir: dir.clone(),
            large: Mutex::new(false),
            second: OnceLock::new(),
            starting: Mutex::default(),
        });
        let urls = script(&["up", &text(&dir), &count.to_string()], "");
        let urls = urls.map_err(|(code, what)| match code {
            4 => NoLab::Absent(what),
            _ => NoLab::Broken(what),
        })?;
        let start =
            move || script(&["another", &text(&dir), "loose"], LOOSE).map_err(|(_, what)| what);
        *site.starting.lock().unwrap() = Some(thread::spawn(start));
        let lab = |(number, url): (usize, &str)| Self {
            url: url.to_owned(),
            number,
            site: site.clone(),
        };
        Ok(urls.lines().enumerate().map(lab).collect())
    }

    /// The address of a second server on the database of the first: it is below a path
    /// and allows duplicates.
    pub fn loose(&self) -> &str {
        assert!(
            self.has_loose(),
            "listed as a section without a second server"
        );
        let wait = || match self.site.starting.lock().unwrap().take() {
            Some(thread) => thread.join().unwrap(),
            None => Err("it was not started".to_owned()),
        };
        self.site
            .second
            .get_or_init(wait)
            .as_deref()
            .expect("a second server")
    }

    /// The time zone of its server.
    pub fn zone(&self) -> &'static str {
        ZONES[self.number % ZONES.len()]
    }

    /// [`Self::loose`] is on this one's database.
    pub fn has_loose(&self) -> bool {
        self.number == 0
    }

    fn script(&self, words: &[&str]) {
        let (dir, number) = (text(&self.site.dir), self.number.to_string());
        let words = [&[words[0], &dir, &number], &words[1..]].concat();
        script(&words, "").expect("the database is put in its place");
    }

    /// Puts the database back to what was kept under that name.
    pub fn fresh(&self, name: &str) {
        let _one_at_a_time = self.site.large.lock().unwrap();
        self.script(&["fresh", name]);
    }

    /// A database of which a client cannot read all addresses in one go.
    pub fn fresh_large(&self) {
        let mut kept = self.site.large.lock().unwrap();
        if *kept {
            self.script(&["fresh", "large"]);
            return;
        }
        self.script(&["fresh", "seeded"]); // the section may have made something before
        let many: Vec<Value> = (1..=260)
            .map(|n| json!({"dns_name": format!("old-{n}.lab.example")}))
            .collect();
        let path = format!(
            "/api/ipam/prefixes/{}/available-ips/",
            self.prefix("10.20.0.0/16")
        );
        assert_eq!(self.api("POST", &path, Some(&json!(many))).0, 201);
        self.script(&["keep", "large"]);
        *kept = true;
    }

    pub fn ours(&self) -> Ours {
        Ours::new(&self.url)
    }

    /// A proxy in front of it.
    pub fn proxy(
        &self,
        handler: impl Fn(&Message, &Upstream) -> Reply + Send + Sync + 'static,
    ) -> Proxy {
        Proxy::start(&self.url, handler)
    }

    /// A request of an admin.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let address = self.url.trim_start_matches("http://");
        let request = Message::request(method, path, &format!("Token {ADMIN}"), body);
        let reply = wire::ask(address, &request).expect("NetBox answers");
        (reply.status(), reply.json())
    }

    /// Makes something, as an admin.
    pub fn make(&self, path: &str, body: &Value) -> Value {
        let (status, value) = self.api("POST", path, Some(body));
        assert_eq!(status, 201, "{value}");
        value
    }

    pub fn results(&self, path: &str) -> Vec<Value> {
        let (status, value) = self.api("GET", path, None);
        assert_eq!(status, 200, "{value}");
        value["results"].as_array().expect("a list").clone()
    }

    /// All addresses that have an owner, as `key address`, by address.
    pub fn owned(&self) -> Vec<String> {
        let all = self.results("/api/ipam/ip-addresses/?limit=0");
        let one = |value: &Value| {
            let key = value["custom_fields"]["ipalloc_key"].as_str()?;
            Some(format!("{key} {}", value["address"].as_str()?))
        };
        all.iter().filter_map(one).collect()
    }

    /// How many addresses there are, whoever's.
    pub fn count(&self) -> u64 {
        let (_, value) = self.api("GET", "/api/ipam/ip-addresses/?limit=1", None);
        value["count"].as_u64().expect("a count")
    }

    /// The ID of a prefix of the global table.
    pub fn prefix(&self, net: &str) -> u64 {
        let found = self.results(&format!("/api/ipam/prefixes/?vrf_id=null&prefix={net}"));
        found[0]["id"].as_u64().expect("an ID")
    }

    /// The record of an address in the global table.
    pub fn address(&self, address: &str) -> Value {
        let mut found = self.results(&format!(
            "/api/ipam/ip-addresses/?vrf_id=null&address={address}"
        ));
        assert_eq!(found.len(), 1, "{address}: {found:?}");
        found.remove(0)
    }

    /// Removes the custom field, as if nobody had made it.
    pub fn drop_field(&self) {
        let id = self.results("/api/extras/custom-fields/?name=ipalloc_key")[0]["id"].clone();
        assert_eq!(
            self.api("DELETE", &format!("/api/extras/custom-fields/{id}/"), None)
                .0,
            204
        );
    }

    /// The processes that serve requests.
    pub fn workers(&self) -> Vec<u32> {
        let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
        let master = read(format!(
            "{}/{}/gunicorn.pid",
            self.site.dir.display(),
            self.number
        ));
        let master = master.trim();
        let children = read(format!("/proc/{master}/task/{master}/children"));
        children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A server that is still starting would be left behind.
        if let Some(thread) = self
            .starting
            .lock()
            .ok()
            .and_then(|mut starting| starting.take())
        {
            let _ = thread.join();
        }
        let _ = script(&["down", &text(&self.dir)], "");
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// `tests/lab/netbox` with these words; what it prints, or its exit code and complaint.
fn script(words: &[&str], settings: &str) -> Result<String, (i32, String)> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/netbox");
    let mut command = Command::new(lab);
    command
        .args(words)
        .env("NETBOX_SETTINGS", settings)
        .env("NETBOX_ZONES", ZONES.join(" "))
        .env("NETBOX_WATCH", process::id().to_string());
    if env::var_os("NETBOX_VENV").is_none() {
        // Where scripts/test has it, whatever CARGO_TARGET_DIR is.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("a target folder");
        command.env("NETBOX_VENV", target.join("netbox-venv"));
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| (3, error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let what = String::from_utf8_lossy(&output.stderr).into_owned();
    Err((output.status.code().unwrap_or(3), what))
}
