//! A route of a reverse proxy: one page, asked through the proxy by SNI and Host as clients ask for
//! it, and straight from the backend. Both are asked at a time, so that a proxy which hangs doesn't
//! hide whether its backend lives.

use std::{net::IpAddr, thread};

use vmid::url;

use super::{
    Host, How, Outcome, Reply,
    http::{Get, Url},
    wire,
};
use crate::{
    evidence::Unseen,
    fields::{Fields, shown},
};

/// Room for a TLS handshake, in bytes.
const STACK: usize = 256 * 1024;

/// A page, and the two ways to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Through the proxy.
    through: Get,
    /// The proxy; none: the address that is asked.
    pub via: Option<IpAddr>,
    /// From the backend.
    straight: Get,
    /// The backend's address.
    pub backend: IpAddr,
}

/// What came of both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legs {
    /// The proxy's address.
    pub via: IpAddr,
    /// What came through it.
    pub proxy: Outcome,
    /// The backend's URL, without what may be a secret.
    pub backend_url: String,
    /// What came from the backend itself.
    pub backend: Outcome,
}

impl Route {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let url = fields.required("url");
        let parsed = url.as_deref().map(Url::parse);
        if let Some(Err(what)) = &parsed {
            fields.wrong("url", what.clone());
        }
        let via = fields.text("via").and_then(|text| {
            let address = text.parse::<IpAddr>().ok().filter(is_host);
            if address.is_none() {
                fields.wrong("via", format!("is {}, no address of a host", shown(&text)));
            }
            address
        });
        let backend_url = fields.required("backend");
        let backend = backend_url.as_deref().and_then(|text| match address(text) {
            Ok(address) => Some(address),
            Err(what) => {
                fields.wrong("backend", what);
                None
            }
        });
        let status = fields.statuses("status");
        fields.end();
        // An application may know no other name than the one that proxies pass on.
        let host = parsed.and_then(Result::ok).map(|url| url.authority);
        Some(Self {
            through: Get::page(url?, status.clone()),
            via,
            straight: Get {
                host,
                ..Get::page(backend_url?, status)
            },
            backend: backend?,
        })
    }

    pub(super) fn label(&self) -> String {
        format!("route {}", url::shown(&self.through.url))
    }

    /// The proxy's port.
    pub(super) fn port(&self) -> u16 {
        self.through.port()
    }

    /// What clients get: the page through the proxy, and nothing of the backend.
    pub(super) fn through(&self, host: Host, clock: &wire::Clock) -> Reply {
        self.through.ask(self.via.map_or(host, Host::from), clock)
    }

    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock) -> Reply {
        let via = self.via.map_or(host, Host::from);
        let deadline = clock.deadline;
        let (proxy, backend) = thread::scope(|scope| {
            let straight = || {
                let clock = wire::Clock::until(deadline);
                self.straight.ask(self.backend.into(), &clock).outcome
            };
            let builder = thread::Builder::new().stack_size(STACK);
            let asked = builder.spawn_scoped(scope, straight);
            let proxy = self.through(host, clock).outcome;
            let backend = match asked.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(backend)) => backend,
                Ok(Err(_)) => not_asked("the probe failed"), // a bug of ours, and no answer
                Err(_) => not_asked("no thread for it"),
            };
            (proxy, backend)
        });
        let legs = Legs {
            via: via.address,
            proxy,
            backend_url: url::shown(&self.straight.url).into_owned(),
            backend,
        };
        let mut reply = Reply::of(legs.outcome());
        reply.legs = Some(Box::new(legs));
        reply
    }
}

impl Legs {
    /// Both in one: good if both are; not seen if nothing else is wrong.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        use Outcome::{Dead, Good, Unseen, Wrong};
        let how = match (&self.proxy, &self.backend) {
            (Good, Good) => return Good,
            (Unseen(why), Good | Unseen(_)) | (Good, Unseen(why)) => return Unseen(why.clone()),
            (Dead(how, _), _) | (_, Dead(how, _)) => Some(*how),
            _ => None,
        };
        let said = format!("proxy: {}; backend: {}", self.proxy, self.backend);
        how.map_or_else(|| Wrong(said.clone()), |how: How| Dead(how, said.clone()))
    }
}

fn not_asked(message: &str) -> Outcome {
    Outcome::Unseen(Unseen {
        what: "probe".to_owned(),
        errno: String::new(),
        message: message.to_owned(),
    })
}

fn is_host(address: &IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

/// The address in a backend's URL: no name is looked up here, since that would be a probe of the DNS.
fn address(text: &str) -> Result<IpAddr, String> {
    let url = Url::parse(text)?;
    let address = url.host.parse::<IpAddr>().ok().filter(is_host);
    address.ok_or_else(|| {
        let text = shown(text);
        format!(
            "is {text}, in which the backend's own address has to stand: http://ADDRESS[:PORT]/PATH"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fields::parsed,
        probe::{On, Probe, What},
    };
    use serde_json::json;
    use std::{
        io::{Read as _, Write as _},
        net::{Ipv4Addr, TcpListener},
        time::{Duration, Instant},
    };

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A server that gives one answer, and hands over what it was asked; without an answer it is mute.
    fn server(answer: Option<&'static str>) -> (u16, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let handle = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 2000];
            let length = stream.read(&mut request).unwrap();
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
                None => drop(stream.read(&mut request)), // until the other side gives up
            }
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        (port, handle)
    }

    fn closed() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }

    fn route(proxy: u16, backend: u16) -> Route {
        let fields = json!({"url": format!("http://arr.example.com:{proxy}/a?key=HUNTER2"), "via": "127.0.0.1",
            "backend": format!("http://127.0.0.1:{backend}/b?key=HUNTER2"), "status": [200, 302]});
        parsed(&fields, Route::parse).unwrap()
    }

    #[test]
    fn which_of_the_two_ways_fails() {
        const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
        const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n";
        const GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
        const NO_ROUTE: &str = "HTTP/1.1 404 Not Found\r\n\r\n";
        #[rustfmt::skip]
        let cases = [
            ("both are well",          Some(OK),       Some(MOVED),   "ok"),
            ("the proxy knows it not", Some(NO_ROUTE), Some(OK),      "proxy: status 404, not 200 or 302; backend: ok"),
            ("the proxy gets nothing", Some(GATEWAY),  Some(OK),      "proxy: status 502, not 200 or 302; backend: ok"),
            ("the backend is dead",    Some(GATEWAY),  None,          "proxy: status 502, not 200 or 302; backend: connection refused"),
            ("the proxy is dead",      None,           Some(OK),      "proxy: connection refused; backend: ok"),
            ("the backend is sick",    Some(OK),       Some(GATEWAY), "proxy: ok; backend: status 502, not 200 or 302"),
            ("both are dead",          None,           None,          "proxy: connection refused; backend: connection refused"),
        ];
        for (name, proxy, backend, want) in cases {
            let up = |answer: Option<&'static str>| match answer {
                Some(answer) => {
                    let (port, handle) = server(Some(answer));
                    (port, Some(handle))
                }
                None => (closed(), None),
            };
            let (proxy, backend) = (up(proxy), up(backend));
            let route = route(proxy.0, backend.0);
            // The address asked is another: the route names its proxy.
            let other = Host::from("192.0.2.1".parse::<IpAddr>().unwrap());
            let reply = route.ask(other, &wire::Clock::of(Duration::from_secs(10)));
            assert_eq!(reply.outcome.to_string(), want, "{name}");
            let legs = reply.legs.unwrap();
            assert_eq!(legs.via, LOCAL, "{name}");
            assert!(!format!("{legs:?}").contains("HUNTER2"), "{name}: {legs:?}");
            if let Some(asked) = proxy.1.map(|handle| handle.join().unwrap()) {
                let host = format!("\r\nHost: arr.example.com:{}\r\n", proxy.0);
                assert!(
                    asked.starts_with("GET /a?key=") && asked.contains(&host),
                    "{name}: {asked}"
                );
            }
            if let Some(asked) = backend.1.map(|handle| handle.join().unwrap()) {
                let host = format!("\r\nHost: arr.example.com:{}\r\n", proxy.0);
                assert!(
                    asked.starts_with("GET /b?key=") && asked.contains(&host),
                    "{name}: {asked}"
                );
            }
        }
    }

    #[test]
    fn a_proxy_that_hangs_hides_no_backend() {
        let (mute, handle) = server(None);
        let (backend, _) = server(Some("HTTP/1.1 200 OK\r\n\r\n"));
        let started = Instant::now();
        let reply =
            route(mute, backend).ask(LOCAL.into(), &wire::Clock::of(Duration::from_millis(300)));
        assert!(started.elapsed() < Duration::from_secs(5), "one timeout");
        let want = "proxy: no answer in time; backend: ok";
        assert_eq!(reply.outcome.to_string(), want);
        assert!(matches!(reply.outcome, Outcome::Dead(How::Timeout, _)));
        handle.join().unwrap();
    }

    #[test]
    fn clients_have_what_comes_through_the_proxy() {
        let (proxy, handle) = server(Some("HTTP/1.1 200 OK\r\n\r\n"));
        let probe = Probe {
            what: What::Route(Box::new(route(proxy, closed()))),
            on: On::All,
            rebinds: false,
        };
        let reply = probe.ask_once(LOCAL.into(), Instant::now() + Duration::from_secs(10));
        assert!(reply.is_good() && reply.legs.is_none(), "{reply:?}");
        handle.join().unwrap();
    }

    #[test]
    fn what_is_not_seen_is_not_called_dead() {
        let (good, bad) = (
            Outcome::Good,
            Outcome::Wrong("status 502, not 200".to_owned()),
        );
        let unseen = not_asked("network is unreachable");
        let cases = [
            (&unseen, &good, "not asked: network is unreachable"),
            (&good, &unseen, "not asked: network is unreachable"),
            (
                &unseen,
                &bad,
                "proxy: not asked: network is unreachable; backend: status 502, not 200",
            ),
            (
                &bad,
                &unseen,
                "proxy: status 502, not 200; backend: not asked: network is unreachable",
            ),
        ];
        for (proxy, backend, want) in cases {
            let legs = Legs {
                via: LOCAL,
                proxy: proxy.clone(),
                backend_url: String::new(),
                backend: backend.clone(),
            };
            assert_eq!(legs.outcome().to_string(), want);
        }
    }

    #[test]
    fn fields_of_a_route() {
        let secret = "http://u:HUNTER2@192.0.2.1/";
        let good =
            json!({"url": "https://arr.example.com/a", "backend": "http://192.0.2.1:7878/a"});
        let read = parsed(&good, Route::parse).unwrap();
        assert_eq!(
            (read.via, read.port(), read.label().as_str()),
            (None, 443, "route https://arr.example.com/a")
        );
        let with = |name: &str, value: serde_json::Value| {
            let mut fields = good.clone();
            fields[name] = value;
            fields
        };
        #[rustfmt::skip]
        let cases = [
            ("a name",            with("backend", json!("http://radarr:7878/")), "probe.backend is \"http://radarr:7878/\", in which the backend's own address has to stand"),
            ("no address",        with("via", json!("proxy")),                   "probe.via is \"proxy\", no address of a host"),
            ("nobody's address",  with("via", json!("0.0.0.0")),                 "probe.via is \"0.0.0.0\", no address of a host"),
            ("another scheme",    with("url", json!("ftp://a/")),                "probe.url is \"ftp://a/\", not http(s)://host[:port]/path"),
            ("no status",         with("status", json!([])),                     "probe.status is a list, not a whole number from 100 to 599, or a list of them"),
            ("one that is none",  with("status", json!([200, 600])),             "probe.status is a list, not a whole number from 100 to 599"),
            ("a password",        with("backend", json!(secret)),                "probe.backend has user information"),
            ("one in via",        with("via", json!(secret)),                    "probe.via is a text with an @ (not shown), no address of a host"),
            ("both are missing",  json!({}),                                     "probe.url is missing\nprobe.backend is missing"),
            ("another key",       with("bakend", json!(1)),                      "probe.bakend is not known; near: backend"),
        ];
        for (name, fields, want) in cases {
            let wrong = parsed(&fields, Route::parse).unwrap_err();
            assert!(
                wrong.starts_with(want) && !wrong.contains("HUNTER2"),
                "{name}: {wrong}"
            );
        }
    }
}
