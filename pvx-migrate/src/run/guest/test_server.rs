//! The scripted cluster behind HTTP on loopback.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::json;
use vmid::http::Options;

use super::test_pve::{USER, World};
use crate::pve::{Environment, Pve};

/// A server and its cluster.
pub struct Server {
    /// The cluster.
    pub world: Arc<Mutex<World>>,
    /// A client.
    pub pve: Pve,
}

impl Server {
    /// Begins to serve.
    pub fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let world = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &world));
            }
        });
        let environment = Environment {
            endpoint: Some(address),
            token: Some(format!("{USER}=s")),
            ..Environment::default()
        };
        let options = Options {
            ca_cert: None,
            fingerprint: None,
            insecure: false,
            timeout: Duration::from_secs(60),
            verbose: false,
        };
        Self {
            world,
            pve: Pve::new(&environment, &options).unwrap(),
        }
    }

    /// The cluster as it is.
    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request is read whole before it is answered.
fn serve(stream: TcpStream, world: &Mutex<World>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let mut words = head.split(' ');
        let method = words.next().unwrap().to_owned();
        let path = words.next().unwrap().strip_prefix("/api2/json").unwrap();
        let body = String::from_utf8(body).unwrap();
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((status, data)) = world.hear(&method, path, &body) else {
            return; // no answer
        };
        drop(world);
        let text = match status {
            200 => json!({"data": data}),
            _ if data.is_object() => {
                json!({"data": null, "message": "Parameter verification failed.\n", "errors": data})
            }
            _ => json!({"data": null, "message": format!("{}\n", data.as_str().unwrap())}),
        };
        let text = text.to_string();
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
