//! keepalived's JSON dump (`vrrp_json.c`), as record: text in, facts out, no files.
//!
//! The dump has the password of an instance if that has one; it is not read.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Deserialize;
use serde_json::{Value, error::Category};

use crate::evidence::{Instance, State};

/// A dump: a list of instances, or with `json_version 2` (keepalived 2.3) an object that has it.
#[derive(Deserialize)]
struct Named {
    vrrp: Vec<Dumped>,
    /// The processes that some instance tracks.
    #[serde(default)]
    track_process: Vec<Process>,
}

#[derive(Deserialize)]
struct Process {
    process: String,
    #[serde(default)]
    have_quorum: bool,
}

/// An instance as keepalived 2.2.7 writes it; what newer ones add is ignored.
#[derive(Deserialize)]
struct Dumped {
    data: Data,
    #[serde(default)]
    stats: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Data {
    iname: String,
    #[serde(default)]
    ifp_ifname: String,
    state: u8,
    vrid: u8,
    version: u8,
    base_priority: u8,
    effective_priority: u8,
    /// Seconds; with a fraction from version 3 on.
    adver_int: f64,
    #[serde(default)]
    nopreempt: bool,
    #[serde(default)]
    last_transition: f64,
    #[serde(default)]
    vips: Vec<String>,
    #[serde(default)]
    evips: Vec<String>,
    #[serde(default)]
    track_ifp: Vec<String>,
    #[serde(default)]
    track_script: Vec<String>,
    #[serde(default)]
    track_process: Vec<String>,
}

impl Data {
    /// What it tracks. Of a script's command line only the name: its arguments may be secret.
    fn tracks(&self, processes: &[Process]) -> Vec<String> {
        let interfaces = self
            .track_ifp
            .iter()
            .map(|name| format!("interface {name}"));
        let scripts = self.track_script.iter().map(|line| {
            let program = line.split_whitespace().next().unwrap_or_default();
            let program = program.trim_matches(['"', '\'']);
            format!("script {}", program.rsplit('/').next().unwrap_or_default())
        });
        let tracked = self.track_process.iter().map(|name| {
            let lacking = |known: &Process| known.process == *name && !known.have_quorum;
            match processes.iter().any(lacking) {
                true => format!("process {name} (too few of it run)"),
                false => format!("process {name}"),
            }
        });
        interfaces.chain(scripts).chain(tracked).collect()
    }
}

/// The instances of a dump.
///
/// # Errors
///
/// It is not whole (keepalived writes it in place, so it can be read half-written), or of
/// another form than is known.
pub fn parse(dump: &str) -> Result<Vec<Instance>, String> {
    let named = dump.trim_ascii_start().starts_with('{');
    let (dumped, processes) = match named {
        true => {
            let named: Named = serde_json::from_str(dump).map_err(|error| told(&error))?;
            (named.vrrp, named.track_process)
        }
        false => (
            serde_json::from_str(dump).map_err(|error| told(&error))?,
            Vec::new(),
        ),
    };
    let read = dumped.into_iter();
    read.map(|dumped| instance(dumped, &processes)).collect()
}

fn told(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof => "the dump is not whole".to_owned(),
        Category::Data => {
            format!("the dump has another form than is known, at line {line}, column {column}")
        }
        Category::Syntax | Category::Io => {
            format!("the dump is no JSON, at line {line}, column {column}")
        }
    }
}

fn instance(dumped: Dumped, processes: &[Process]) -> Result<Instance, String> {
    let data = dumped.data;
    let addresses = |texts: &[String]| texts.iter().filter_map(|text| vip(text)).collect();
    let state = match data.state {
        0 => State::Init,
        1 => State::Backup,
        2 => State::Master,
        3 => State::Fault,
        other => return Err(format!("{}: state {other}", data.iname)),
    };
    let counters = dumped.stats.into_iter();
    Ok(Instance {
        state,
        vrid: data.vrid,
        version: data.version,
        base_priority: data.base_priority,
        effective_priority: data.effective_priority,
        interval_ms: (data.adver_int * 1000.0).round() as u32,
        vips: addresses(&data.vips),
        excluded: addresses(&data.evips),
        tracks: data.tracks(processes),
        interface: data.ifp_ifname,
        nopreempt: data.nopreempt,
        last_transition_ms: (data.last_transition > 0.0)
            .then_some((data.last_transition * 1000.0) as i64),
        counters: counters
            .filter_map(|(name, count)| Some((name, count.as_u64()?)))
            .collect(),
        name: data.iname,
    })
}

/// `192.168.10.110/24 dev e10 scope global set`
fn vip(text: &str) -> Option<IpAddr> {
    let address = text.split_whitespace().next()?;
    address.split('/').next()?.parse().ok()
}

/// The number of the signal that makes a process write its JSON dump: SIGRTMIN+2, and where
/// SIGRTMIN is depends on its C library (glibc 34, musl 35). `status` is `/proc/PID/status`.
///
/// `None` if it handles neither: it was built without JSON, and the signal would end it.
#[must_use]
pub fn dump_signal(status: &str) -> Option<u32> {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    // It waits for its signals with a signalfd, so they are blocked rather than caught.
    let handled = (mask("SigBlk:")? | mask("SigCgt:")?) & !mask("SigIgn:")?;
    [36, 37]
        .into_iter()
        .find(|signal| handled & (1 << (signal - 1)) != 0)
}

/// Where keepalived puts its dumps: $TMPDIR, else /tmp (2.3.2; 2.2.7 knows only the latter).
/// `environ` is `/proc/PID/environ`.
#[must_use]
pub fn dump_folder(environ: &[u8]) -> &str {
    let mut variables = environ.split(|&byte| byte == 0);
    let folder = variables.find_map(|variable| variable.strip_prefix(b"TMPDIR="));
    let folder = folder.and_then(|folder| std::str::from_utf8(folder).ok());
    folder
        .filter(|folder| folder.starts_with('/'))
        .unwrap_or("/tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_dumps_are() {
        for (environ, want) in [
            ("", "/tmp"),
            ("A=b\0TMPDIR=/run/keepalived\0", "/run/keepalived"),
            ("XTMPDIR=/x\0TMPDIR=x\0", "/tmp"),
            ("TMPDIR=\0", "/tmp"),
        ] {
            assert_eq!(dump_folder(environ.as_bytes()), want, "{environ:?}");
        }
    }

    /// Of keepalived 2.2.7, shortened to one instance.
    const DUMP: &str = r#"[{"data":{"iname":"dns","dont_track_primary":0,"vmac_ifname":"","ifp_ifname":"e10","master_priority":0,"last_transition":1795320547.344885,"vrid":55,"base_priority":150,"effective_priority":140,"vipset":true,"adver_int":1,"accept":1,"nopreempt":false,"state":2,"wantstate":2,"version":2,"vips":["192.168.10.110\/24 dev e10 scope global set","fd10::110\/64 dev e10 scope global"],"auth_type":1,"auth_data":"labpass1"},"stats":{"advert_rcvd":1,"advert_sent":7,"become_master":1}}]"#;

    #[test]
    fn a_dump_of_keepalived() {
        let found = parse(DUMP).unwrap();
        let [dns] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((dns.name.as_str(), dns.state), ("dns", State::Master));
        assert_eq!((dns.vrid, dns.version, dns.interval_ms), (55, 2, 1000));
        assert_eq!((dns.base_priority, dns.effective_priority), (150, 140));
        assert_eq!(dns.last_transition_ms, Some(1_795_320_547_344));
        let vips: Vec<String> = dns.vips.iter().map(ToString::to_string).collect();
        assert_eq!(vips, ["192.168.10.110", "fd10::110"]);
        assert_eq!(dns.counters.get("advert_sent"), Some(&7));
        assert!(!serde_json::to_string(&found).unwrap().contains("labpass"));
        let fast = DUMP.replace(r#""adver_int":1,"#, r#""adver_int":0.1,"#);
        assert_eq!(parse(&fast).unwrap()[0].interval_ms, 100);
    }

    #[test]
    fn excluded_addresses_and_tracks() {
        let more = r#""vips":[],"evips":["fd10::110\/64 dev eth0 scope global set"],"track_ifp":["eth1"],
            "track_script":["\"/usr/local/bin/chk_dns.sh\" --key SECRET"],"track_process":["dnsmasq","caddy"],"#;
        let dump = DUMP.replacen(r#""vips":"#, &format!(r#"{more}"unused":"#), 1);
        let found = parse(&dump).unwrap().remove(0);
        assert!(found.has("fd10::110".parse().unwrap()) && found.vips.is_empty());
        let plain = [
            "interface eth1",
            "script chk_dns.sh",
            "process dnsmasq",
            "process caddy",
        ];
        assert_eq!(found.tracks, plain);
        let processes =
            r#"[{"process":"dnsmasq","have_quorum":false},{"process":"caddy","have_quorum":true}]"#;
        let named = format!(r#"{{"vrrp":{dump},"track_process":{processes}}}"#);
        let found = parse(&named).unwrap().remove(0);
        assert_eq!(found.tracks[2], "process dnsmasq (too few of it run)");
        assert_eq!(found.tracks[3], "process caddy");
    }

    #[test]
    fn a_dump_that_is_half_written_is_none() {
        let named = format!(r#"{{"vrrp":{DUMP}}}"#);
        assert_eq!(parse(&named), parse(DUMP));
        for length in 0..named.len() {
            assert!(parse(&named[..length]).is_err(), "{length}");
        }
        for length in 0..DUMP.len() {
            assert!(parse(&DUMP[..length]).is_err(), "{length}");
        }
        assert!(parse(&DUMP.replace(r#""state":2"#, r#""state":9"#)).is_err());
        assert_eq!(parse("[]"), Ok(vec![]));
    }

    #[test]
    fn which_signal_makes_the_dump() {
        let status = |blocked, ignored, caught| {
            format!(
                "Name:\tkeepalived\nSigBlk:\t{blocked}\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n"
            )
        };
        const NONE: &str = "0000000000000000";
        const FOUR: &str = "0000000800000000";
        #[rustfmt::skip]
        let cases = [
            ("2.2.7 of Debian",  status("4000000800014a03", "bffffff67ffab034", NONE), Some(36)),
            ("caught",           status(NONE, NONE, FOUR), Some(36)),
            ("musl",             status("0000001000014a03", NONE, NONE), Some(37)),
            ("without JSON",     status("0000000000014a03", NONE, NONE), None),
            ("ignored",          status(FOUR, FOUR, NONE), None),
            ("no status",        String::new(), None),
        ];
        for (name, status, want) in cases {
            assert_eq!(dump_signal(&status), want, "{name}");
        }
    }
}
