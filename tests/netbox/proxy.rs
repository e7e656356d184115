//! A listener between a tool and NetBox that does what a server won't do on demand.

use std::{
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::wire::{self, Message};

/// What becomes of a request.
pub enum Reply {
    /// This, and the connection stays.
    Send(Message),
    /// These bytes, then the connection ends.
    Raw(Vec<u8>),
    /// The connection ends.
    Gone,
}

/// NetBox behind the proxy.
#[derive(Clone)]
pub struct Upstream(String);

impl Upstream {
    pub fn send(&self, request: &Message) -> Message {
        wire::ask(&self.0, request).expect("NetBox answers")
    }

    pub fn pass(&self, request: &Message) -> Reply {
        Reply::Send(self.send(request))
    }
}

type Handler = dyn Fn(&Message, &Upstream) -> Reply + Send + Sync;

/// A running proxy; its thread ends with the process.
pub struct Proxy {
    pub url: String,
    seen: Arc<Mutex<Vec<Message>>>,
    connections: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
}

impl Proxy {
    /// In front of `upstream` (`http://host:port`).
    pub fn start(
        upstream: &str,
        handler: impl Fn(&Message, &Upstream) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(upstream, None, Arc::new(handler))
    }

    /// As [`Self::start`], with TLS towards the client, passing everything on.
    pub fn with_tls(upstream: &str, settings: Arc<ServerConfig>) -> Self {
        Self::listen(
            upstream,
            Some(settings),
            Arc::new(|request, up| up.pass(request)),
        )
    }

    /// A host that no request may ever reach.
    pub fn trap() -> Self {
        Self::start("http://127.0.0.1:1", |_, _| {
            Reply::Send(Message::reply(
                200,
                "application/json",
                r#"{"count":0,"next":null,"results":[]}"#,
            ))
        })
    }

    fn listen(upstream: &str, tls: Option<Arc<ServerConfig>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let proxy = Self {
            url: format!(
                "{scheme}://127.0.0.1:{}",
                listener.local_addr().unwrap().port()
            ),
            seen: Arc::default(),
            connections: Arc::default(),
            busy: Arc::default(),
        };
        let host = upstream
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap_or_default();
        let upstream = Upstream(host.to_owned());
        let (seen, connections, busy) = (
            proxy.seen.clone(),
            proxy.connections.clone(),
            proxy.busy.clone(),
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (upstream, handler) = (upstream.clone(), handler.clone());
                let (seen, busy, tls) = (seen.clone(), busy.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &upstream, &*handler, &seen, &busy),
                    Some(settings) => {
                        let connection = ServerConnection::new(settings).unwrap();
                        let stream: StreamOwned<_, TcpStream> =
                            StreamOwned::new(connection, stream);
                        serve(stream, &upstream, &*handler, &seen, &busy);
                    }
                });
            }
        });
        proxy
    }

    /// The requests that came, as `METHOD target`.
    pub fn seen(&self) -> Vec<String> {
        let line = |m: &Message| format!("{} {}", m.method(), m.target());
        self.seen.lock().unwrap().iter().map(line).collect()
    }

    /// How many of them had that method.
    pub fn count(&self, method: &str) -> usize {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|m| m.method() == method)
            .count()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits for requests that are still being passed on.
    pub fn settle(&self) {
        while self.busy.load(Ordering::SeqCst) > 0 {
            thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

fn serve<S: Read + Write>(
    stream: S,
    upstream: &Upstream,
    handler: &Handler,
    seen: &Mutex<Vec<Message>>,
    busy: &AtomicUsize,
) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = Message::read(&mut stream) {
        seen.lock().unwrap().push(request.clone());
        busy.fetch_add(1, Ordering::SeqCst);
        let reply = handler(&request, upstream);
        busy.fetch_sub(1, Ordering::SeqCst);
        let out = stream.get_mut();
        let sent = match &reply {
            Reply::Send(message) => out.write_all(&message.bytes()),
            Reply::Raw(bytes) => out.write_all(bytes),
            Reply::Gone => return,
        };
        if sent.and_then(|()| out.flush()).is_err() || !matches!(reply, Reply::Send(_)) {
            return;
        }
    }
}
