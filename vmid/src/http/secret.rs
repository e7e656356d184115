//! Tokens: where they come from, and what people paste with them by mistake.
//!
//! No message of this file and no `Debug` shows any part of one.

use std::{fmt, fs::File, io::Read as _};

use anyhow::anyhow;

use crate::exit;

/// The most that is read of a token's file, in bytes; a token has about a hundred.
const FILE_LIMIT: u64 = 64 << 10;

/// Words that headers begin with, and so what is copied out of examples; the header gets its own.
const HEADER_WORDS: [&str; 4] = ["Authorization:", "Bearer ", "Token ", "PVEAPIToken="];

/// A token or password.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// From a value, or else from a file whose first line it is.
    ///
    /// # Errors
    ///
    /// The file cannot be read; the text is empty, is in quotes, begins with a word of the
    /// header (`Bearer `, `Token `, `PVEAPIToken=`), or has characters that no token has.
    pub fn find(value: Option<&str>, file: Option<&str>) -> anyhow::Result<Option<Self>> {
        let (text, place) = match (value.filter(|value| !value.is_empty()), file) {
            (Some(value), _) => (value.to_owned(), String::new()),
            (None, Some(file)) if !file.is_empty() => (read(file)?, format!("{file}: ")),
            _ => return Ok(None),
        };
        let line = text.lines().next().unwrap_or_default().trim();
        match fault(line) {
            None => Ok(Some(Self(line.to_owned()))),
            Some(what) => Err(anyhow!("{place}the token {what}")),
        }
    }

    /// A whole header's value, put together from a token and what stands before it.
    ///
    /// # Errors
    ///
    /// It has characters that no header has.
    pub fn header(text: String) -> anyhow::Result<Self> {
        let fits = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if text.bytes().all(fits) {
            return Ok(Self(text));
        }
        Err(anyhow!("the token has characters that no token has"))
    }

    /// The secret itself; for a header, not for a message.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is wrong with a token, said without showing it.
fn fault(line: &str) -> Option<String> {
    let begins = |word: &str| {
        let start = line.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let quotes = |c: char| c == '"' || c == '\'';
    if line.is_empty() {
        return Some("is empty".to_owned());
    }
    if line.starts_with(quotes) || line.ends_with(quotes) {
        return Some("is in quotes, which are no part of it".to_owned());
    }
    if let Some(word) = HEADER_WORDS.iter().find(|word| begins(word)) {
        let word = word.trim_end();
        return Some(format!("begins with {word:?}, which is no part of it"));
    }
    let plain = line.bytes().all(|byte| byte.is_ascii_graphic());
    (!plain).then(|| "has characters that no token has, such as a space".to_owned())
}

fn read(file: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let unread = |error| anyhow!("{file}: {}", exit::reason(&error));
    let opened = File::open(file).map_err(unread)?;
    let read = opened.take(FILE_LIMIT).read_to_string(&mut text);
    read.map_err(unread)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_with_a_token() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("a token",            "nbt_abc.HUNTER2",             Ok("nbt_abc.HUNTER2")),
            ("a line end",         "HUNTER2\r\nsecond line",      Ok("HUNTER2")),
            ("Proxmox's",          "a@pve!b=HUNTER2",             Ok("a@pve!b=HUNTER2")),
            ("only a line end",    "\n",                          Err("is empty")),
            ("double quotes",      "\"HUNTER2\"",                 Err("is in quotes, which are no part of it")),
            ("one quote",          "HUNTER2'",                    Err("is in quotes, which are no part of it")),
            ("NetBox's word",      "Token HUNTER2",               Err("begins with \"Token\", which is no part of it")),
            ("in small letters",   "bearer HUNTER2",              Err("begins with \"Bearer\", which is no part of it")),
            ("Proxmox's word",     "PVEAPIToken=a@pve!b=HUNTER2", Err("begins with \"PVEAPIToken=\", which is no part of it")),
            ("the whole header",   "Authorization: Token HUNTER2", Err("begins with \"Authorization:\", which is no part of it")),
            ("a space in it",      "HUNTER 2",                    Err("has characters that no token has, such as a space")),
            ("an umlaut",          "HÜNTER2",                     Err("has characters that no token has, such as a space")),
        ];
        for (name, text, want) in cases {
            let got = Secret::find(Some(text), None).map(|secret| secret.unwrap().0);
            let want = want
                .map(str::to_owned)
                .map_err(|w| format!("the token {w}"));
            assert_eq!(got.map_err(|error| error.to_string()), want, "{name}");
        }
    }

    #[test]
    fn the_value_wins_and_nothing_is_shown() {
        assert!(Secret::find(Some(""), Some("")).unwrap().is_none());
        assert!(Secret::find(None, Some("/nonexistent/token")).is_err());
        let secret = Secret::find(Some("HUNTER2"), Some("/nonexistent/token")).unwrap();
        assert_eq!(format!("{secret:?}"), "Some(***)");
        assert!(Secret::header("Token a\nb".to_owned()).is_err());
    }
}
