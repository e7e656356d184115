//! Task IDs of Proxmox: `UPID:node:pid:pstart:start:type:id:user:`, with one more number in those of the
//! backup server; all numbers are hexadecimal, and what could be taken for a separator is `\x3a`.

/// What of it says when a task began, and of which job it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upid {
    /// When it began, in seconds.
    pub start: i64,
    /// The type of the task.
    pub kind: String,
    /// Of what it is.
    pub id: String,
}

impl Upid {
    /// Understands one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix("UPID:")?.split(':').collect();
        let (start, kind, id) = match parts[..] {
            [_node, _pid, _pstart, start, kind, id, _user, ""] => (start, kind, id),
            [_node, _pid, _pstart, _task, start, kind, id, _user, ""] => (start, kind, id),
            _ => return None,
        };
        Some(Self {
            start: i64::from(u32::from_str_radix(start, 16).ok()?),
            kind: kind.to_owned(),
            id: unescaped(id),
        })
    }
}

/// `store1\x3anightly` as it was meant; what is no escape stays.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        let code = behind
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        rest = match code {
            Some(code) => {
                bytes.push(code);
                &behind[2..]
            }
            None => {
                bytes.extend(b"\\x");
                behind
            }
        };
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_have_them() {
        #[rustfmt::skip]
        let cases: &[(&str, Option<(i64, &str, &str)>)] = &[
            ("UPID:pbs:000A1B2C:0F:00000003:69269F18:verificationjob:store1\\x3av\\x2d1:root@pam:", Some((1_764_138_776, "verificationjob", "store1:v-1"))),
            ("UPID:node2:000A1B2C:0F:69269F18:vzdump::root@pam:", Some((1_764_138_776, "vzdump", ""))),
            ("UPID:pbs:0:0:0:69269F18:gc:a\\xzz:root@pam:", Some((1_764_138_776, "gc", "a\\xzz"))),
            ("UPID:pbs:0:0:0:xyz:gc:a:root@pam:", None),
            ("UPID:pbs:0:0:0:-1:gc:a:root@pam:", None),
            ("UPID:pbs:0:0:0:7FFFFFFFFFFFFFFF:gc:a:root@pam:", None),
            ("UPID:pbs", None),
            ("", None),
        ];
        for (text, want) in cases {
            let got = Upid::parse(text);
            let got = got
                .as_ref()
                .map(|upid| (upid.start, &*upid.kind, &*upid.id));
            assert_eq!(got, *want, "{text}");
        }
    }
}
