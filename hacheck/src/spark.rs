//! A line of bars: how much was lost when, of a watch of any length.

/// The bars, from nothing lost to all.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// So many parts of the time are told apart; from one more on, two become one.
const PARTS: usize = 240;

/// How much was lost in each part of the time; its size does not grow with it.
#[derive(Debug)]
pub struct Spark {
    /// Lost, and all, of each part.
    parts: Vec<(u32, u32)>,
    /// How long a part is, in microseconds.
    part_us: u64,
}

impl Default for Spark {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            part_us: 1000,
        }
    }
}

impl Spark {
    /// A probe, when it was sent, and whether it was lost; in any order.
    pub fn add(&mut self, sent_us: u64, lost: bool) {
        while sent_us / self.part_us >= PARTS as u64 {
            let both = |two: &[(u32, u32)]| {
                let sum = |of: fn(&(u32, u32)) -> u32| two.iter().map(of).sum();
                (sum(|part| part.0), sum(|part| part.1))
            };
            self.parts = self.parts.chunks(2).map(both).collect();
            self.part_us *= 2;
        }
        let place = usize::try_from(sent_us / self.part_us).unwrap_or(0);
        if self.parts.len() <= place {
            self.parts.resize(place + 1, (0, 0));
        }
        let part = &mut self.parts[place];
        part.0 += u32::from(lost);
        part.1 += 1;
    }

    /// The line, so many characters wide.
    #[must_use]
    pub fn line(&self, width: usize) -> String {
        let column = |column: usize| {
            let place = |column: usize| column * self.parts.len() / width;
            let parts = &self.parts[place(column)..place(column + 1)];
            let (lost, all) = parts
                .iter()
                .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            match all {
                0 => ' ',
                // The lowest for none, the highest for all; one that was lost is seen.
                _ => BARS[(lost as usize * (BARS.len() - 1)).div_ceil(all as usize)],
            }
        };
        (0..width).map(column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        // A probe every 10 ms; `.` is lost.
        let spark = |text: &str| {
            let mut spark = Spark::default();
            for (at_us, c) in (0..).step_by(10_000).zip(text.chars()) {
                spark.add(at_us, c == '.');
            }
            spark
        };
        assert_eq!(spark("++++....++++").line(3), "▁█▁");
        assert_eq!(spark("+++.++++").line(2), "▃▁");
        assert_eq!(spark("").line(3), "   ");
        let day = spark(&("+".repeat(8000) + &".".repeat(8000)));
        assert_eq!(day.line(4), "▁▁██");
        assert!(day.parts.len() <= PARTS);
    }

    #[test]
    fn the_order_does_not_matter() {
        let (mut one, mut other) = (Spark::default(), Spark::default());
        for at in 0..1000_u64 {
            one.add(at * 7_000, at % 3 == 0);
            other.add((999 - at) * 7_000, (999 - at) % 3 == 0);
        }
        assert_eq!(one.parts, other.parts);
    }
}
