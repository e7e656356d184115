//! A guest as an argument names it.

use vmid::positional;

use crate::{owner, request};

/// A guest as an argument names it: `web`, or `web/net1` for one of its interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The guest.
    pub name: String,
    /// One of its interfaces.
    pub interface: Option<String>,
}

impl Word {
    /// One to be given an address.
    ///
    /// # Errors
    ///
    /// As [`Word::released`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let hint = |what: String| match request::parse_wanted(text) {
            Ok(_) => format!("{what}; did you mean --address?"),
            Err(_) => what,
        };
        Self::released(text).map_err(hint)
    }

    /// One to be released. Whether the name is a host's is judged later, as for a record;
    /// here is refused what is meant for another place.
    ///
    /// # Errors
    ///
    /// It is a file, or an address.
    pub fn released(text: &str) -> Result<Self, String> {
        let (name, interface) = owner::parts(text);
        if request::parse_wanted(text).is_ok() {
            return Err("it is an address, not a name".to_owned());
        }
        if positional::looks_like_file(text) {
            return Err(positional::told(text));
        }
        Ok(Self {
            name: name.to_owned(),
            interface: interface.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_arguments() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<(&str, Option<&str>)>)] = &[
            ("a name",               "web.lab.example", Some(("web.lab.example", None))),
            ("an interface of it",   "web/net1",        Some(("web", Some("net1")))),
            ("judged later",         "a b",             Some(("a b", None))),
            ("a file of records",    "guests.jsonl",    None),
            ("a file in a folder",   "lists/web",       None),
            ("one with its ending",  "lists/web.csv",   None),
            ("a path",               "./guests",        None),
            ("a long path",          "a/b/c",           None),
            ("a folder",             "lists/",          None),
            ("an address",           "192.168.30.66",   None),
            ("with its mask",        "fd00::1/64",      None),
        ];
        for (name, text, want) in cases {
            let got = Word::parse(text).ok();
            let want = want.map(|(name, interface)| Word {
                name: name.to_owned(),
                interface: interface.map(str::to_owned),
            });
            assert_eq!(got, want, "{name}");
        }
    }
}
