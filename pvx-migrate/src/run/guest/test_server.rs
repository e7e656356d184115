//! The scripted cluster behind HTTP on loopback.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use serde_json::json;
use vmid::http::Options;

use super::test_pve::{USER, World};
use crate::pve::{Environment, Pve};

/// For how long nobody listens; of the run's own time that is 50 s.
const AWAY: Duration = Duration::from_millis(50);

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
            let at = listener.local_addr().unwrap();
            let (away, left) = mpsc::channel::<mpsc::Sender<()>>();
            let mut listener = listener;
            loop {
                let (stream, _) = listener.accept().unwrap();
                if let Ok(closed) = left.try_recv() {
                    drop(listener); // this connection has only woken it
                    closed.send(()).unwrap();
                    thread::sleep(AWAY);
                    listener = TcpListener::bind(at).unwrap();
                    continue;
                }
                let (world, away) = (Arc::clone(&shared), away.clone());
                thread::spawn(move || serve(stream, &world, &away));
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
fn serve(stream: TcpStream, world: &Mutex<World>, away: &mpsc::Sender<mpsc::Sender<()>>) {
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
        let asked = world.asked.len();
        let leaves = world.away_after.take_if(|after| *after == asked).is_some();
        drop(world);
        if leaves {
            let (closed, is_closed) = mpsc::channel();
            away.send(closed).unwrap();
            TcpStream::connect(stream.local_addr().unwrap()).unwrap();
            is_closed.recv().unwrap();
        }
        let text = match status {
            200 => json!({"data": data}),
            _ if data.is_object() => {
                json!({"data": null, "message": "Parameter verification failed.\n", "errors": data})
            }
            _ => json!({"data": null, "message": format!("{}\n", data.as_str().unwrap())}),
        };
        let text = text.to_string();
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n{text}",
            text.len(),
            if leaves { "close" } else { "keep-alive" },
        );
        if stream.write_all(answer.as_bytes()).is_err() || leaves {
            return;
        }
    }
}
