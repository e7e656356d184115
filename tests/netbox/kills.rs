//! kill -9, of the client and of the server's workers: one address for each name.

use std::{collections::BTreeSet, process::Command, thread, time::Duration};

use crate::{Section, client::Ran, server::Lab};

pub const SECTIONS: &[Section] = &[
    ("kills: the client at any moment, then again", client),
    ("kills: workers of the server under load", workers),
];

/// Numbers that look random and are the same every time.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
}

/// Each name has one address, which is the one that was printed; no address is there twice.
fn once_each(lab: &Lab, names: &BTreeSet<String>, all: &[Ran]) {
    let owned = lab.owned();
    let keys: BTreeSet<String> = owned
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!((&keys, owned.len()), (names, names.len()), "{owned:?}");
    let addresses: BTreeSet<&str> = owned
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(addresses.len(), owned.len(), "{owned:?}");
    for ran in all.iter().filter(|ran| ran.code == 0) {
        for record in ran.records() {
            let line = format!(
                "{} {}",
                record["name"].as_str().unwrap(),
                record["address"].as_str().unwrap()
            );
            assert!(owned.contains(&line), "{line} was printed: {owned:?}");
        }
    }
}

fn client(lab: &Lab) {
    let mut random = Random(20_261_122);
    let before = lab.count();
    let mut names = BTreeSet::new();
    let mut cut = 0;
    for round in 0..24 {
        let vlan = if round % 2 == 0 { 10 } else { 30 };
        let batch: Vec<String> = (0..=random.below(3))
            .map(|n| format!("g{round}-{n}"))
            .collect();
        let line = format!("allocate --vlan {vlan} {}", batch.join(" "));
        names.extend(batch);
        let mut child = lab.ours().start(&line);
        thread::sleep(Duration::from_millis(random.below(600) as u64));
        child.kill().unwrap();
        cut += usize::from(!child.wait_with_output().unwrap().status.success());
        if round % 3 == 0 {
            continue; // the others are run again at once, these much later
        }
        assert_eq!(lab.ours().run(&line).code, 0, "{line}");
    }
    let all: Vec<Ran> = names
        .iter()
        .map(|name| {
            let vlan = if name[1..].split('-').next().unwrap().parse::<u32>().unwrap() % 2 == 0 {
                10
            } else {
                30
            };
            lab.ours().run(&format!("allocate --vlan {vlan} {name}"))
        })
        .collect();
    assert!(cut > 0, "no process was cut off");
    assert!(all.iter().all(|ran| ran.code == 0), "{all:?}");
    once_each(lab, &names, &all);
    assert_eq!(lab.count(), before + names.len() as u64, "something leaked");
}

fn workers(lab: &Lab) {
    assert_eq!(lab.workers().len(), 2);
    let names: BTreeSet<String> = (0..24).map(|n| format!("g{n}")).collect();
    let lines = names.iter().enumerate().map(|(n, name)| {
        format!(
            "allocate --vlan {} --timeout 60s {name}",
            if n % 2 == 0 { 10 } else { 30 }
        )
    });
    let lines: Vec<String> = lines.collect();
    let mut killed = 0;
    let all = thread::scope(|scope| {
        let running = scope.spawn(|| lab.ours().at_once(lines.clone()));
        while !running.is_finished() {
            thread::sleep(Duration::from_millis(700));
            if killed < 8
                && let Some(worker) = lab.workers().get(killed % 2)
            {
                kill(*worker);
                killed += 1;
            }
        }
        running.join().unwrap()
    });
    assert!(killed > 1, "no worker was killed");
    // Reads that were cut are exit 3, and so is what could not be found out; never a wrong answer.
    assert!(all.iter().all(|ran| [0, 3].contains(&ran.code)), "{all:?}");
    thread::sleep(Duration::from_secs(1));
    let again = lab.ours().at_once(lines);
    assert!(again.iter().all(|ran| ran.code == 0), "{again:?}");
    once_each(lab, &names, &again);
    once_each(lab, &names, &all);
}
