//! Sizes for people; records have bytes.

/// `1.5 GiB`, `700 MiB`: one decimal from 1 GiB on, rounded.
#[must_use]
pub fn human(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;
    if bytes >= GIB {
        // Tenths in integers, so that no float decides what is shown.
        let tenths = (u128::from(bytes) * 10 + u128::from(GIB) / 2) / u128::from(GIB);
        format!("{}.{} GiB", tenths / 10, tenths % 10)
    } else if bytes >= MIB {
        format!("{} MiB", (bytes + MIB / 2) / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        #[rustfmt::skip]
        let cases = [
            (0, "0 bytes"), (1 << 20, "1 MiB"), (700 << 20, "700 MiB"), (1 << 30, "1.0 GiB"),
            (3 << 29, "1.5 GiB"), ((1 << 40) + (1 << 30), "1025.0 GiB"), (u64::MAX, "17179869184.0 GiB"),
        ];
        for (bytes, want) in cases {
            assert_eq!(human(bytes), want);
        }
    }
}
