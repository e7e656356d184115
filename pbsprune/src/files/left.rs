//! Why a file is left alone: it counts nothing, displaces nothing, and isn't removed.

/// Why a file is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// It has no name of a tar archive, or of what belongs to one.
    Other,
    /// What it belongs to isn't there.
    Orphan,
    /// The same, and its name is that of an archive and a suffix: `gpg --armor` calls the archive itself so.
    OrphanOfArchive,
    /// Bytes of its path are no UTF-8: they came as U+FFFD, so nobody knows which file it is.
    NotUtf8,
    /// Somebody marked it as one to be left alone, or as a copy.
    Pinned,
    /// A part by its suffix, and the first one isn't there.
    NoFirstPart,
    /// Its parts look whole, but others of its series show that one is missing.
    Parts(String),
    /// `.tar.gz.1`: which moment that is changes every day.
    Numbered,
    /// It has no date, where others have one: a copy of the newest, mostly.
    Undated,
    /// No name in its folder has a date.
    UndatedFolder,
    /// Its date, or time of day, never was.
    NoSuchTime(String),
    /// Its name has two readings.
    Ambiguous(String),
}

impl Left {
    /// The value of `reason`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Orphan | Self::OrphanOfArchive => "orphan",
            Self::NotUtf8 => "not-utf8",
            Self::Pinned => "pinned",
            Self::NoFirstPart => "no-first-part",
            Self::Parts(_) => "parts",
            Self::Numbered => "numbered",
            Self::Undated => "undated",
            Self::UndatedFolder => "undated-folder",
            Self::NoSuchTime(_) => "no-such-time",
            Self::Ambiguous(_) => "ambiguous",
        }
    }

    /// The value of `why`.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::NoSuchTime(what) => format!("its name has a time that never was: {what}"),
            Self::Ambiguous(what) => format!("its name has two readings: {what}"),
            Self::Parts(what) => format!("a part of it may be missing: {what}"),
            _ => self.sentence().to_owned(),
        }
    }

    /// What several files have in common that are left alone for this.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Other => "no name of a tar archive, nor of what belongs to one",
            Self::Orphan => "no archive is there that it would belong to",
            Self::OrphanOfArchive => {
                "the archive that it would belong to isn't there, or it is that itself"
            }
            Self::NotUtf8 => "its name is no UTF-8",
            Self::Pinned => "its name says that it is a copy, or to be kept",
            Self::NoFirstPart => "it is a part, and the first one is missing",
            Self::Parts(_) => "a part of it may be missing",
            Self::Numbered => "it has a number behind the suffix, as rotations have",
            Self::Undated => "no date is in its name, but one is in others there",
            Self::UndatedFolder => "no date is in its name, nor in any other there",
            Self::NoSuchTime(_) => "its name has a time that never was",
            Self::Ambiguous(_) => "its name has two readings",
        }
    }

    /// What this one has beside what several have in common.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::NoSuchTime(what) | Self::Ambiguous(what) | Self::Parts(what) => Some(what),
            _ => None,
        }
    }

    /// It is named on stderr.
    #[must_use]
    pub fn is_told(&self) -> bool {
        !matches!(self, Self::Other | Self::Orphan)
    }

    /// Somebody has to look, so the answer is a "no". A pin, a copy called latest and old rotations
    /// are there on purpose.
    #[must_use]
    pub fn is_no(&self) -> bool {
        matches!(
            self,
            Self::NotUtf8
                | Self::NoFirstPart
                | Self::Parts(_)
                | Self::UndatedFolder
                | Self::NoSuchTime(_)
                | Self::Ambiguous(_)
        )
    }
}
