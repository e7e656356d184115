//! The names that all members of a pair must answer alike, asked of each of them: a thread for each
//! question, and one deadline for all.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{
    evidence::Unseen,
    judge::Compared,
    pairs::Pair,
    probe::{
        Outcome, What,
        dns::{self, Kind},
    },
};

/// Room for a DNS question, in bytes; the default of 2 MiB would be much for 1,000 of them.
const STACK: usize = 128 * 1024;

/// What is asked of each name.
const KINDS: [Kind; 2] = [Kind::A, Kind::Aaaa];

/// Asks everything; the answers are by pair, in the order of members, names and kinds.
///
/// All of it ends `timeout` after the call, whatever does not answer.
#[must_use]
pub fn ask(pairs: &[&Pair], timeout: Duration) -> Vec<Vec<Compared>> {
    let deadline = Instant::now() + timeout;
    thread::scope(|scope| {
        let running: Vec<Vec<_>> = pairs
            .iter()
            .map(|pair| {
                let start = |(member, name, kind): (usize, usize, Kind)| {
                    let target = SocketAddr::new(pair.members[member].address, port(pair));
                    let asked = &pair.same[name];
                    let builder = thread::Builder::new().stack_size(STACK);
                    let ask = move || dns::said(target, asked, kind, deadline);
                    (member, name, kind, builder.spawn_scoped(scope, ask))
                };
                questions(pair).map(start).collect()
            })
            .collect();
        let answered = |(member, name, kind, thread): (usize, usize, Kind, Started<'_>)| Compared {
            member,
            name,
            kind,
            said: match thread.map(|thread| thread.join()) {
                Ok(Ok(said)) => said,
                Ok(Err(_)) => Err(unasked("a question failed")), // a bug of ours, and no answer
                Err(_) => Err(unasked("no thread for a question")),
            },
        };
        let by_pair = running.into_iter();
        by_pair
            .map(|running| running.into_iter().map(answered).collect())
            .collect()
    })
}

type Started<'a> = std::io::Result<thread::ScopedJoinHandle<'a, Result<dns::Said, Outcome>>>;

/// Each member is asked for each kind of each name.
fn questions(pair: &Pair) -> impl Iterator<Item = (usize, usize, Kind)> {
    let names = pair.same.len();
    let of_member =
        move |member| (0..names).flat_map(move |name| KINDS.map(move |kind| (member, name, kind)));
    (0..pair.members.len()).flat_map(of_member)
}

/// Where the members' DNS servers listen: where the pair's own DNS probe asks.
pub(crate) fn port(pair: &Pair) -> u16 {
    let ports = pair.probes.iter().find_map(|probe| match &probe.what {
        What::Dns(query) => Some(query.port),
        _ => None,
    });
    ports.unwrap_or(53)
}

fn unasked(what: &str) -> Outcome {
    Outcome::Unseen(Unseen {
        what: "question".to_owned(),
        errno: String::new(),
        message: what.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_for_what() {
        let pair = |probes: &str| {
            let text = format!(
                r#"{{"name":"p","members":[{{"name":"a","address":"127.0.0.1"}},{{"name":"b","address":"127.0.0.2"}}],
                    "same":["x.example","y.example"],"probes":{probes}}}"#
            );
            Pair::parse(text.as_bytes()).unwrap().remove(0)
        };
        let asked: Vec<_> = questions(&pair("[]")).collect();
        assert_eq!(asked.len(), 8);
        assert_eq!(asked[0], (0, 0, Kind::A));
        assert_eq!(asked[7], (1, 1, Kind::Aaaa));
        #[rustfmt::skip]
        let cases = [
            ("no probe of DNS", "[]", 53),
            ("another port",    r#"[{"tcp":{"port":1}},{"dns":{"name":"x","port":5353}}]"#, 5353),
        ];
        for (name, probes, want) in cases {
            assert_eq!(port(&pair(probes)), want, "{name}");
        }
    }
}
