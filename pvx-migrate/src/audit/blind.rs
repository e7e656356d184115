//! What may have findings that nobody saw: an exemption that matches nothing there is not known to
//! be of no use.

use vmid::exempt::{Exemptions, Subject};

use super::{context::Context, guest::Audited};
use crate::permission;

/// Tells the exemptions what was not seen, beside the subjects of the findings that say so: what is
/// on such a node or storage, and what such a guest belongs to.
pub fn tell(context: &Context<'_>, guests: &[Audited<'_>], judge: &mut Exemptions, cluster: bool) {
    nodes(context, judge, cluster);
    for guest in guests {
        let subjects = guest.subjects();
        let mut storages = guest.config.volumes.iter();
        // Not by its pair: that another member was not seen is nothing of this one.
        let mut own = subjects.iter().filter(|subject| is_own(subject));
        let blind = cluster
            || own.any(|subject| judge.is_unseen(subject))
            || storages.any(|volume| judge.is_unseen(&Subject::Storage(volume.storage.clone())));
        if blind {
            // Its node isn't unseen by that.
            let own = subjects.into_iter();
            own.filter(|subject| !matches!(subject, Subject::Node(_)))
                .for_each(|subject| judge.unseen(subject));
            jobs(context, guest.guest.vmid).for_each(|job| judge.unseen(job));
        }
    }
    // Last: a guest is not unseen as its storage is on a node, too, that is off.
    storages(context, judge, cluster);
    hidden(context, judge);
}

fn is_own(subject: &Subject) -> bool {
    matches!(subject, Subject::Vmid(_) | Subject::Node(_))
}

/// Those that are off.
fn nodes(context: &Context<'_>, judge: &mut Exemptions, cluster: bool) {
    let nodes = context.cluster.nodes().iter();
    nodes
        .filter(|node| cluster || !node.online)
        .for_each(|node| judge.unseen(Subject::Node(node.node.clone())));
}

/// Those of which a node that is off, or told nothing, may have something.
fn storages(context: &Context<'_>, judge: &mut Exemptions, cluster: bool) {
    let off = context.cluster.nodes().iter().any(|node| !node.online);
    for storage in &context.cluster.state.storages {
        let mut nodes = storage.nodes.keys();
        if cluster
            || off
            || !storage.unknown.is_empty()
            || nodes.any(|node| judge.is_unseen(&Subject::Node(node.clone())))
        {
            judge.unseen(Subject::Storage(storage.storage.clone()));
        }
    }
}

fn jobs<'c>(context: &'c Context<'_>, vmid: u32) -> impl Iterator<Item = Subject> + 'c {
    let configured = context.cluster.replication(vmid).iter();
    let configured = configured.filter_map(|job| job.id.clone());
    let run = context.runs(vmid).iter().map(|run| run.id.clone());
    configured.chain(run).map(Subject::Job)
}

/// What no list has is not known to be nowhere, where the lists may lack something.
fn hidden(context: &Context<'_>, judge: &mut Exemptions) {
    let state = context.cluster.state;
    if !context.sees_all_guests {
        judge.unseen_all(|subject| {
            matches!(
                subject,
                Subject::Vmid(_) | Subject::Pair(_) | Subject::Service(_) | Subject::Job(_)
            )
        });
    }
    let sees = state.permissions.as_ref();
    if !sees.is_some_and(permission::has_on_all_storages) {
        judge.unseen_all(|subject| matches!(subject, Subject::Storage(_)));
    }
    if state.replication.is_none() {
        judge.unseen_all(|subject| matches!(subject, Subject::Job(_)));
    }
}
