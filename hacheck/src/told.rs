//! What members said of themselves, and for whom it counts: facts are the word of the host that was
//! asked, and of no other. A host that speaks for its partner, too, would make a dead one look alive.

use std::{
    ffi::{OsStr, OsString},
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::{
    evidence::{MemberFacts, Unseen},
    pairs::{Member, Pair},
};

/// A file that `--facts` names: `FILE`, or `MEMBER=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The member that was asked, by its name or an address.
    pub of: Option<String>,
    /// Where its facts are.
    pub path: PathBuf,
}

/// The records of such a file.
#[derive(Clone, Debug)]
pub struct Told {
    /// The file.
    pub file: File,
    /// Its records, or what is wrong with it.
    pub facts: Result<Vec<MemberFacts>, String>,
}

/// What was told of a pair.
#[derive(Debug, Default)]
pub struct OfPair<'a> {
    /// Facts, by the member's place in the pair.
    pub facts: Vec<(usize, &'a MemberFacts)>,
    /// Those that can't be used, and why.
    pub unusable: Vec<Unseen>,
}

impl File {
    /// As the command line has it. What stands before a `=` is a member, unless a slash is in it, or
    /// there is a file of the whole name.
    #[must_use]
    pub fn parse(text: OsString) -> Self {
        let is_file = Path::new(&text).exists();
        let named = text.to_str().and_then(|text| text.split_once('='));
        let named = named.filter(|_| !is_file);
        match named.filter(|(of, path)| !of.is_empty() && !of.contains('/') && !path.is_empty()) {
            Some((of, path)) => Self {
                of: Some(of.to_owned()),
                path: path.into(),
            },
            None => Self {
                of: None,
                path: text.into(),
            },
        }
    }

    /// The member that was asked: as the option says, else one that the file is called after.
    fn member(&self, pair: &Pair) -> Option<usize> {
        let called = self.path.file_stem().and_then(OsStr::to_str);
        let name = self.of.as_deref().or(called)?;
        let is = |member: &Member| {
            member.name == name || name.parse().is_ok_and(|address| member.has(address))
        };
        pair.members.iter().position(is)
    }

    /// It is of the host with an address, which no two members of a site have.
    fn is_address(&self) -> bool {
        let named = self.of.as_deref();
        named.is_some_and(|of| of.parse::<IpAddr>().is_ok())
    }

    /// It says for whom it is, so that it is no other's.
    fn is_bound(&self, pair: &Pair) -> bool {
        self.of.is_some() || self.member(pair).is_some()
    }
}

/// The member that facts are of: one of its addresses is the host's.
#[must_use]
pub fn whose(pair: &Pair, facts: &MemberFacts) -> Option<usize> {
    claimed(pair, facts).next()
}

/// All members of which the host says that it has their address.
fn claimed<'a>(pair: &'a Pair, facts: &'a MemberFacts) -> impl Iterator<Item = usize> + 'a {
    let has = |address| facts.addresses.iter().any(|own| own.address == address);
    let members = pair.members.iter().enumerate();
    let of = members.filter(move |(_, member)| member.own().any(has));
    of.map(|(place, _)| place)
}

/// What of all that was told is of this pair.
#[must_use]
pub fn of_pair<'a>(pair: &Pair, told: &'a [Told]) -> OfPair<'a> {
    let mut found = OfPair::default();
    if pair.service.is_some() {
        return found; // its probes say all; facts are members'
    }
    let mut lost = Vec::new();
    for one in told {
        let member = one.file.member(pair);
        match (&one.facts, member) {
            (Err(what), Some(member)) => found.unusable.push(unusable(pair, member, what)),
            (Err(what), None) if !one.file.is_bound(pair) => lost.push((&one.file.path, what)),
            (Err(_), None) => {}
            // Another pair has a member of that name: the file is of that one.
            (Ok(records), Some(_)) if !one.file.is_address() && is_other(pair, records) => {}
            (Ok(records), Some(member)) => match of_member(pair, member, records) {
                Ok(facts) => found.facts.push((member, facts)),
                Err(what) => found.unusable.push(unusable(pair, member, &what)),
            },
            (Ok(records), None) if !one.file.is_bound(pair) => {
                for facts in records {
                    by_address(pair, facts, &mut found);
                }
            }
            (Ok(_), None) => {} // of another pair
        }
    }
    let is_told = |member| found.facts.iter().any(|(of, _)| *of == member);
    if !(0..pair.members.len()).all(is_told) {
        let what = |(path, what): (&PathBuf, &String)| Unseen {
            what: format!("facts in {}", path.display()),
            errno: String::new(),
            message: what.clone(),
        };
        found.unusable.extend(lost.into_iter().map(what));
    }
    found
}

/// The one record is of a host that is no member of the pair.
fn is_other(pair: &Pair, records: &[MemberFacts]) -> bool {
    matches!(records, [facts] if claimed(pair, facts).next().is_none())
}

/// The one record of a member that was asked.
fn of_member<'a>(
    pair: &Pair,
    member: usize,
    records: &'a [MemberFacts],
) -> Result<&'a MemberFacts, String> {
    let [facts] = records else {
        return Err(format!("{} records instead of one", records.len()));
    };
    let mut others = claimed(pair, facts).filter(|of| *of != member);
    if let Some(other) = others.next() {
        let other = &pair.members[other].name;
        return Err(format!("they claim an address of {other}, too"));
    }
    match claimed(pair, facts).next() {
        Some(_) => Ok(facts),
        None => Err(format!("{} has none of its addresses", facts.host)),
    }
}

/// A record of nobody knows whom.
fn by_address<'a>(pair: &Pair, facts: &'a MemberFacts, found: &mut OfPair<'a>) {
    let members: Vec<usize> = claimed(pair, facts).collect();
    if let [member] = members[..] {
        found.facts.push((member, facts));
        return;
    }
    let what = "they claim addresses of several members";
    let lost = members
        .into_iter()
        .map(|member| unusable(pair, member, what));
    found.unusable.extend(lost);
}

fn unusable(pair: &Pair, member: usize, what: &str) -> Unseen {
    Unseen {
        what: format!("facts of {}", pair.members[member].name),
        errno: String::new(),
        message: what.to_owned(),
    }
}

/// What of all that was told is of no pair, as a message has it.
#[must_use]
pub fn strangers(pairs: &[&Pair], told: &[Told]) -> Vec<String> {
    let mut strangers = Vec::new();
    let pairs = || pairs.iter().filter(|pair| pair.service.is_none());
    for one in told {
        if let Some(of) = &one.file.of {
            if pairs().all(|pair| one.file.member(pair).is_none()) {
                strangers.push(format!(
                    "facts of {of}: no pair has such a member; not used"
                ));
            }
            continue;
        }
        let is_known = |facts: &MemberFacts| pairs().any(|pair| whose(pair, facts).is_some());
        let unknown = one.facts.iter().flatten().filter(|facts| !is_known(facts));
        let message = |facts: &MemberFacts| {
            format!(
                "facts of {}: none of its addresses is a member's; not used",
                facts.host
            )
        };
        strangers.extend(unknown.map(message));
    }
    strangers
}

/// The files of the call, for those who must not read them twice.
pub fn paths(files: &[File]) -> impl Iterator<Item = &Path> {
    files.iter().map(|file| file.path.as_path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::OwnAddress;

    fn pair() -> Pair {
        let text = r#"{"name":"p","vip":"192.0.2.110","members":[{"name":"a","address":"192.0.2.11"},
            {"name":"b","address":"192.0.2.12","addresses":["198.51.100.12"]}]}"#;
        Pair::parse(text.as_bytes()).unwrap().remove(0)
    }

    fn facts(addresses: &[&str]) -> MemberFacts {
        let own = |address: &&str| OwnAddress {
            interface: "eth0".to_owned(),
            address: address.parse().unwrap(),
            prefix_length: None,
            held_ms: None,
            unused: None,
        };
        MemberFacts {
            host: "h".to_owned(),
            addresses: addresses.iter().map(own).collect(),
            ..MemberFacts::default()
        }
    }

    fn told(file: &str, facts: Result<Vec<MemberFacts>, String>) -> Told {
        Told {
            file: File::parse(file.into()),
            facts,
        }
    }

    #[test]
    fn whom_a_file_is_of() {
        #[rustfmt::skip]
        let cases = [
            ("a=x.json",            Some("a"), "x.json"),
            ("192.0.2.11=x.json",   Some("192.0.2.11"), "x.json"),
            ("x.json",              None, "x.json"),
            ("./a=x.json",          None, "./a=x.json"),
            ("=x.json",             None, "=x.json"),
            ("a=",                  None, "a="),
        ];
        for (text, of, path) in cases {
            let file = File::parse(text.into());
            assert_eq!(
                (file.of.as_deref(), file.path.to_str().unwrap()),
                (of, path),
                "{text}"
            );
        }
    }

    #[test]
    fn nobody_speaks_for_another() {
        let (a, b) = (
            facts(&["192.0.2.11"]),
            facts(&["192.0.2.12", "192.0.2.110"]),
        );
        let both = facts(&["192.0.2.11", "192.0.2.12"]);
        let also = facts(&["192.0.2.11", "198.51.100.12"]);
        let other = facts(&["203.0.113.1"]);
        let cut = || Err("record 1 is cut off".to_owned());
        #[rustfmt::skip]
        let cases = [
            ("by their addresses",    vec![told("x.json", Ok(vec![a.clone(), b.clone()]))], vec![0, 1], vec![]),
            ("a file each",           vec![told("a.json", Ok(vec![a.clone()])), told("b.json", Ok(vec![b.clone()]))], vec![0, 1], vec![]),
            ("as the option says",    vec![told("192.0.2.12=x.json", Ok(vec![b.clone()]))], vec![1], vec![]),
            ("a's file has b's, too", vec![told("a.json", Ok(vec![a.clone(), b.clone()]))], vec![], vec!["facts of a: 2 records instead of one"]),
            ("a's file has b's only", vec![told("a=x", Ok(vec![b.clone()]))], vec![], vec!["facts of a: they claim an address of b, too"]),
            ("a claims b's address",  vec![told("a=x", Ok(vec![both.clone()]))], vec![], vec!["facts of a: they claim an address of b, too"]),
            ("another of b's",        vec![told("a=x", Ok(vec![also]))], vec![], vec!["facts of a: they claim an address of b, too"]),
            ("of both, unnamed",      vec![told("x", Ok(vec![both]))], vec![], vec!["facts of a: they claim addresses of several members", "facts of b: they claim addresses of several members"]),
            ("not a's",               vec![told("192.0.2.11=x", Ok(vec![other.clone()]))], vec![], vec!["facts of a: h has none of its addresses"]),
            ("of an a elsewhere",     vec![told("a.json", Ok(vec![other.clone()])), told("d/a.json", Ok(vec![a.clone()]))], vec![0], vec![]),
            ("a stranger's",          vec![told("x", Ok(vec![other]))], vec![], vec![]),
            ("another pair's",        vec![told("c=x", Ok(vec![a.clone()]))], vec![], vec![]),
            ("cut off, a's",          vec![told("a.json", cut()), told("b.json", Ok(vec![b.clone()]))], vec![1], vec!["facts of a: record 1 is cut off"]),
            ("cut off, unnamed",      vec![told("x", cut()), told("b.json", Ok(vec![b.clone()]))], vec![1], vec!["facts in x: record 1 is cut off"]),
            ("and of no need",        vec![told("x", cut()), told("y", Ok(vec![a, b]))], vec![0, 1], vec![]),
        ];
        for (name, told, want, unusable) in cases {
            let found = of_pair(&pair(), &told);
            let members: Vec<usize> = found.facts.iter().map(|(member, _)| *member).collect();
            assert_eq!(members, want, "{name}");
            let lost = found.unusable.iter();
            let lost: Vec<String> = lost.map(|u| format!("{}: {}", u.what, u.message)).collect();
            assert_eq!(lost, unusable, "{name}");
        }
    }

    #[test]
    fn of_no_pair() {
        let pair = pair();
        let list = [
            told("c=x", Ok(vec![facts(&["192.0.2.11"])])),
            told(
                "x",
                Ok(vec![facts(&["203.0.113.1"]), facts(&["192.0.2.12"])]),
            ),
            told("a=x", Err("empty".to_owned())),
        ];
        let want = [
            "facts of c: no pair has such a member; not used",
            "facts of h: none of its addresses is a member's; not used",
        ];
        assert_eq!(strangers(&[&pair], &list), want);
    }
}
