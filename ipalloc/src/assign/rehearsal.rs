//! What a dry run goes on from: the facts as they would be after a plan is carried out.

use super::{Facts, Interface, Machine, Plan, Target, Wish, choice};

impl Facts {
    /// Notes that the wish is carried out, so that the next one finds its machine, its interface and its
    /// primary address.
    pub fn rehearse(&mut self, wish: &Wish, target: Target, plan: &Plan) {
        let family = usize::from(target.address.is_ipv6());
        let found = choice::machine(wish, self).ok().flatten();
        let machine = match found.map(|machine| machine.id) {
            Some(machine) => machine,
            None => self.made(wish, plan),
        };
        let mut own = self.machines.iter_mut();
        if let Some(own) = own.find(|own| own.id == machine)
            && plan.at.primary
        {
            own.primary[family].get_or_insert(target.id.unwrap_or(u64::MAX));
        }
        let is_it = |i: &Interface| i.machine == machine && i.name == plan.at.interface;
        if !self.interfaces.iter().any(is_it) {
            self.interfaces.push(Interface {
                id: self.unused(),
                machine,
                name: plan.at.interface.clone(),
                mac: wish.mac.clone(),
                version: String::new(),
            });
        }
    }

    /// A machine that would be made.
    fn made(&mut self, wish: &Wish, plan: &Plan) -> u64 {
        let id = self.unused();
        self.machines.push(Machine {
            id,
            name: plan.at.machine.clone(),
            cluster: choice::cluster(wish, self).ok().cloned(),
            tenant: wish.tenant.clone(),
            primary: [None, None],
            version: String::new(),
        });
        id
    }

    /// A number that NetBox has given to nothing: it counts from 1.
    fn unused(&self) -> u64 {
        u64::MAX - (self.machines.len() + self.interfaces.len()) as u64
    }
}
