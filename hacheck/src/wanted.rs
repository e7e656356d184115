//! Which pairs and services a call is about, by their names; one that isn't there is told with what
//! was probably meant.

use vmid::site::{self, Fault, near};

/// Which pairs and services are wanted, by their names: all, if there are no names at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Of pairs.
    pub pairs: &'a [String],
    /// Of services.
    pub services: &'a [String],
}

impl Wanted<'_> {
    /// There are no names.
    pub(crate) fn all(self) -> bool {
        self.pairs.is_empty() && self.services.is_empty()
    }

    /// The names that no pair, or no service, has are faults.
    pub(crate) fn unknown(
        self,
        pairs: &[site::Pair],
        services: &[site::Service],
        faults: &mut Vec<Fault>,
    ) {
        let pairs: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
        let services: Vec<&str> = services.iter().map(|one| one.name.as_str()).collect();
        if pairs.is_empty() && services.is_empty() {
            let (path, what) = (String::new(), "there is no pair in it".to_owned());
            faults.push(Fault { path, what });
            return;
        }
        let kinds = [
            ("pair", self.pairs, &pairs, &services, "service"),
            ("service", self.services, &services, &pairs, "pair"),
        ];
        for (kind, wanted, known, others, other) in kinds {
            let is_known = |name: &&String| known.contains(&name.as_str());
            for name in wanted.iter().filter(|name| !is_known(name)) {
                let hint = match others.contains(&name.as_str()) {
                    true => format!(", but a {other} of that name: --{other} {name}"),
                    false => near::hint(name, known.iter().copied()),
                };
                let (path, what) = (String::new(), format!("there is no {kind} {name:?}{hint}"));
                faults.push(Fault { path, what });
            }
        }
    }
}
