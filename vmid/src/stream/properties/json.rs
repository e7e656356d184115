//! JSON as text, with every freedom of spelling that the grammar leaves, and what
//! must become of it. Made from parts and not by a JSON library, so that it can
//! judge ours.

use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

use super::one_of;

/// A value, and the same without the white space between its tokens.
#[derive(Clone, Debug)]
pub struct Text {
    pub raw: String,
    pub tight: String,
}

impl Text {
    /// A value without white space between tokens.
    pub fn tight(text: impl Into<String>) -> Self {
        let raw = text.into();
        Self {
            tight: raw.clone(),
            raw,
        }
    }

    /// How it must come out: as it came, but for raw newlines, which would break the line.
    pub fn written(&self) -> &str {
        if self.raw.contains(['\n', '\r']) {
            &self.tight
        } else {
            &self.raw
        }
    }
}

/// A field of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name as it is spelled, without its quotes.
    pub name: String,
    /// The name that it stands for; none for a lone surrogate.
    pub plain: Option<String>,
    pub value: Text,
}

/// A record as text, and its fields.
#[derive(Clone, Debug)]
pub struct Object {
    pub text: String,
    pub fields: Vec<Field>,
}

impl Object {
    pub fn raw_fields(&self) -> Vec<(String, String)> {
        let raw = |field: &Field| (field.name.clone(), field.value.raw.clone());
        self.fields.iter().map(raw).collect()
    }

    /// The last field of a name, which is the one that counts.
    pub fn last(&self, name: &str) -> Option<&Field> {
        let is_named = |field: &&Field| field.plain.as_deref() == Some(name);
        self.fields.iter().rfind(is_named)
    }

    /// The line that must come out: a field in `set` replaced in place, or appended.
    pub fn line(&self, set: &[(&str, &str)]) -> String {
        let member = |field: &Field| {
            let new = set
                .iter()
                .find(|(name, _)| field.plain.as_deref() == Some(name));
            let value = new.map_or(field.value.written(), |(_, value)| value);
            format!("\"{}\":{value}", field.name)
        };
        let mut members: Vec<String> = self.fields.iter().map(member).collect();
        for (name, value) in set {
            if self.last(name).is_none() {
                members.push(format!("\"{name}\":{value}"));
            }
        }
        format!("{{{}}}\n", members.join(","))
    }
}

/// The lines that must come out.
pub fn lines(objects: &[Object]) -> String {
    objects.iter().map(|object| object.line(&[])).collect()
}

/// Records behind each other, each on a line of its own or not.
pub fn document(objects: &[Object]) -> String {
    let line = |(index, object): (usize, &Object)| {
        object.text.clone() + ["\n", "", " ", "\r\n\n"][(index + object.text.len()) % 4]
    };
    objects.iter().enumerate().map(line).collect()
}

/// Records as an array.
pub fn elements(objects: &[Object]) -> String {
    let texts: Vec<&str> = objects.iter().map(|object| object.text.as_str()).collect();
    format!("[\n{} ]", texts.join(" ,\r\n"))
}

/// White space between two tokens.
fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => Just(""), 1 => select(&[" ", "\t", "\n", "\r\n", "  ", "\r"][..])]
}

/// The inside of a string.
fn inner() -> impl Strategy<Value = String> {
    let escaped =
        one_of(r#"\n \" \\ \/ \b \f \r \t \u0000 \u001b \u00E9 \u0022 \ud800 \udfff \ud83d\ude00"#);
    let odd = select(
        &[
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "  ",
            "\u{7f}",
            "\u{80}\u{9b}31m\u{9f}",
            "\u{202e}",
        ][..],
    );
    let ordinary =
        any::<char>().prop_filter("must be escaped", |&c| c >= ' ' && c != '"' && c != '\\');
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{1,9}",
        2 => ordinary.prop_map(String::from),
        2 => escaped.prop_map(str::to_owned),
        2 => odd.prop_map(str::to_owned),
    ];
    vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        one_of("0 -0 66 30066 1.50 1e5 -0.0e-00 1E+400 123456789012345678901234567890")
            .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?",
    ]
}

/// A value, up to some levels deep.
pub fn value() -> BoxedStrategy<Text> {
    let leaf = prop_oneof![
        2 => one_of("null true false [] {}").prop_map(Text::tight),
        3 => number().prop_map(Text::tight),
        4 => inner().prop_map(|text| Text::tight(format!("\"{text}\""))),
    ];
    let nested = leaf.prop_recursive(5, 24, 4, |inner| {
        let element = (space(), inner.clone(), space());
        let array = (space(), vec(element, 0..4)).prop_map(|(empty, elements)| {
            let raw = |(a, text, b): &(&str, Text, &str)| format!("{a}{}{b}", text.raw);
            let raw: Vec<_> = elements.iter().map(raw).collect();
            let tight: Vec<_> = elements
                .into_iter()
                .map(|(_, text, _)| text.tight)
                .collect();
            Text {
                raw: format!("[{empty}{}]", raw.join(",")),
                tight: format!("[{}]", tight.join(",")),
            }
        });
        let object = object_of((name(), inner).boxed()).prop_map(|object| {
            let tight = |field: &Field| format!("\"{}\":{}", field.name, field.value.tight);
            let tight: Vec<_> = object.fields.iter().map(tight).collect();
            Text {
                raw: object.text,
                tight: format!("{{{}}}", tight.join(",")),
            }
        });
        Union::new([array.boxed(), object.boxed()])
    });
    nested.boxed()
}

/// A record; never an envelope, none of its names being that of an array of records.
pub fn object() -> impl Strategy<Value = Object> {
    object_of((name(), value()).boxed())
}

/// A record of these fields.
pub fn object_of(field: BoxedStrategy<(String, Text)>) -> impl Strategy<Value = Object> {
    let field = (space(), field, space(), space(), space());
    (space(), vec(field, 0..7)).prop_map(|(empty, fields)| {
        let text: Vec<_> = fields
            .iter()
            .map(|(a, (name, value), b, c, d)| format!("{a}\"{name}\"{b}:{c}{}{d}", value.raw))
            .collect();
        let text = format!("{{{empty}{}}}", text.join(","));
        let named = |(_, (name, value), ..): (_, (String, Text), _, _, _)| Field {
            plain: plain(&name),
            name,
            value,
        };
        Object {
            text,
            fields: fields.into_iter().map(named).collect(),
        }
    })
}

/// What a name stands for; none for a lone surrogate.
fn plain(name: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{name}\"")).ok()
}

/// Names that the tools ask for.
pub fn plain_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => one_of("vmid vlan host address error name é"), 1 => Just("")]
}

/// A name as it may be spelled.
pub fn name() -> impl Strategy<Value = String> {
    let near = one_of(r"vm\u0069d \u0065rror \u00e9 VMID vmid2 vmi message count net0");
    prop_oneof![
        3 => plain_name().prop_map(str::to_owned),
        2 => near.prop_map(str::to_owned),
        3 => inner(),
    ]
}

/// A member that may stand beside the array of an envelope.
pub fn beside() -> impl Strategy<Value = (&'static str, String)> {
    let name = one_of(r"count previous total success mess\u0061ge digest");
    let member = (name, value()).prop_map(|(name, value)| (name, value.raw));
    prop_oneof![4 => member, 1 => Just(("next", "null".to_owned()))]
}

/// A name that no member of an envelope has.
pub fn foreign_name() -> impl Strategy<Value = String> {
    let names = "count next previous total success message digest";
    let foreign = move |name: &String| {
        plain(name).is_none_or(|plain| !names.split(' ').any(|known| known == plain))
    };
    name().prop_filter("a name of an envelope's", foreign)
}
