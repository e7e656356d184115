//! What the end of a file name says: a tar archive, a part of one, what belongs to one, or something else.
//!
//! Nothing is asked of the stem here, and nothing of other files: whether `.10` is a part or a
//! rotation is told by its neighbours, and [`super::series`] looks at them.

/// What a file is, by the end of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A tar archive, or a part of one.
    Archive(Archive<'a>),
    /// A checksum, signature, log or note; the name without that suffix.
    Companion(&'a str),
    /// Something else: never touched.
    Other,
}

/// A tar archive's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive<'a> {
    /// All before `.tar` (or `.tgz` and so on), and before `.part1` in front of that.
    pub stem: &'a str,
    /// The suffix of the archive itself: what the parts of one archive have in common beside the stem.
    pub suffix: &'a str,
    /// Which part of it this is.
    pub part: Option<Part>,
    /// It ends as files do while they are written: `.part`, `.tmp`.
    pub unfinished: bool,
    /// Somebody put ` (1)` or `.keep` to its name: a copy, or one to be left alone.
    pub marked: bool,
}

/// A part: `split` counts in letters or digits, others write `.part1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `.aa`, `.aab`: how many letters, and the how manieth, from 0.
    Letters(usize, u32),
    /// `.01`, `.001`: how many digits, and the number. One digit is a rotation, as logrotate writes it.
    Digits(usize, u32),
    /// `.part1`: how many digits, and the number.
    Named(usize, u32),
}

impl Part {
    /// Which parts are counted together, and the number within them.
    #[must_use]
    pub fn of(self) -> ((u8, usize), u32) {
        match self {
            Self::Letters(width, number) => ((0, width), number),
            Self::Digits(width, number) => ((1, width), number),
            // .part1 to .part10: the width isn't always the same
            Self::Named(_, number) => ((2, 0), number),
        }
    }

    /// It may be the first one.
    #[must_use]
    pub fn is_first(self) -> bool {
        match self {
            Self::Letters(_, number) => number == 0,
            Self::Digits(width, number) => width > 1 && number < 2,
            Self::Named(_, number) => number < 2,
        }
    }
}

const TARS: [&str; 11] = [
    "tar", "tgz", "taz", "tzst", "txz", "tbz2", "tbz", "tb2", "tlz", "tlz4", "tzo",
];
const COMPRESSIONS: [&str; 11] = [
    "gz", "zst", "zstd", "xz", "bz2", "bz", "lz4", "lzo", "lz", "lzma", "z",
];
const ENCRYPTIONS: [&str; 5] = ["gpg", "pgp", "age", "enc", "aes"];
const UNFINISHED: [&str; 5] = ["tmp", "part", "partial", "incomplete", "filepart"];
const COMPANIONS: [&str; 21] = [
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "md5",
    "b2",
    "b3",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "md5sum",
    "b2sum",
    "b3sum",
    "sig",
    "asc",
    "minisig",
    "log",
    "notes",
    "sum",
    "sha",
];

/// Looks at the end of a file's name (without its folder).
#[must_use]
pub fn kind(name: &str) -> Kind<'_> {
    if let Some((rest, last)) = extension(name)
        && is_one_of(last, &COMPANIONS)
    {
        return Kind::Companion(rest);
    }
    archive(name).map_or(Kind::Other, Kind::Archive)
}

fn archive(name: &str) -> Option<Archive<'_>> {
    let (mut rest, mut unfinished, mut marked) = (name, false, false);
    loop {
        if let Some(before) = without_copy_number(rest) {
            (rest, marked) = (before, true);
        } else if let Some((before, last)) = extension(rest) {
            if is_one_of(last, &UNFINISHED) {
                (rest, unfinished) = (before, true);
            } else if last.eq_ignore_ascii_case("keep") {
                (rest, marked) = (before, true);
            } else {
                break;
            }
        } else {
            break;
        }
    }
    let (whole, part) = match (tar_stem(rest), extension(rest)) {
        (Some(_), _) => (rest, None),
        (None, Some((before, last))) => (before, Some(part(last)?)),
        (None, None) => return None,
    };
    let stem = tar_stem(whole)?;
    let suffix = &whole[stem.len()..];
    let (stem, inner) = match extension(stem) {
        Some((before, last)) if part.is_none() && named_part(last).is_some() => {
            (before, named_part(last))
        }
        _ => (stem, None),
    };
    let copied = without_copy_number(stem);
    Some(Archive {
        stem: copied.unwrap_or(stem),
        suffix,
        part: part.or(inner),
        unfinished,
        marked: marked || copied.is_some(),
    })
}

/// All before `.tar.gz.gpg`, if the name ends so.
fn tar_stem(name: &str) -> Option<&str> {
    let (mut rest, mut last) = extension(name)?;
    while is_one_of(last, &ENCRYPTIONS) {
        (rest, last) = extension(rest)?;
    }
    if is_one_of(last, &COMPRESSIONS) {
        (rest, last) = extension(rest)?;
        return last.eq_ignore_ascii_case("tar").then_some(rest);
    }
    is_one_of(last, &TARS).then_some(rest)
}

/// The name before its last dot, and what is behind it; neither is empty.
fn extension(name: &str) -> Option<(&str, &str)> {
    let (rest, last) = name.rsplit_once('.')?;
    (!rest.is_empty() && !last.is_empty()).then_some((rest, last))
}

fn is_one_of(text: &str, known: &[&str]) -> bool {
    known.iter().any(|known| text.eq_ignore_ascii_case(known))
}

fn part(last: &str) -> Option<Part> {
    let width = last.len();
    if let Some(named) = named_part(last) {
        return Some(named);
    }
    if last.bytes().all(|byte| byte.is_ascii_digit()) && width <= 6 {
        return Some(Part::Digits(width, last.parse().ok()?));
    }
    // Three letters begin with an a, or there were more than 676 parts: a .cfg is none.
    let letters = width == 2 || (width == 3 && last.starts_with('a'));
    if letters && last.bytes().all(|byte| byte.is_ascii_lowercase()) {
        let number = last
            .bytes()
            .fold(0, |n, byte| n * 26 + u32::from(byte - b'a'));
        return Some(Part::Letters(width, number));
    }
    None
}

fn named_part(last: &str) -> Option<Part> {
    let digits = last
        .get(..4)
        .filter(|word| word.eq_ignore_ascii_case("part"));
    let digits = digits.map(|_| &last[4..])?;
    let fits = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| Part::Named(digits.len(), digits.parse().unwrap_or_default()))
}

/// The name before ` (1)`, as browsers and file managers call a copy.
fn without_copy_number(name: &str) -> Option<&str> {
    let (rest, number) = name.strip_suffix(')')?.rsplit_once('(')?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let rest = rest.strip_suffix(' ').unwrap_or(rest);
    (digits && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_names() {
        let a = |stem, suffix| Archive {
            stem,
            suffix,
            part: None,
            unfinished: false,
            marked: false,
        };
        let part = |stem, suffix, part| Archive {
            part: Some(part),
            ..a(stem, suffix)
        };
        let unfinished = |archive: Archive<'static>| Archive {
            unfinished: true,
            ..archive
        };
        let marked = |archive: Archive<'static>| Archive {
            marked: true,
            ..archive
        };
        #[rustfmt::skip]
        let archives = [
            ("plain",                     "x.tar",              a("x", ".tar")),
            ("dots in the stem",          "x.1.2.tar.gz",       a("x.1.2", ".tar.gz")),
            ("one word",                  "x.tgz",              a("x", ".tgz")),
            ("tbz2",                      "x.tbz2",             a("x", ".tbz2")),
            ("lzo",                       "x.tar.lzo",          a("x", ".tar.lzo")),
            ("capitals",                  "X.TAR.GZ",           a("X", ".TAR.GZ")),
            ("encrypted",                 "x.tar.gz.gpg",       a("x", ".tar.gz.gpg")),
            ("encrypted, not compressed", "x.tar.age",          a("x", ".tar.age")),
            ("split by letters",          "x.tar.gz.ab",        part("x", ".tar.gz", Part::Letters(2, 1))),
            ("split, three letters",      "x.tar.aba",          part("x", ".tar", Part::Letters(3, 26))),
            ("split by digits",           "x.tar.gz.gpg.03",    part("x", ".tar.gz.gpg", Part::Digits(2, 3))),
            ("a rotation",                "x.tar.gz.1",         part("x", ".tar.gz", Part::Digits(1, 1))),
            ("part behind",               "x.tar.zst.part2",    part("x", ".tar.zst", Part::Named(1, 2))),
            ("part before",               "x.part02.tar.zst",   part("x", ".tar.zst", Part::Named(2, 2))),
            ("being written",             "x.tar.gz.part",      unfinished(a("x", ".tar.gz"))),
            ("being written, a part",     "x.tar.gz.aa.tmp",    unfinished(part("x", ".tar.gz", Part::Letters(2, 0)))),
            ("a copy",                    "x (1).tar.gz",       marked(a("x", ".tar.gz"))),
            ("a copy, at the end",        "x.tar.gz (12)",      marked(a("x", ".tar.gz"))),
            ("kept, at the end",          "x.tar.gz.KEEP",      marked(a("x", ".tar.gz"))),
        ];
        for (name, text, want) in archives {
            assert_eq!(kind(text), Kind::Archive(want), "{name}");
        }
        #[rustfmt::skip]
        let others = [
            ("a checksum",            "x.tar.gz.sha256", Kind::Companion("x.tar.gz")),
            ("a log of the stem",     "x.log",           Kind::Companion("x")),
            ("vzdump's notes",        "x.tar.zst.notes", Kind::Companion("x.tar.zst")),
            ("a signature",           "x.tar.asc",       Kind::Companion("x.tar")),
            ("text",                  "x.txt",           Kind::Other),
            ("a dump",                "x.sql.gz",        Kind::Other),
            ("no stem",               ".tar",            Kind::Other),
            ("no suffix",             "tar",             Kind::Other),
            ("tar in the stem",       "x.tar.old",       Kind::Other),
            ("an image of a guest",   "x.vma.zst",       Kind::Other),
            ("rsync's own",           ".x.tar.gz.Ab12C", Kind::Other),
            ("an empty suffix",       "x.tar.",          Kind::Other),
            ("nothing",               "",                Kind::Other),
            ("not one character",     "é.part",          Kind::Other),
        ];
        for (name, text, want) in others {
            assert_eq!(kind(text), want, "{name}");
        }
    }
}
