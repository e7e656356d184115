//! HA resources as guests are made, stopped and destroyed.

use serde_json::{Value, json};

use crate::{
    api::{Answer, Call, failed},
    ha::Service,
    task::Job,
    world::World,
};

impl World {
    /// A guest becomes a resource (LXC.pm, `vm_add_to_ha` by `ha-managed`).
    pub fn ha_add(&mut self, vmid: u32, ct: bool, started: bool) {
        let state = if started { "started" } else { "stopped" };
        let fields = json!({"state": state});
        let service = Service {
            request: state.into(),
            state: state.into(),
            node: self.guest(vmid).node.clone(),
            target: None,
            task: None,
            relocated: false,
            failback: true,
            fields: fields.as_object().cloned().unwrap_or_default(),
        };
        let kind = if ct { "ct" } else { "vm" };
        self.ha.services.insert(format!("{kind}:{vmid}"), service);
        self.ha.next = self.ha.next.min(self.now + self.ha.round_s);
    }

    /// The request is noted at once, and the guest goes down when its LRM comes to it.
    pub fn ha_stop(&mut self, call: &Call, vmid: u32) -> Answer {
        let due = self.now + self.ha.round_s;
        if let Some(guest) = self.guests.get_mut(&vmid).filter(|g| g.running && !g.deaf) {
            guest.stops_at = Some(due + guest.shutdown_s);
        }
        let what = if self.guest(vmid).ct { "CT" } else { "VM" };
        let task = self.spawned(&call.text("node"), "hastop", vmid, call.token, Job::Other);
        self.says(task, &format!("Requesting HA stop for {what} {vmid}"));
        Ok(self.tasks[task].upid.clone().into())
    }

    /// `GET /cluster/ha/resources/SID`.
    pub fn ha_resource(&self, call: &Call) -> Answer {
        let sid = call.text("sid");
        let rows = self.ha_resources();
        let found = rows
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["sid"] == *sid));
        let Some(found) = found else {
            return failed(500, format!("no such resource '{sid}'"));
        };
        let mut row = found.clone();
        if row.get("state").is_none() {
            row["state"] = json!("started");
        }
        Ok(row)
    }

    /// `POST /cluster/ha/resources`.
    pub fn ha_resource_added(&mut self, call: &Call) -> Answer {
        let (sid, state) = (call.text("sid"), call.text("state"));
        let vmid = crate::ha::vmid_of(&sid);
        if !self.guests.contains_key(&vmid) {
            return failed(
                500,
                format!("unable to add resource '{sid}' - no such guest"),
            );
        }
        self.ha_add(vmid, sid.starts_with("ct"), false);
        if let Some(service) = self.ha.services.get_mut(&sid).filter(|_| !state.is_empty()) {
            service.request.clone_from(&state);
            service.state.clone_from(&state);
            service.fields.insert("state".into(), state.into());
        }
        Ok(Value::Null)
    }

    /// `DELETE /cluster/ha/resources/SID`: rules forget it, too.
    pub fn ha_resource_removed(&mut self, call: &Call) -> Answer {
        let sid = call.text("sid");
        if self.ha.services.remove(&sid).is_none() {
            return failed(
                500,
                format!("cannot delete service '{sid}', not HA managed!"),
            );
        }
        self.forget_in_rules(&sid);
        Ok(Value::Null)
    }
}
