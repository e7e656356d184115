//! From a request to its answer: what every request goes through, and the table of methods.

use serde_json::{Map, Value, json};

use crate::{
    http::{Reply, Request},
    schema::{Method, Schema, text},
    world::World,
};

/// What a method answers with: data, or a status with its message.
pub type Answer = Result<Value, (u16, String)>;

/// The parameters of a call, read by name.
pub struct Call<'a> {
    pub token: &'a str,
    pub parameters: &'a Map<String, Value>,
    /// What was uploaded.
    pub file: Option<&'a [u8]>,
}

impl Call<'_> {
    pub fn text(&self, name: &str) -> String {
        self.parameters.get(name).map(text).unwrap_or_default()
    }

    pub fn has(&self, name: &str) -> bool {
        self.parameters.contains_key(name)
    }

    pub fn on(&self, name: &str) -> bool {
        ["1", "true", "yes", "on"].contains(&self.text(name).as_str())
    }

    pub fn number(&self, name: &str, otherwise: f64) -> f64 {
        self.text(name).parse().unwrap_or(otherwise)
    }

    pub fn vmid(&self) -> u32 {
        self.text("vmid").parse().unwrap_or(0)
    }
}

pub fn failed<T>(status: u16, message: impl Into<String>) -> Result<T, (u16, String)> {
    Err((status, message.into()))
}

impl World {
    pub fn handle(&mut self, schema: &Schema, request: &Request) -> Reply {
        let fault = self.reply_fault(request);
        let real = if fault.as_ref().is_none_or(|fault| fault.acts) {
            self.answer(schema, request)
        } else {
            Reply::Cut
        };
        let status = real.status();
        let reply = match fault {
            None => real,
            Some(fault) => fault.of(real),
        };
        let told = reply.status();
        self.requests.push(
            json!({"at": self.now, "method": request.method, "path": request.path,
            "parameters": request.parameters, "status": status, "told": told}),
        );
        reply
    }

    fn answer(&mut self, schema: &Schema, request: &Request) -> Reply {
        let error = |status: u16, message: &str| {
            let reason = message
                .trim_end()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            Reply::Answer(
                status,
                reason,
                json!({"data": null, "message": format!("{message}\n")}),
            )
        };
        if request.too_large {
            return Reply::Empty(501, "for data too large".into());
        }
        let Some(path) = request.path.strip_prefix("/api2/json") else {
            return error(404, "File not found");
        };
        let Some(token) = self.token(&request.authorization) else {
            return Reply::Empty(401, "Authentication failed!".into());
        };
        let method = match schema.find(&request.method, path, &request.parameters) {
            Ok(method) => method,
            Err((status, body)) => {
                let reason = body["message"].as_str().unwrap_or_default();
                let reason = reason.trim_end().to_owned();
                return Reply::Answer(status, reason, body);
            }
        };
        if let Some(node) = method
            .parameters
            .get("node")
            .map(text)
            .filter(|_| path.starts_with("/nodes/"))
        {
            match self.nodes.get(&node) {
                None => {
                    return error(
                        500,
                        &format!(
                            "hostname lookup '{node}' failed - failed to get address info for: {node}: Temporary failure in name resolution"
                        ),
                    );
                }
                Some(node) if !node.online => {
                    return Reply::Empty(595, "Connection timed out".into());
                }
                Some(_) => {}
            }
        }
        if let Some(refusal) = older(&request.method, path, &method).filter(|_| self.api < 9) {
            return refusal;
        }
        let permissions = match method.path.contains("/agent/") && self.api < 9 {
            true => json!({"check": ["perm", "/vms/{vmid}", ["VM.Monitor"]]}),
            false => method.permissions.clone(),
        };
        if let Some(message) = self.forbidden(&token, &permissions, &method.parameters) {
            // An upload is ended before its body was read, and has no answer but this.
            return match method.path.ends_with("/upload") {
                true => Reply::Empty(403, message),
                false => error(403, &message),
            };
        }
        let call = Call {
            token: &token,
            parameters: &method.parameters,
            file: request.file.as_deref(),
        };
        match self.call(&format!("{} {}", request.method, method.path), &call) {
            Ok(data) => {
                let mut body = json!({"data": data});
                if method.path == "/nodes/{node}/tasks" {
                    body["total"] = self.total_tasks(&call).into();
                }
                if method.path.ends_with("/{upid}/log") {
                    body["total"] = self.total_lines(&call).into();
                }
                Reply::Answer(200, "OK".into(), body)
            }
            Err((400, message)) => {
                let (name, what) = message.split_once(": ").unwrap_or((&message, ""));
                let body = json!({"data": null, "message": "Parameter verification failed.\n", "errors": {name: what}});
                Reply::Answer(400, "Parameter verification failed.".into(), body)
            }
            Err((status, message)) => error(status, &message),
        }
    }

    fn call(&mut self, method: &str, call: &Call) -> Answer {
        match method {
            "GET /version" => Ok(self.version()),
            "GET /access/permissions" => Ok(self.permissions(call.token)),
            "GET /access/acl" => Ok(self.acl_entries(call.token)),
            "GET /cluster/status" => Ok(self.cluster_status()),
            "GET /cluster/resources" => Ok(self.resources(call)),
            "GET /cluster/options" => Ok(self.options(call)),
            "GET /cluster/tasks" => Ok(self.cluster_tasks(call)),
            "GET /cluster/replication" => Ok(self.replication(call)),
            "GET /cluster/backup" => Ok(self.backup_list()),
            "GET /cluster/backup/{id}" => self.backup_job(call),
            "GET /cluster/backup/{id}/included_volumes" => self.included_volumes(call),
            "GET /cluster/backup-info/not-backed-up" => Ok(self.not_backed_up(call)),
            "GET /pools" => self.pool_list(call),
            "GET /pools/{poolid}" => self.pool(call),
            "POST /nodes/{node}/storage/{storage}/upload" => self.upload(call, call.file),
            "GET /cluster/config/nodes" => Ok(self.config_nodes()),
            "GET /cluster/mapping/pci"
            | "GET /cluster/mapping/usb"
            | "GET /cluster/mapping/dir" => {
                let kind = method.rsplit('/').next().unwrap_or_default();
                Ok(self.mappings[kind]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
                    .into())
            }
            "GET /cluster/ha/status/current" => Ok(self.ha_status()),
            "GET /cluster/ha/resources" => Ok(self.ha_resources()),
            "GET /cluster/ha/resources/{sid}" => self.ha_resource(call),
            "POST /cluster/ha/resources" => self.ha_resource_added(call),
            "DELETE /cluster/ha/resources/{sid}" => self.ha_resource_removed(call),
            "GET /cluster/ha/rules" => Ok(self.ha_rules()),
            "GET /cluster/ha/groups" if self.api >= 9 && self.ha.groups.is_empty() => failed(
                500,
                "cannot index groups: ha groups have been migrated to rules",
            ),
            "GET /cluster/ha/groups" => Ok(self.ha_groups()),
            "GET /nodes" => Ok(self.node_list(call)),
            "GET /nodes/{node}/status" => Ok(self.node_status(&call.text("node"))),
            "GET /nodes/{node}/time" => Ok(self.node_time(&call.text("node"))),
            "GET /nodes/{node}/version" => Ok(self.version()),
            "GET /nodes/{node}/network" => Ok(self.network(call)),
            "GET /nodes/{node}/storage" => Ok(self.node_storage(call)),
            "GET /nodes/{node}/storage/{storage}/content" => self.storage_content(call),
            "DELETE /nodes/{node}/storage/{storage}/content/{volume}" => self.delete_volume(call),
            "GET /nodes/{node}/replication" => Ok(self.node_replication(call)),
            "POST /nodes/{node}/lxc" => self.create(call, true),
            "POST /nodes/{node}/qemu" => self.create(call, false),
            "GET /cluster/nextid" => self.next_id(call),
            "GET /storage" => Ok(self.storage_list(call)),
            "GET /nodes/{node}/qemu" | "GET /nodes/{node}/lxc" => {
                Ok(self.guest_list(call, method.ends_with("lxc")))
            }
            "GET /nodes/{node}/tasks" => Ok(self.node_tasks(call)),
            "GET /nodes/{node}/tasks/{upid}/status" => self.task_status(call),
            "GET /nodes/{node}/tasks/{upid}/log" => self.task_log(call),
            "DELETE /nodes/{node}/tasks/{upid}" => self.task_stop(call),
            _ => self.guest_call(method, call),
        }
    }
}

/// What PVE 8 does not have yet.
fn older(verb: &str, path: &str, method: &Method) -> Option<Reply> {
    let missing = method.path.starts_with("/cluster/ha/rules")
        || method.path == "/nodes/{node}/lxc/{vmid}/migrate" && verb == "GET"
        || method.path.starts_with("/cluster/bulk-action");
    if missing {
        let message = format!("Method '{verb} {path}' not implemented");
        return Some(Reply::Answer(
            501,
            message.clone(),
            json!({"data": null, "message": message}),
        ));
    }
    method.parameters.contains_key("with-conntrack-state").then(|| {
        let errors = json!({"with-conntrack-state": "property is not defined in schema and the schema does not allow additional properties"});
        let body = json!({"data": null, "message": "Parameter verification failed.\n", "errors": errors});
        Reply::Answer(400, "Parameter verification failed.".into(), body)
    })
}
