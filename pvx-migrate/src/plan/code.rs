//! The codes of a kind of plan and its help, which lists them, from one table.

/// An enum of codes and the constant `HELP`: the codes, one a line, between two texts. Only a macro
/// can put literals together into the constant that clap needs.
macro_rules! codes {
    (
        $(#[$about:meta])* $name:ident, $before:literal, $after:literal;
        $($variant:ident $code:literal $help:literal)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $help] $variant,)*
        }

        impl $name {
            /// All of them, in the order of the help.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it stands in a record.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }

        /// The codes and what they mean.
        pub const CODES: &[(&str, &str)] = &[$(($code, $help)),*];

        /// The help: the codes, one a line.
        pub const HELP: &str = concat!($before, $("  ", $code, ": ", $help, "\n",)* $after);
    };
}
pub(super) use codes;
