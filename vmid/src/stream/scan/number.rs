//! How a number is spelled (RFC 8259, section 6), byte by byte.

/// How much of a number has been passed (RFC 8259, section 6).
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Sign,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// Where `byte` leads to, none if it is no part of the number.
    pub fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Sign, b'0') => Self::Zero,
            (Self::Sign, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Self::ExponentDigits
            }
            _ => return None,
        })
    }

    /// A number may end here, before `byte`: not with a sign or point, and not
    /// in a zero that digits follow.
    pub fn may_end(self, byte: u8) -> bool {
        match self {
            Self::Sign | Self::Point | Self::Exponent | Self::ExponentSign => false,
            Self::Zero => !byte.is_ascii_digit(),
            Self::Whole | Self::Fraction | Self::ExponentDigits => true,
        }
    }
}
