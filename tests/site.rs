//! The site file's three descriptions are one: the reader's table of keys, the JSON Schema for
//! editors, and the table in scripts/README.md. And the reader and the schema refuse the same files.
//!
//! `UPDATE_SITE_SCHEMA=1 cargo test -p e2e --test site` writes the schema and the rows anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};
use vmid::site::{
    Site,
    form::Form,
    key::{self, KEYS, Key, Kind},
};

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

fn update() -> bool {
    env::var_os("UPDATE_SITE_SCHEMA").is_some()
}

/// The JSON Schema of a row, with everything below it.
fn schema(key: &Key) -> Value {
    let mut schema = match key.kind {
        Kind::Object => object(key.path),
        Kind::List => json!({"type": "array", "items": below(key, "[]")}),
        Kind::Map => {
            json!({"type": "object", "patternProperties": {"^x-": true}, "additionalProperties": below(key, ".*")})
        }
        Kind::Text(form) => text(form),
        Kind::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Number(0.0, most) => {
            json!({"type": "number", "exclusiveMinimum": 0, "maximum": most})
        }
        Kind::Number(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
        Kind::Truth => json!({"type": "boolean"}),
        Kind::Avoid => json!({"type": ["string", "integer"], "minLength": 1, "minimum": 0}),
        Kind::Any => json!({}),
    };
    if !key.required && !key.path.ends_with(']') {
        // A key that is null says nothing.
        match &mut schema["type"] {
            Value::String(one) => schema["type"] = json!([one, "null"]),
            Value::Array(several) => several.push(json!("null")),
            _ => drop(schema.as_object_mut().unwrap().remove("type")),
        }
    }
    schema["description"] = json!(key.meaning);
    if !key.default.is_empty() {
        schema["default"] = serde_json::from_str(key.default).unwrap();
    }
    schema
}

fn below(key: &Key, suffix: &str) -> Value {
    schema(key::row(&format!("{}{suffix}", key.path)).unwrap())
}

fn object(path: &str) -> Value {
    let keys = key::of_object(path);
    let required: Vec<&str> = keys
        .clone()
        .filter(|(_, key)| key.required)
        .map(|(name, _)| name)
        .collect();
    let properties: Map<String, Value> = keys
        .map(|(name, key)| (name.to_owned(), schema(key)))
        .collect();
    let mut object = json!({"type": "object", "properties": properties, "patternProperties": {"^x-": true}, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// What a schema can say of a form; addresses and prefixes are the reader's.
fn text(form: Form) -> Value {
    let pattern = match form {
        Form::Node => "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
        Form::Word => "^[A-Za-z0-9][A-Za-z0-9_.+-]*$",
        Form::Storage => "^[A-Za-z][A-Za-z0-9_.+-]+$",
        Form::Domain | Form::Guest => {
            r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
        }
        Form::Sid => "^(vm|ct):[0-9]+$",
        Form::Path => "^/",
        Form::File => "^(/|[A-Za-z][A-Za-z0-9_.+-]+:snippets/[^/]+$)",
        Form::Zone => "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
        Form::Prefix => "^[0-9A-Fa-f.:]+/[0-9]+$",
        Form::Address | Form::Addresses => "^[0-9A-Fa-f.: ]+$",
        Form::Gateway => "^(first|last|none|[0-9A-Fa-f.:]+)$",
        Form::Content => "^(images|rootdir|vztmpl|iso|backup|snippets|import|none)$",
        Form::Ssh => r"^([A-Za-z0-9][A-Za-z0-9_.+-]*@)?[A-Za-z0-9:][A-Za-z0-9_.:+-]*$",
        Form::Keep => {
            "^ *--keep-(last|hourly|daily|weekly|monthly|yearly)[ =]+[0-9]+( +--keep-(last|hourly|daily|weekly|monthly|yearly)[ =]+[0-9]+)* *$"
        }
        Form::Names => "^(dnsmasq|hosts|pihole6|zone)$",
        Form::Day => "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        Form::Sqlite => "^(auto|none)$",
        Form::Compression => "^(gzip|zstd)$",
        Form::Occasion => "^(always|failure|change)$",
        Form::Mover => "^(vrrp|carp|kube-vip|pacemaker|other)$",
        Form::GuestType => "^(lxc|qemu)$",
        Form::Availability => "^(none|active-active|failover|failover-live)$",
        Form::Line | Form::Avoid => return json!({"type": "string", "minLength": 1}),
    };
    json!({"type": "string", "pattern": pattern})
}

fn whole_schema() -> Value {
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Site file of vmid, ipalloc, pvx-migrate, hacheck, pbsprune and their scripts",
        "description": "Made from the reader's table of keys (vmid/src/site/key.rs). Names that begin with x- are your own.",
    });
    let object = object("");
    whole
        .as_object_mut()
        .unwrap()
        .extend(object.as_object().unwrap().clone());
    whole
}

/// One row of the README's table.
fn row(key: &Key) -> String {
    let kind = match key.kind {
        Kind::Object => "object".to_owned(),
        Kind::List => "list".to_owned(),
        Kind::Map => "object, names of your own".to_owned(),
        Kind::Text(form) => form.expected().to_owned(),
        Kind::Whole(least, most) => format!("{least} to {most}"),
        Kind::Number(0.0, most) => format!("number, at most {most}"),
        Kind::Number(least, most) => format!("number, {least} to {most}"),
        Kind::Truth => "true or false".to_owned(),
        Kind::Avoid => "text or number".to_owned(),
        Kind::Any => "see hacheck".to_owned(),
    };
    let default = match (key.required, key.default) {
        (true, _) => "required".to_owned(),
        (false, "") => String::new(),
        (false, default) => format!("`{default}`"),
    };
    format!("| `{}` | {kind} | {default} | {} |", key.path, key.meaning)
}

fn keys_of_table() -> Vec<String> {
    let header = [
        "| key | value | default | meaning |",
        "| --- | --- | --- | --- |",
    ];
    header
        .into_iter()
        .map(str::to_owned)
        .chain(KEYS.iter().map(row))
        .collect()
}

#[test]
fn the_schema_file_is_what_the_table_of_keys_says() {
    let path = repository("scripts/site.schema.json");
    let want = format!(
        "{}\n",
        serde_json::to_string_pretty(&whole_schema()).unwrap()
    );
    if update() {
        fs::write(&path, &want).unwrap();
    }
    let hint = "UPDATE_SITE_SCHEMA=1 cargo test -p e2e --test site writes it anew";
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == want,
        "scripts/site.schema.json differs; {hint}"
    );
}

#[test]
fn the_readme_has_every_key_in_one_table() {
    let path = repository("scripts/README.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let is_row = |line: &&str| {
        line.starts_with("| key |")
            || line.starts_with("| --- | --- | --- | --- |")
            || line.starts_with("| `")
    };
    let want = keys_of_table();
    if update() {
        let before: Vec<&str> = text
            .lines()
            .take_while(|line| !line.starts_with("| key |"))
            .collect();
        let rest: Vec<&str> = text
            .lines()
            .skip(before.len())
            .skip_while(|line| line.starts_with('|'))
            .collect();
        let lines: Vec<&str> = before
            .into_iter()
            .chain(want.iter().map(String::as_str))
            .chain(rest)
            .collect();
        fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    let table: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("| key |"))
        .take_while(is_row)
        .collect();
    assert_eq!(
        table, want,
        "UPDATE_SITE_SCHEMA=1 cargo test -p e2e --test site writes the rows anew"
    );
}

/// Whether the schema and the reader take a document.
struct Judges {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Judges {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler
            .add_resource("site.schema.json", whole_schema())
            .unwrap();
        let index = compiler.compile("site.schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn schema_takes(&self, document: &Value) -> bool {
        self.schemas.validate(document, self.index).is_ok()
    }

    fn reader_takes(document: &Value) -> bool {
        Site::parse(document.to_string().as_bytes()).is_ok()
    }
}

/// Every object of a document, by its JSON pointer, with its path in the table of keys.
fn objects(value: &Value, pointer: &str, at: &str, found: &mut Vec<(String, String)>) {
    let row = key::row(at);
    if row.is_some_and(|row| row.kind == Kind::Any) {
        return;
    }
    match value {
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                objects(
                    value,
                    &format!("{pointer}/{place}"),
                    &format!("{at}[]"),
                    found,
                );
            }
        }
        Value::Object(object) => {
            let map = row.is_some_and(|row| row.kind == Kind::Map);
            if !map {
                found.push((pointer.to_owned(), at.to_owned()));
            }
            for (name, value) in object {
                let own = if map { "*" } else { name };
                let at = if at.is_empty() {
                    own.to_owned()
                } else {
                    format!("{at}.{own}")
                };
                objects(value, &format!("{pointer}/{name}"), &at, found);
            }
        }
        _ => {}
    }
}

#[test]
fn reader_and_schema_refuse_the_same_files() {
    let judges = Judges::new();
    for file in [
        "scripts/site.json",
        "tests/data/site/site.json",
        "tests/data/site-b.json",
    ] {
        let text = fs::read_to_string(repository(file)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(
            judges.schema_takes(&document) && Judges::reader_takes(&document),
            "{file} as it is"
        );
        let normal = Site::parse(text.as_bytes()).unwrap().document;
        assert!(
            judges.schema_takes(&normal) && Judges::reader_takes(&normal),
            "{file} normalised"
        );
        let mut places = Vec::new();
        objects(&document, "", "", &mut places);
        let mut seen = BTreeSet::new();
        places.retain(|(_, at)| seen.insert(at.clone())); // one of each kind is enough
        let mut tried = 0;
        for (pointer, at) in places {
            for (name, key) in key::of_object(&at) {
                tried += usize::from(document.pointer(&pointer).unwrap().get(name).is_some());
                mutate(&judges, &document, file, &pointer, (name, key));
            }
        }
        assert!(tried > 40, "{file}: {tried} keys");
    }
}

/// One key of one object: misspelled, removed, null, of other types.
fn mutate(judges: &Judges, document: &Value, file: &str, pointer: &str, (name, key): (&str, &Key)) {
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut document = document.clone();
        change(
            document
                .pointer_mut(pointer)
                .unwrap()
                .as_object_mut()
                .unwrap(),
        );
        document
    };
    let place = format!("{file}: {pointer}/{name}");
    let misspelled = with(&|object| drop(object.insert(format!("{name}s_"), json!(1))));
    assert!(
        !judges.schema_takes(&misspelled) && !Judges::reader_takes(&misspelled),
        "{place} misspelled"
    );
    let own = with(&|object| drop(object.insert(format!("x-{name}"), json!([null]))));
    assert!(
        judges.schema_takes(&own) && Judges::reader_takes(&own),
        "{place} as x-"
    );
    for value in [None, Some(Value::Null)] {
        let without = with(&|object| match value.clone() {
            None => drop(object.remove(name)),
            Some(null) => drop(object.insert(name.to_owned(), null)),
        });
        assert_eq!(
            judges.schema_takes(&without),
            !key.required,
            "{place}: schema, {value:?}"
        );
        if key.required {
            assert!(
                !Judges::reader_takes(&without),
                "{place}: reader, {value:?}"
            );
        }
    }
    if key.kind == Kind::Any {
        return;
    }
    for other in [
        json!("$(x)"),
        json!(-7.5),
        json!(true),
        json!([[]]),
        json!({"y": 1}),
    ] {
        let mutated = with(&|object| drop(object.insert(name.to_owned(), other.clone())));
        let free_text = matches!(key.kind, Kind::Text(Form::Line)) && other.is_string();
        let fits = free_text || (key.kind == Kind::Truth && other.is_boolean());
        if !fits {
            assert!(
                !judges.schema_takes(&mutated),
                "{place}: the schema takes {other}"
            );
            assert!(
                !Judges::reader_takes(&mutated),
                "{place}: the reader takes {other}"
            );
        }
    }
}
