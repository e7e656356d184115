//! Whether a value is one that the API's schema allows; if not, why, in PVE's words (JSONSchema.pm).
//!
//! Formats that no test sends wrongly are taken as they come.

use serde_json::{Map, Value};

use crate::schema::text;

/// What is wrong with the value of a parameter, or of a part of one (`net0.ip`).
pub fn wrong(name: &str, rule: &Value, value: &Value) -> Option<String> {
    let kind = rule["type"].as_str().unwrap_or("string");
    if value.is_array() && kind != "array" {
        return Some(format!("type check ('{kind}') failed - got ARRAY"));
    }
    let text = text(value);
    type_check(kind, &text, value)
        .or_else(|| format(name, &rule["format"], &text))
        .or_else(|| bounds(rule, &text))
        .or_else(|| pattern(&rule["pattern"], &text))
        .or_else(|| enumeration(rule, &text))
}

fn type_check(kind: &str, text: &str, value: &Value) -> Option<String> {
    let booleans = ["0", "1", "yes", "no", "on", "off", "true", "false"];
    let fits = match kind {
        "integer" => text.parse::<i64>().is_ok(),
        "number" => text.parse::<f64>().is_ok(),
        "boolean" => booleans.contains(&text),
        "array" => value.is_array(),
        _ => true,
    };
    (!fits).then(|| format!("type check ('{kind}') failed - got '{text}'"))
}

fn bounds(rule: &Value, text: &str) -> Option<String> {
    let bound = |name: &str| {
        let bound = &rule[name];
        bound
            .as_f64()
            .or_else(|| bound.as_str().and_then(|text| text.parse().ok()))
    };
    if let Ok(number) = text.parse::<f64>() {
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            return Some(format!("value must have a minimum value of {least}"));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            return Some(format!("value must have a maximum value of {most}"));
        }
    }
    let most = bound("maxLength").filter(|most| text.chars().count() as f64 > *most)?;
    Some(format!("value may only be {most} characters long"))
}

/// Of the patterns those that tests run into.
fn pattern(rule: &Value, text: &str) -> Option<String> {
    let fits = match rule.as_str()? {
        r"\+?\d+(\.\d+)?[KMGT]?" => {
            let number = text.strip_prefix('+').unwrap_or(text);
            let number = number.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(number);
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            number.splitn(2, '.').all(digits)
        }
        "(/dev/[^,]+|socket)" => {
            let device = text.strip_prefix("/dev/");
            text == "socket" || device.is_some_and(|name| !name.is_empty() && !name.contains(','))
        }
        _ => true,
    };
    (!fits).then(|| "value does not match the regex pattern".to_owned())
}

fn enumeration(rule: &Value, text: &str) -> Option<String> {
    let words = rule["enum"].as_array()?;
    let list: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    (!list.contains(&text)).then(|| {
        let list = list.join(", ");
        format!("value '{text}' does not have a value in the enumeration '{list}'")
    })
}

/// A format by its name, or the parts of a property string.
fn format(name: &str, format: &Value, text: &str) -> Option<String> {
    let what = match format {
        Value::String(format) => format!("{}\n", named(format, text)?),
        Value::Object(parts) => property_string(name, parts, text)?,
        _ => return None,
    };
    Some(format!("invalid format - {what}"))
}

fn named(format: &str, text: &str) -> Option<String> {
    let list = || text.split([',', ';', ' ']).filter(|word| !word.is_empty());
    let looks = |what: &str| Some(format!("value does not look like a valid {what}"));
    match format {
        "pve-vmid" if !(100..=999_999_999).contains(&text.parse().unwrap_or(0_u64)) => {
            looks("VM ID")
        }
        "pve-node" if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            looks("node name")
        }
        "dns-name" if !dns_name(text) => looks("DNS name"),
        "dns-name-list" if !list().all(dns_name) => looks("DNS name"),
        "pve-ipv4-config" if !["dhcp", "manual"].contains(&text) && !network(text) => {
            looks("ipv4 network configuration")
        }
        "ipv4" if text.parse::<std::net::Ipv4Addr>().is_err() => looks("IPv4 address"),
        "lxc-ip-with-ll-iface-list" if text != "host" && !list().all(address) => {
            looks("IP address")
        }
        "address-list" if !list().all(|word| address(word) || dns_name(word)) => {
            looks("IP address or DNS name")
        }
        "pve-ct-timezone" if text != "host" && !time_zone(text) => {
            Some(format!("invalid time zone '{text}'"))
        }
        "pve-tag-list" if !list().all(tag) => Some("invalid characters in tag".into()),
        "urlencoded" if !text.chars().all(encoded) => {
            Some(format!("invalid urlencoded string: {text}"))
        }
        "pve-qm-ipconfig" if !text.split(',').all(|part| part.contains('=')) => {
            Some("value without key, but schema does not define a default key".into())
        }
        "pve-vm-cpu-conf" => cpu(text),
        "pve-qm-boot" if !text.contains('=') && !legacy_boot(text) => {
            Some("format error\nboot.legacy: value does not match the regex pattern".into())
        }
        _ => None,
    }
}

/// `KEY=VALUE,...`, of which one key may be left out.
fn property_string(name: &str, parts: &Map<String, Value>, text: &str) -> Option<String> {
    let default = parts
        .iter()
        .find(|(_, rule)| rule["default_key"] == 1)
        .map(|(key, _)| key.as_str());
    let mut errors = Vec::new();
    let mut given = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = match (part.split_once('='), default) {
            (Some(pair), _) => pair,
            (None, Some(key)) => (key, part),
            (None, None) => {
                return Some(
                    "value without key, but schema does not define a default key\n".into(),
                );
            }
        };
        given.push(key);
        let Some(rule) = parts.get(key) else {
            let what = "property is not defined in schema and the schema does not allow additional properties";
            errors.push(format!("{name}.{key}: {what}\n"));
            continue;
        };
        given.extend(rule["alias"].as_str());
        given.extend(rule["keyAlias"].as_str());
        let path = format!("{name}.{key}");
        if let Some(what) = wrong(&path, rule, &value.into()) {
            errors.push(format!("{path}: {what}\n"));
        }
    }
    for (key, rule) in parts {
        if rule["optional"] != 1 && rule["alias"].is_null() && !given.contains(&key.as_str()) {
            errors.push(format!(
                "{name}.{key}: property is missing and it is not optional\n"
            ));
        }
    }
    (!errors.is_empty()).then(|| format!("format error\n{}", errors.concat()))
}

fn dns_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split('.').all(label)
}

fn address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<std::net::Ipv4Addr>().is_ok()
            && bits
                .parse::<u8>()
                .is_ok_and(|bits| (8..=32).contains(&bits))
    })
}

/// One that this machine knows; on one without zones, one that looks so.
fn time_zone(text: &str) -> bool {
    let zones = std::path::Path::new("/usr/share/zoneinfo");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
    text.chars().all(plain) && (!zones.is_dir() || zones.join(text).is_file())
}

fn tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(first) && text.chars().all(|c| first(c) || "-+.".contains(c))
}

/// What `uri_escape` leaves as it is, and what it makes.
fn encoded(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-%_.!~*'()".contains(c)
}

/// The CPU models that tests name; QEMU's list is longer.
fn cpu(text: &str) -> Option<String> {
    let first = text.split(',').next().unwrap_or_default();
    let model = first.strip_prefix("cputype=").unwrap_or(first);
    let known = ["host", "max", "kvm64", "qemu64", "EPYC", "Haswell"];
    let fits =
        known.contains(&model) || ["x86-64-v", "custom-"].iter().any(|p| model.starts_with(p));
    (!fits)
        .then(|| format!("Built-in cputype '{model}' is not defined (missing 'custom-' prefix?)"))
}

fn legacy_boot(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.chars().all(|c| "acdn".contains(c))
}
