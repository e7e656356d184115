//! Whether a request is one that the API has, by the schema of its own viewer.

use serde_json::{Map, Value, json};

use crate::format::wrong;

/// The methods that this cluster knows: the part of the schema that the tools need.
pub struct Schema(Value);

/// What a request is, once its path was found.
pub struct Method {
    /// The path with its variables, such as `/nodes/{node}/lxc`.
    pub path: String,
    /// The variables of the path, and the parameters.
    pub parameters: Map<String, Value>,
    /// What the token needs, as the schema has it.
    pub permissions: Value,
}

impl Schema {
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).expect("the schema is JSON"))
    }

    /// The method of a request, or the refusal that PVE gives: 501 for what it doesn't
    /// have, 400 with `errors` for parameters that don't fit.
    pub fn find(
        &self,
        method: &str,
        path: &str,
        given: &Map<String, Value>,
    ) -> Result<Method, (u16, Value)> {
        let missing = || {
            let message = format!("Method '{method} {path}' not implemented");
            (501, json!({"data": null, "message": message}))
        };
        let paths = self.0["paths"].as_object().ok_or_else(missing)?;
        let found = paths
            .iter()
            .filter(|(_, methods)| methods.get(method).is_some())
            .filter_map(|(pattern, methods)| {
                Some((pattern, &methods[method], variables(pattern, path)?))
            })
            // "/cluster/ha/rules" before "/cluster/ha/{x}".
            .min_by_key(|(_, _, variables)| variables.len());
        let (pattern, definition, mut parameters) = found.ok_or_else(missing)?;
        // What the path says, no parameter says otherwise.
        let variables = std::mem::replace(&mut parameters, given.clone());
        parameters.extend(variables);
        let known = &definition["parameters"]["properties"];
        let mut errors = Map::new();
        for (name, value) in &parameters {
            match rule(known, name) {
                // The schema has no properties here: anything goes.
                None if known.as_object().is_none_or(Map::is_empty) && given.is_empty() => {}
                None => {
                    let text = "property is not defined in schema and the schema does not allow additional properties";
                    errors.insert(name.clone(), text.into());
                }
                Some(rule) => {
                    if let Some(what) = wrong(name, rule, value) {
                        errors.insert(name.clone(), what.into());
                    }
                }
            }
        }
        for (name, rule) in known.as_object().into_iter().flatten() {
            if rule["optional"] != 1 && !parameters.contains_key(name) {
                let text = "property is missing and it is not optional";
                errors.insert(name.clone(), text.into());
            }
        }
        if !errors.is_empty() {
            let message = "Parameter verification failed.\n";
            let body = json!({"data": null, "message": message, "errors": errors});
            return Err((400, body));
        }
        Ok(Method {
            path: pattern.clone(),
            parameters,
            permissions: definition["permissions"].clone(),
        })
    }
}

/// The values of the `{variables}` of a pattern in a path that fits it.
fn variables(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let mut found = Map::new();
    let mut parts = path.split('/');
    for word in pattern.split('/') {
        let part = parts.next()?;
        match word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            // The one variable that slashes belong to.
            Some("volume") => {
                let rest: Vec<&str> = std::iter::once(part).chain(parts).collect();
                found.insert("volume".into(), rest.join("/").into());
                return Some(found);
            }
            Some(name) => drop(found.insert(name.to_owned(), part.into())),
            None if word == part => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(found)
}

/// The rule of a parameter: `net0` is one of `net[n]`.
fn rule<'a>(known: &'a Value, name: &str) -> Option<&'a Value> {
    known.get(name).or_else(|| {
        let series = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let numbered = series.len() < name.len();
        known.get(format!("{series}[n]")).filter(|_| numbered)
    })
}

/// A parameter as text: PVE makes no difference between 1, "1" and true.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "1".into(),
        Value::Bool(false) => "0".into(),
        other => other.to_string(),
    }
}
