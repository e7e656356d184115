//! All probes of all pairs at once: a thread for each, and one deadline for all.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use nix::errno::Errno;

use crate::{
    evidence::Unseen,
    interfaces::{self, Interface},
    judge::{Probed, Target},
    pairs::Pair,
    probe::{Host, How, On, Outcome, Probe, Reply},
    views,
};

/// Room for a TLS handshake, in bytes; the default of 2 MiB would be 2 GB for 1,000 targets.
const STACK: usize = 256 * 1024;

/// Pause before a VIP is asked again, in case it is just moving, or a service, in case it just starts.
const PAUSE: Duration = Duration::from_millis(100);

/// What is to be asked of whom.
struct Task<'a> {
    pair: usize,
    target: Target,
    probe: usize,
    /// None of a link-local address on no link of this host.
    host: Option<Host>,
    what: &'a Probe,
    /// What is dead is asked again: nobody stands in for it.
    patient: bool,
}

/// Asks everything; the answers are by view, in the order of targets and probes. Members are asked once
/// for all views of their pair.
///
/// All of it ends `timeout` after the call, whatever does not answer.
#[must_use]
pub fn ask(pairs: &[&Pair], timeout: Duration) -> Vec<Vec<Probed>> {
    let started = Instant::now();
    let deadline = started + timeout;
    // A clean hand-over leaves the VIP alone for (256 - priority) / 256 s (RFC 5798, 6.1).
    let patience = started + timeout / 2;
    let patience = move |how| match how {
        How::Refused | How::Unreachable => patience,
        // Of a connection that was cut by a hand-over one hears when the kernel sends again: after
        // 0.2, 0.6 and 1.4 s (RFC 6298, 5.5).
        How::Timeout | How::Closed => deadline,
    };
    // Only link-local addresses need it, and without it they are not asked.
    let links = interfaces::list().unwrap_or_default();
    let tasks = tasks(pairs, &links);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let running: Vec<io::Result<_>> = tasks
            .iter()
            .map(|task| {
                let builder = thread::Builder::new().stack_size(STACK);
                builder.spawn_scoped(scope, move || reply(task, deadline, &patience))
            })
            .collect();
        let replies = running
            .into_iter()
            .map(|thread| match thread.map(|thread| thread.join()) {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) => unseen("a probe failed", String::new()), // a bug of ours, and no answer
                Err(error) => {
                    let errno = error.raw_os_error().map(Errno::from_raw);
                    unseen(
                        "no thread for a probe",
                        errno.map_or_else(String::new, |e| format!("{e:?}")),
                    )
                }
            });
        replies.collect()
    });
    let mut by_pair: Vec<Vec<Probed>> = pairs.iter().map(|_| Vec::new()).collect();
    for (task, reply) in tasks.into_iter().zip(replies) {
        by_pair[task.pair].push(Probed {
            target: task.target,
            probe: task.probe,
            reply,
        });
    }
    views::share(pairs, &mut by_pair);
    by_pair
}

fn reply(task: &Task<'_>, deadline: Instant, patience: &impl Fn(How) -> Instant) -> Reply {
    let Some(host) = task.host else {
        let message = "no interface of this host is on its link (interface)";
        return unseen(message, String::new());
    };
    loop {
        let reply = task.what.ask(host, deadline);
        let Outcome::Dead(how, _) = &reply.outcome else {
            return reply;
        };
        if !task.patient || Instant::now() + PAUSE >= patience(*how) {
            return reply;
        }
        thread::sleep(PAUSE);
    }
}

fn unseen(message: &str, errno: String) -> Reply {
    Reply::of(Outcome::Unseen(Unseen {
        what: "probe".to_owned(),
        errno,
        message: message.to_owned(),
    }))
}

fn tasks<'a>(pairs: &[&'a Pair], links: &[Interface]) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    for (place, pair) in pairs.iter().enumerate() {
        // Where a probe itself says whom it asks, it asks once.
        let probes = pair.probes.iter().enumerate();
        for (probe, what) in probes.filter(|_| pair.is_first_view()) {
            tasks.extend(what.elsewhere().map(|address| Task {
                pair: place,
                target: Target::Elsewhere,
                probe,
                host: interfaces::host(links, pair, address),
                what,
                patient: true,
            }));
        }
        let vip = pair.vip.map(|vip| (Target::Vip, vip));
        let members = pair.members.iter().enumerate();
        let members = members.filter(|_| pair.is_first_view());
        let members = members.map(|(i, member)| (Target::Member(i), member.address));
        for (target, address) in vip.into_iter().chain(members) {
            for (probe, what) in pair.probes.iter().enumerate() {
                let wanted = match target {
                    Target::Vip => what.on != On::Members,
                    Target::Member(_) => what.on != On::Vip,
                    Target::Elsewhere => false,
                };
                if wanted && what.elsewhere().is_none() {
                    tasks.push(Task {
                        pair: place,
                        target,
                        probe,
                        host: interfaces::host(links, pair, address),
                        what,
                        patient: target == Target::Vip || pair.service.is_some(),
                    });
                }
            }
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn one_deadline_for_all() {
        // A full backlog swallows connections, as a blackhole does.
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = full.local_addr().unwrap().port();
        let pair = format!(
            r#"{{"name":"p","members":[{{"name":"a","address":"127.0.0.1"}},{{"name":"b","address":"127.0.0.2"}}],
                "probes":[{{"http":{{"url":"http://{{address}}:{port}/"}}}},{{"http":{{"url":"http://{{address}}:{port}/x"}}}},{{"tcp":{{"port":{port}}},"on":"vip"}}]}}"#
        );
        let pairs = Pair::parse(pair.as_bytes()).unwrap();
        let pairs: Vec<&Pair> = pairs.iter().collect();
        let started = Instant::now();
        let replies = ask(&pairs, Duration::from_millis(200));
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "four mute servers are one timeout"
        );
        let [of_pair] = &replies[..] else {
            panic!("one pair")
        };
        let order: Vec<(Target, usize)> = of_pair.iter().map(|p| (p.target, p.probe)).collect();
        let (a, b) = (Target::Member(0), Target::Member(1));
        assert_eq!(order, [(a, 0), (a, 1), (b, 0), (b, 1)]);
        for probed in of_pair {
            let mute = matches!(
                &probed.reply.outcome,
                Outcome::Dead(How::Timeout | How::Refused, _)
            );
            assert!(mute, "{probed:?}");
        }
    }
}
