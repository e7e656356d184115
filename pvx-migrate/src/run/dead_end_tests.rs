//! No journal is a dead end: whatever its last line of a guest says, and wherever the guest is by
//! now, either a run with this journal gets on, or a return has a step for it; and where advice is
//! given, the command in it does something.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    decision::{Finish, Next},
    direction::step_of,
    moving::Move,
    next::next,
    seen::{HaSeen, Seen},
    todo::Todo,
};
use crate::{
    cluster::Cluster,
    journal::{event::Phase, line::Line},
    plan::{home, record::Step},
    state::State,
};

/// What a guest is doing somewhere, and how the nodes take what is asked of them.
#[derive(Clone, Copy, Debug)]
struct World {
    node: &'static str,
    running: bool,
    starts: bool,
    moves: bool,
    /// The HA manager has it, and does what a request would.
    ha: bool,
}

/// It is in no list any more.
const GONE: &str = "";

impl World {
    fn seen(self) -> Seen {
        let node = (self.node != GONE).then(|| self.node.to_owned());
        let manager = HaSeen {
            node: self.node.into(),
            state: "started".into(),
        };
        Seen {
            ha: node.as_ref().filter(|_| self.ha).map(|_| manager),
            node,
            reached: true,
            running: self.running,
            ..Seen::default()
        }
    }

    /// Goes on with a line until it is settled, as `settle` does; how it ends.
    fn go_on(&mut self, line: &Line, step: &Step) -> Finish {
        let to = step.to.clone().unwrap_or_default();
        let (now, wait) = (Timestamp::UNIX_EPOCH, Duration::from_secs(600));
        let mut this = Move::new(step, to, Some(line), true, now, wait);
        for _ in 0..100 {
            let way: [&'static str; 2] = if step.returns { ["b", "a"] } else { ["a", "b"] };
            match next(&this.intent, &self.seen(), &this.past) {
                Next::Finish(finish) => return finish,
                Next::Wait(_) if self.ha && !self.running && self.starts => {
                    self.running = true;
                    this.past.waited_s = 0.0;
                }
                Next::Wait(_) => {
                    this.past.waited_s += 1e3;
                    this.past.settled_s += 1e3;
                }
                Next::Start(node) => {
                    self.running = self.starts;
                    if node == this.intent.to {
                        this.past.starts_there += 1;
                    } else {
                        this.past.starts_here += 1;
                    }
                }
                Next::MoveBack => {
                    this.past.moves_back += 1;
                    if self.moves {
                        self.node = way[0];
                    }
                }
                Next::MoveStopped => {
                    this.past.requests += 1;
                    if self.moves {
                        self.node = way[1];
                    }
                }
                next => panic!("{line:?} {self:?}: a repair asks for {next:?}"),
            }
        }
        panic!("{line:?} {self:?}: without end");
    }
}

/// Every form of a last line, by request and phase, there and back.
fn lines(ha: bool) -> Vec<Line> {
    let ask = |call: &str, on: &str, to: Value| json!({"call": call, "on": on, "to": to});
    let mut lines = Vec::new();
    for returns in [false, true] {
        let (from, to) = if returns { ("b", "a") } else { ("a", "b") };
        let requests = [
            Value::Null,
            ask("migrate", from, to.into()),
            ask("migrate", to, from.into()),
            ask("shutdown", from, Value::Null),
            ask("start", from, Value::Null),
            ask("start", to, Value::Null),
            ask("end-task", from, Value::Null),
        ];
        for (number, request) in requests.iter().enumerate() {
            for phase in [
                "requested",
                "task",
                "verified",
                "returned",
                "failed",
                "stuck",
            ] {
                for kind in ["lxc", "qemu"] {
                    let move_of_it = ask("migrate", from, to.into());
                    let line = json!({"at": "2026-11-22T00:00:10Z", "cluster": "x", "vmid": 1, "type": kind, "name": "g",
                        "from": "a", "to": "b", "was_running": true, "phase": phase, "returns": returns, "back": number == 2, "ha": ha.then(|| if kind == "lxc" { "ct:1" } else { "vm:1" }),
                        "request": request, "earlier": if number > 3 { move_of_it } else { Value::Null }});
                    lines.push(serde_json::from_value(line).unwrap());
                }
            }
        }
    }
    lines
}

fn worlds(ha: bool) -> impl Iterator<Item = World> {
    let nodes = ["a", "b", "c", GONE].into_iter();
    nodes.flat_map(move |node| {
        (0..8).map(move |bits| World {
            node,
            running: bits & 1 == 0,
            starts: bits & 2 == 0,
            moves: bits & 4 == 0,
            ha,
        })
    })
}

/// What a return would do with it: `blocked`, `leave`, `home` or nothing.
fn return_of(line: &Line, world: World) -> &'static str {
    let status = if world.running { "running" } else { "stopped" };
    let state = json!({"version": 1, "at": "2026-11-22T00:00:00Z", "cluster": {"name": "x", "pve": "9.1", "quorate": true},
        "nodes": [], "storages": [], "ha": {"resources": [], "rules": []}, "replication": [], "tasks": [],
        "guests": [{"vmid": 1, "type": line.event.kind, "name": "g", "node": world.node, "status": status, "snapshots": [], "config": {}}]});
    let mut state: State = serde_json::from_value(state).unwrap();
    if world.node == GONE {
        state.guests.clear();
    }
    let wants = home::wants(&Cluster::new(&state), std::slice::from_ref(&line.event)).unwrap();
    match wants.first() {
        None => "",
        Some(want) if want.blocked.is_some() => "blocked",
        Some(want) if want.leave.is_some() => "leave",
        Some(_) => "home",
    }
}

#[test]
fn no_line_is_a_dead_end() {
    for (line, mut world) in all() {
        let last = BTreeMap::from([(1, line.clone())]);
        let open = !Todo::new(&[], &last).unfinished.is_empty();
        let before = world;
        if return_of(&line, world) == "blocked" {
            assert!(open, "the advice does nothing: {line:?} {world:?}");
        }
        if !open {
            continue;
        }
        let finish = world.go_on(&line, &step_of(&line));
        let ends = match &finish {
            Finish::Arrived if line.event.returns => "returned",
            Finish::Arrived => "verified",
            Finish::Stayed(..) => "failed",
            Finish::Help(_, why) => {
                assert!(why.contains('1'), "{line:?} {before:?}: {why}");
                "stuck"
            }
        };
        let mut ended = line.clone();
        ended.event.phase = serde_json::from_value(ends.into()).unwrap();
        if ends == "stuck" {
            helped(&ended, world);
            continue;
        }
        assert!(
            world.running || world.node == GONE,
            "{finish:?} and stopped: {line:?} {before:?}"
        );
        let then = return_of(&ended, world);
        let at_home = ["a", GONE].contains(&world.node) || ends == "returned";
        let want = if at_home {
            ""
        } else if world.node == "b" {
            "home"
        } else {
            "leave"
        };
        assert_eq!(then, want, "{finish:?}: {line:?} {before:?}");
    }
}

/// What a person was told to do is done: the same command comes to an end. Or it is not done, but a
/// plan is made that has seen the guest: it counts, and nothing is started that the person left off.
fn helped(stuck: &Line, world: World) {
    for node in [world.node, GONE] {
        let mut then = World {
            node,
            running: true,
            starts: true,
            ..world
        };
        let finish = then.go_on(stuck, &step_of(stuck));
        let open = matches!(finish, Finish::Help(..));
        assert!(!open, "{finish:?}: {stuck:?} {then:?}");
    }
    let last = BTreeMap::from([(1, stuck.clone())]);
    for action in ["leave", "blocked", "offline"] {
        let todo = Todo::new(&[&later(stuck, action)], &last);
        let fresh = usize::from(action == "offline");
        let counts = (todo.unfinished.len(), todo.fresh.len(), todo.told.len());
        assert_eq!(counts, (0, fresh, 1), "{action}: {stuck:?}");
    }
}

/// A step of a plan that was made after the line.
fn later(line: &Line, action: &str) -> Step {
    let mut step = step_of(line);
    step.action = serde_json::from_value(action.into()).unwrap();
    step.state_at = line.event.at + Duration::from_secs(1);
    step
}

fn all() -> impl Iterator<Item = (Line, World)> {
    [false, true].into_iter().flat_map(|ha| {
        let pairs = move |line: Line| worlds(ha).map(move |world| (line.clone(), world));
        lines(ha).into_iter().flat_map(pairs)
    })
}

/// Nor does a plan that leaves a guest alone hide what was begun with it; what a person was to
/// see to, only one that has seen the guest since.
#[test]
fn a_plan_hides_nothing_that_was_begun() {
    for line in lines(false) {
        let last = BTreeMap::from([(1, line.clone())]);
        let open = !Todo::new(&[], &last).unfinished.is_empty();
        for action in ["leave", "blocked"] {
            let mut step = later(&line, action);
            let still = !Todo::new(&[&step], &last).unfinished.is_empty();
            let begun = open && line.event.phase != Phase::Stuck;
            assert_eq!(still, begun, "{action}, later: {line:?}");
            step.state_at = line.event.at;
            let still = !Todo::new(&[&step], &last).unfinished.is_empty();
            assert_eq!(still, open, "{action}: {line:?}");
        }
    }
}
