//! The members of a JSON object, taken out by name: what is left at the end is unknown,
//! and is told with the known name that is nearest.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value};

/// An object that is being read.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The object that `value` is.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn of(value: &'a Value) -> Result<Self, String> {
        match value {
            Value::Object(object) => Ok(Self {
                object,
                known: Vec::new(),
            }),
            other => Err(format!("{other} is no object")),
        }
    }

    /// The value of a field, if it is there and not null.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text that isn't empty.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, String> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(other) => Err(format!("{name} is {other}, not text that isn't empty")),
        }
    }

    /// As [`Self::text`]; it must be there.
    ///
    /// # Errors
    ///
    /// It is not, or is something else.
    pub fn required(&mut self, name: &'static str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// A whole number between `least` and `most`.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn whole<T: TryFrom<u64>>(
        &mut self,
        name: &'static str,
        least: u64,
        most: u64,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let number = value
            .as_u64()
            .filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| format!("{name} is {value}, not in {least}..={most}"))
    }

    /// A number that may have a fraction.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn number(&mut self, name: &'static str) -> Result<Option<f64>, String> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(format!("{name} is {value}, not a number")),
            },
        }
    }

    /// True or false; `absent` if it isn't there.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn truth(&mut self, name: &'static str, absent: bool) -> Result<bool, String> {
        match self.value(name) {
            None => Ok(absent),
            Some(Value::Bool(truth)) => Ok(*truth),
            Some(other) => Err(format!("{name} is {other}, not true or false")),
        }
    }

    /// The address of a host, without a mask.
    ///
    /// # Errors
    ///
    /// It is something else, or one that no host can have.
    pub fn address(&mut self, name: &'static str) -> Result<Option<IpAddr>, String> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let address = text.parse();
        let address = address.map_err(|_| format!("{name} {text:?} is no IP address"))?;
        match no_hosts(address) {
            Some(what) => Err(format!(
                "{name} {address} is {what}, which no host can have"
            )),
            None => Ok(Some(address)),
        }
    }

    /// The elements of an array; none if it isn't there.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn list(&mut self, name: &'static str) -> Result<&'a [Value], String> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(format!("{name} is {other}, not an array")),
        }
    }

    /// One text, or several or none in an array.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, String> {
        let wrong = |other: &Value| format!("{name} is {other}, not text or an array of text");
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
            Some(whole @ Value::Array(list)) => {
                let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
                let texts: Option<Vec<_>> = texts.collect();
                texts.map(Some).ok_or_else(|| wrong(whole))
            }
            Some(other) => Err(wrong(other)),
        }
    }

    /// The one member of the object that says what it is, as in `{"dns":{...}}`.
    ///
    /// # Errors
    ///
    /// None or several of `names` are there.
    pub fn one_of(
        &mut self,
        names: &'static [&'static str],
    ) -> Result<(&'static str, &'a Value), String> {
        let mut found = None;
        for name in names {
            if let Some(value) = self.value(name)
                && let Some((first, _)) = found.replace((*name, value))
            {
                return Err(format!("both {first} and {name} are in one object"));
            }
        }
        match found {
            Some(found) => Ok(found),
            None => {
                let unknown = self.object.keys().find(|name| !name.starts_with("x-"));
                Err(unknown.map_or_else(
                    || format!("none of {} is in it", names.join(", ")),
                    |name| unknown_name(name, names),
                ))
            }
        }
    }

    /// Every name has been asked for, or begins with `x-`.
    ///
    /// # Errors
    ///
    /// The first that hasn't.
    pub fn end(self) -> Result<(), String> {
        let unknown =
            |name: &&String| !name.starts_with("x-") && !self.known.contains(&name.as_str());
        match self.object.keys().find(unknown) {
            Some(name) => Err(unknown_name(name, &self.known)),
            None => Ok(()),
        }
    }
}

/// What an address is, if it can't be a host's (RFC 1122, 3.2.1.3; RFC 4291, 2.5.2 and 2.7).
fn no_hosts(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        plain if plain.is_unspecified() => Some("the unspecified address"),
        plain if plain.is_multicast() => Some("a multicast address"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("the broadcast address"),
        _ => None,
    }
}

fn unknown_name(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|other| (distance(name, other), other));
    match near.min().filter(|(distance, _)| *distance <= 2) {
        Some((_, near)) => {
            format!("{name:?} is not known; near: {near:?} (a name of your own begins with x-)")
        }
        None => format!(
            "{name:?} is not known; there are {} (a name of your own begins with x-)",
            known.join(", ")
        ),
    }
}

/// How many characters to put in, take out, replace, or swap with the next to make one of
/// the other (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut cost = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            cost[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let replaced = cost[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                    let shorter = cost[i - 1][j].min(cost[i][j - 1]) + 1;
                    let swapped =
                        i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                    let swapped = if swapped {
                        cost[i - 2][j - 2] + 1
                    } else {
                        usize::MAX
                    };
                    replaced.min(shorter).min(swapped)
                }
            };
        }
    }
    cost[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let cases = [
            ("same", "vrid", "vrid", 0),
            ("swapped", "vird", "vrid", 1),
            ("one less", "expects", "expect", 1),
            ("nothing", "", "vip", 3),
        ];
        for (name, one, other, want) in cases {
            assert_eq!(distance(one, other), want, "{name}");
            assert_eq!(distance(other, one), want, "{name}, the other way round");
        }
    }
}
