//! What a check is told before it looks: pairs, facts of the members, places of the guests.
//!
//! The pairs are those of `--pairs`, `--site`, standard input or PVX_SITE, in this order. If records
//! wait in standard input although a file is named, two lists of pairs are in the call, and nobody
//! knows which was meant.

use std::{path::Path, time::Duration};

use vmid::{exit::Stop, span, stream};

use crate::{
    Surroundings,
    cli::Pairs,
    evidence::MemberFacts,
    guests::Places,
    input_file,
    pairs::{Form, Pair},
    stdin::{Stdin, Waiting},
    told::{self, Told},
    wanted::Wanted,
};

/// How long records that are on their way may take, where a file names the pairs.
const ON_THEIR_WAY: Duration = Duration::from_millis(100);

/// How long nothing may come in before PVX_SITE is there in vain.
const OPEN: Duration = Duration::from_secs(10);

/// What a call says of the pairs that it wants.
pub struct Call<'a> {
    /// The subcommand, for hints.
    pub command: &'a str,
    /// Where they are.
    pub pairs: &'a Pairs,
    /// Their names, and those of services.
    pub wanted: Wanted<'a>,
    /// The other files that it names: standard input may be one of them, as `/dev/stdin`.
    pub others: Vec<&'a Path>,
}

impl Call<'_> {
    /// Those pairs.
    ///
    /// # Errors
    ///
    /// They can't be read or used, or one that is wanted is not among them.
    pub fn read(&self, surroundings: &Surroundings<'_>) -> Result<Vec<Pair>, Stop> {
        let input = &surroundings.stdin;
        let is_taken = self.others.iter().any(|file| input.is(file));
        if let Some((path, form, option)) = self.named() {
            if !is_taken && !input.is(path) && waiting(input, ON_THEIR_WAY)? == Waiting::Records {
                let what = format!("{option} names the pairs, and records wait in standard input");
                let hint = "add </dev/null if the pairs of the file are meant";
                return Err(Stop::input(anyhow::anyhow!(what)).hint(hint));
            }
            return self.of_file(path, form, surroundings.one_line);
        }
        if let Some(site) = &surroundings.pvx_site
            && (is_taken || comes_to_nothing(input)?)
        {
            return self.of_file(site, Form::Site, surroundings.one_line);
        }
        if is_taken || waiting(input, Duration::ZERO)? == Waiting::Terminal {
            let is = match is_taken {
                true => "what another option names",
                false => "a terminal",
            };
            return Err(self.nothing(&format!("nothing to read: standard input is {is}")));
        }
        let text = input.read().map_err(|error| outside(&error))?;
        if text.trim_ascii().is_empty() {
            return Err(self.nothing("standard input: no records came in"));
        }
        self.of_text("stdin", &text, Form::Any, surroundings.one_line)
    }

    /// The file that the options name. An empty name of a site counts as none, as in the environment.
    fn named(&self) -> Option<(&Path, Form, &'static str)> {
        let pairs = self.pairs.pairs.as_deref();
        let pairs = pairs.map(|path| (path, Form::Any, "--pairs"));
        let site = self.pairs.site.as_deref();
        let site = site.filter(|path| !path.as_os_str().is_empty());
        pairs.or(site.map(|path| (path, Form::Site, "--site")))
    }

    fn of_file(&self, path: &Path, form: Form, one_line: bool) -> Result<Vec<Pair>, Stop> {
        let text = input_file::read(path)?;
        self.of_text(&path.display().to_string(), &text, form, one_line)
    }

    /// A line for each fault; where there is but one, all on it.
    fn of_text(
        &self,
        name: &str,
        text: &[u8],
        form: Form,
        one_line: bool,
    ) -> Result<Vec<Pair>, Stop> {
        Pair::read(text, form, self.wanted).map_err(|faults| match one_line {
            true => Stop::input(anyhow::anyhow!("{name}: {faults}")),
            false => faults.stop(name),
        })
    }

    fn nothing(&self, what: &str) -> Stop {
        let what = anyhow::anyhow!("{what}; name the pairs: --pairs FILE, --site FILE or PVX_SITE");
        Stop::input(what).hint(format!("try 'hacheck {} --help'", self.command))
    }
}

/// Nothing comes in, so that PVX_SITE counts.
fn comes_to_nothing(input: &Stdin<'_>) -> Result<bool, Stop> {
    match waiting(input, OPEN)? {
        Waiting::Terminal | Waiting::Nothing => Ok(true),
        Waiting::Records | Waiting::Other => Ok(false),
        Waiting::Open => {
            let open = span::shown(OPEN);
            let what = format!(
                "standard input is open and nothing came in {open}: are its pairs meant, or those of PVX_SITE?"
            );
            let hint = "--site \"$PVX_SITE\" or </dev/null says that the site's are";
            Err(Stop::input(anyhow::anyhow!(what)).hint(hint))
        }
    }
}

fn waiting(input: &Stdin<'_>, patience: Duration) -> Result<Waiting, Stop> {
    input.waiting(patience).map_err(|error| outside(&error))
}

fn outside(error: &std::io::Error) -> Stop {
    let why = vmid::exit::reason(error);
    Stop::outside(anyhow::anyhow!("standard input: {why}"))
}

/// The records of `hacheck member` in the files. What is wrong with one is its own affair: a member
/// whose answer was cut off must not keep all others from being looked at.
///
/// # Errors
///
/// A file can't be read.
pub fn told(files: &[told::File]) -> Result<Vec<Told>, Stop> {
    let read = |file: &told::File| {
        let text = input_file::read(&file.path)?;
        Ok(Told {
            file: file.clone(),
            facts: records(&text),
        })
    };
    files.iter().map(read).collect()
}

fn records(text: &[u8]) -> Result<Vec<MemberFacts>, String> {
    let records = stream::parse(text).map_err(|bad| bad.to_string())?;
    if records.is_empty() {
        return Err("nothing is in it".to_owned());
    }
    let read = records.iter().enumerate().map(|(place, kept)| {
        let facts = serde_json::from_str(kept.record().text());
        facts.map_err(|error| {
            let why = unlike(&error);
            format!("record {} is none of hacheck member: {why}", place + 1)
        })
    });
    read.collect()
}

/// In what a record differs from those of `hacheck member`.
fn unlike(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let missing = text.strip_prefix("missing field `");
    match missing.and_then(|behind| behind.split_once('`')) {
        Some((name, _)) => format!("it has no {name}"),
        None => "one of its fields is of another type".to_owned(),
    }
}

/// Where the guests are, if a file says so.
///
/// # Errors
///
/// It can't be read, or has no guest in it.
pub fn places(path: Option<&Path>) -> Result<Option<Places>, Stop> {
    let Some(path) = path else {
        return Ok(None);
    };
    let places = Places::parse(&input_file::read(path)?);
    let places = places.map_err(|what| Stop::input(anyhow::anyhow!("{}: {what}", path.display())));
    places.map(Some)
}
