//! Which address each request of a batch gets. Pure: given what the IPAM holds,
//! it decides; nothing is taken here.

use std::collections::{BTreeSet, HashMap};

use crate::{
    exclude::Policy,
    family::Families,
    ipam::{Ask, Change, Networks, View},
    owner::Owner,
    refused::{Code, Refused},
    request::Request,
    scope::{Pool, Scope},
    span::Family,
};

mod choice;
mod drift;
mod existing;
mod grant;

use choice::Choice;
pub use drift::Drift;
pub use grant::{Grant, Naming};

/// A batch in the making: each request with its scopes, or why it has none.
#[derive(Debug)]
pub struct Batch {
    requests: Vec<Result<(Request, Pool), Refused>>,
    /// These stand for themselves: refused, they stop no other request, nor are they stopped.
    apart: Vec<bool>,
}

impl Batch {
    /// Finds the scopes of each request; refuses owners that occur twice, and what is not of the site.
    #[must_use]
    pub fn new(
        requests: Vec<Result<Request, Refused>>,
        networks: &Networks,
        policy: &Policy,
    ) -> Self {
        let apart = vec![false; requests.len()];
        let scoped = |request: Result<Request, Refused>| {
            let request = request.map_err(|refused| (None, refused))?;
            scoped(request, networks, policy)
        };
        let scoped: Vec<Result<_, (Option<Owner>, Refused)>> =
            requests.into_iter().map(scoped).collect();
        let key = |request: &Result<(Request, Pool), (Option<Owner>, Refused)>| match request {
            Ok((request, _)) => Some(request.owner.key().to_owned()),
            Err((owner, _)) => owner.as_ref().map(|owner| owner.key().to_owned()),
        };
        let mut seen: HashMap<String, usize> = HashMap::new();
        for key in scoped.iter().filter_map(key) {
            *seen.entry(key).or_default() += 1;
        }
        let once = |request: Result<(Request, Pool), (Option<Owner>, Refused)>| {
            let twice = key(&request).is_some_and(|key| seen[&key] > 1);
            match request {
                Ok((request, _)) if twice => Err(duplicate(&request.owner)),
                Err((Some(owner), _)) if twice => Err(duplicate(&owner)),
                Ok(scoped) => Ok(scoped),
                Err((_, refused)) => Err(refused),
            }
        };
        Self {
            apart,
            requests: scoped.into_iter().map(once).collect(),
        }
    }

    /// The VLANs of which the IPv4 prefix was taken, although they have one of IPv6 as well.
    #[must_use]
    pub fn by_default(&self) -> BTreeSet<u64> {
        let pools = self.requests.iter().flatten();
        let scopes = pools.map(|(_, pool)| pool.first());
        let by_default = scopes.filter(|scope| scope.by_default);
        by_default.filter_map(Scope::vlan).collect()
    }

    /// The same with those of the requests that stand for themselves: each is granted or
    /// refused alone, while the others are granted all together or not at all.
    #[must_use]
    pub fn with_apart(self, apart: Vec<bool>) -> Self {
        Self { apart, ..self }
    }

    /// Refuses the request at that place from now on.
    pub fn refuse(&mut self, at: usize, refused: Refused) {
        if let Some(request) = self.requests.get_mut(at) {
            *request = Err(refused);
        }
    }

    /// What must be known of the IPAM's addresses to decide.
    #[must_use]
    pub fn ask(&self, naming: &Naming) -> Ask {
        let mut ask = Ask::default();
        for (request, pool) in self.requests.iter().flatten() {
            request.owner.asked(naming.domain.as_deref(), &mut ask);
            ask.addresses
                .extend(request.fields.wanted.map(|wanted| wanted.address));
            ask.addresses.extend(request.of_site);
            request.fields.labels.note(&mut ask.labels);
            for scope in pool.scopes() {
                let within = scope.within(usize::from(!request.is_settled()));
                let mut others = ask.within.iter_mut();
                match others.find(|other| other.place() == within.place()) {
                    Some(other) => other.join(&within),
                    None => ask.within.push(within),
                }
            }
        }
        ask
    }

    /// What each request gets: all of them something, or none anything, but for those that
    /// stand for themselves.
    ///
    /// `skip` so many free addresses, if there are more: those who were overtaken
    /// spread out, so that they do not all try the same next one again.
    #[must_use]
    pub fn decide(&self, view: &View, naming: &Naming, skip: usize) -> Vec<Result<Grant, Refused>> {
        let mut choice = Choice {
            view,
            naming,
            skip,
            given: BTreeSet::new(),
            adopted: BTreeSet::new(),
            moving: HashMap::new(),
            cursors: HashMap::new(),
        };
        let twice = self.called_twice(naming);
        let mut results: Vec<Option<Result<Grant, Refused>>> = Vec::new();
        for request in &self.requests {
            results.push(match request {
                Err(refused) => Some(Err(refused.clone())),
                Ok((request, _)) if twice.contains_key(request.owner.name()) => {
                    let other = &twice[request.owner.name()];
                    let message = format!("the batch has it as {} and as {other}", request.owner);
                    Some(Err(Refused::new(Code::DuplicateName, message)))
                }
                Ok((request, pool)) => choice.without_searching(request, pool).transpose(),
            });
        }
        // Wanted addresses are settled by now, so that no earlier "next free" has taken one.
        let asked = self.asked(&results);
        for (request, result) in self.requests.iter().zip(&mut results) {
            if let (None, Ok((request, pool))) = (&result, request) {
                *result = Some(choice.next(request, pool, &asked));
            }
        }
        let mut results: Vec<_> = results.into_iter().flatten().collect();
        let together = self.apart.iter().map(|apart| !apart);
        let mut together: Vec<_> = results.iter_mut().zip(together).collect();
        together.retain(|(_, together)| *together);
        all_or_nothing(together.into_iter().map(|(result, _)| result).collect());
        results
    }

    /// The names of hosts that go by another name as well (the value), with and without the domain.
    fn called_twice(&self, naming: &Naming) -> HashMap<&str, &str> {
        let domain = naming.domain.as_deref();
        let (mut first, mut twice) = (HashMap::new(), HashMap::new());
        for (request, _) in self.requests.iter().flatten() {
            let name = request.owner.name();
            let other: &str = first.entry(request.owner.dns_name(domain)).or_insert(name);
            if other != name {
                twice.extend([(name, other), (other, name)]);
            }
        }
        twice
    }

    /// How many addresses of each pool (shown by its name) the batch needs.
    fn asked(&self, results: &[Option<Result<Grant, Refused>>]) -> HashMap<String, usize> {
        let mut asked = HashMap::new();
        let is_new =
            |grant: &Grant| matches!(grant.change, Some(Change::Create(_) | Change::Move(..)));
        for (request, result) in self.requests.iter().zip(results) {
            let needs = match result {
                None => true,
                Some(result) => result.as_ref().is_ok_and(is_new),
            };
            if let (Ok((_, pool)), true) = (request, needs) {
                *asked.entry(pool.to_string()).or_default() += 1;
            }
        }
        asked
    }
}

/// A request, its owner of the family of its scopes; else its owner, as far as the family is known.
fn scoped(
    mut request: Request,
    networks: &Networks,
    policy: &Policy,
) -> Result<(Request, Pool), (Option<Owner>, Refused)> {
    let site = policy.site.as_ref();
    let member = site.and_then(|site| site.member(&request.owner, request.vmid));
    request.of_site = member.filter(|_| !request.owner.is_interface());
    let of_owner = policy.of_owner(&request.owner, request.vmid);
    let pool = Pool::of(&request.fields, networks, &of_owner).and_then(|pool| {
        let of_site = |scope: &Scope| match site {
            Some(site) => site.has(scope.net(), scope.vlan()),
            None => Ok(()),
        };
        pool.scopes().try_for_each(of_site)?;
        Ok(pool)
    });
    if let Ok(pool) = &pool {
        let labels = &mut request.fields.labels;
        labels.unfit = labels.fit(pool.family(), &policy.open).err();
    }
    let asked = match request.fields.family {
        Some(Families::V6) => Family::V6,
        _ => Family::V4,
    };
    let family = pool.as_ref().map_or(asked, Pool::family);
    request.owner = request.owner.of_family(family);
    match pool {
        Ok(pool) => Ok((request, pool)),
        Err(refused) => Err((Some(request.owner), refused)),
    }
}

/// When one request of a batch is refused, none is granted.
pub fn all_or_nothing<T>(results: Vec<&mut Result<T, Refused>>) {
    if results.iter().any(|result| result.is_err()) {
        for result in results.into_iter().filter(|result| result.is_ok()) {
            *result = Err(Refused::batch());
        }
    }
}

/// An owner that occurs twice in a batch.
#[must_use]
pub fn duplicate(owner: &Owner) -> Refused {
    let message = format!("the batch has more than one request for {owner}");
    Refused::new(Code::DuplicateName, message)
}

#[cfg(test)]
mod tests;
