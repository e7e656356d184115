//! The listener, and the clock that drives the world.

use std::{
    io::{BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::{
    fault::Fault,
    http::{self, Reply, Request},
    scenario,
    schema::Schema,
    tls::Certificate,
    world::World,
};

pub struct Server {
    pub url: String,
    /// `user@realm!id=secret` of the first token.
    pub token: String,
    pub certificate: Option<Certificate>,
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    schema: Schema,
    started: Instant,
    speed: f64,
}

impl Server {
    /// Serves on a port of its own until the process ends.
    pub fn start(mut world: World, schema: &str, speed: f64, tls: bool) -> Self {
        world.settle_ha();
        let (id, secret) = world.tokens.first_key_value().expect("a token");
        let token = format!("{id}={secret}");
        let certificate = tls.then(Certificate::make);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls { "https" } else { "http" };
        let url = format!(
            "{scheme}://127.0.0.1:{}",
            listener.local_addr().unwrap().port()
        );
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            schema: Schema::parse(schema),
            started: Instant::now(),
            speed,
        });
        let settings = certificate.as_ref().map(|c| c.settings.clone());
        let to_serve = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, settings) = (to_serve.clone(), settings.clone());
                let _ = stream.set_nodelay(true);
                thread::spawn(move || match settings {
                    None => shared.serve(stream),
                    Some(settings) => {
                        let connection = ServerConnection::new(settings).unwrap();
                        shared.serve(StreamOwned::new(connection, stream));
                    }
                });
            }
        });
        Self {
            url,
            token,
            certificate,
            shared,
        }
    }

    pub fn truth(&self) -> Value {
        self.shared.now(|world, _| world.truth())
    }
}

impl Shared {
    fn now<T>(&self, then: impl FnOnce(&mut World, &Schema) -> T) -> T {
        let mut world = self.world.lock().unwrap();
        world.advance(self.started.elapsed().as_secs_f64() * self.speed);
        then(&mut world, &self.schema)
    }

    fn serve<S: Read + Write>(&self, stream: S) {
        let mut stream = BufReader::new(stream);
        while let Ok(Some(request)) = http::read(&mut stream) {
            let reply = self.now(
                |world, schema| match request.path.strip_prefix("/control/") {
                    Some(path) => control(world, path, &request),
                    None => world.handle(schema, &request),
                },
            );
            if !http::write(stream.get_mut(), &reply).unwrap_or(false) {
                return;
            }
        }
    }
}

fn control(world: &mut World, path: &str, request: &Request) -> Reply {
    let data = match path {
        "truth" => world.truth(),
        "fault" => {
            world
                .faults
                .push(Fault::parse(&request.parameters.clone().into()));
            world.fire_faults();
            Value::Null
        }
        "rights" => {
            let given = Value::from(request.parameters.clone());
            world.rights.extend(scenario::rights(&given));
            Value::Null
        }
        "set" => {
            scenario::set(world, &request.parameters.clone().into());
            Value::Null
        }
        _ => return Reply::Answer(404, "Not Found".into(), Value::Null),
    };
    Reply::Answer(200, "OK".into(), json!({"data": data}))
}
