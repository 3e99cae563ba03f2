//! Repeatable numbers for everything that differs between simulated phones.
//!
//! The machine's randomness is never read here: whoever makes a [`Dice`] passes the seed. The generator
//! is SplitMix64, which is fast and even; nothing it makes is a secret.

/// A repeatable source of numbers.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// A source that gives the same numbers for the same seed and stream; two streams of one seed are
    /// independent of each other.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(seed, stream) }
    }

    /// The next number, evenly spread over all 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.state)
    }

    /// A number from 0 to `bound - 1`; 0 when `bound` is 0. The tiny bias of the remainder does not
    /// matter for what is chosen here.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    /// A nonce as phones make them: 32 upper case hex digits (`wpi.md` §3.4).
    pub fn nonce(&mut self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = String::with_capacity(32);
        for _ in 0..2 {
            let number = self.roll();
            for digit in 0..16 {
                text.push(char::from(DIGITS[usize::from((number >> (60 - 4 * digit)) as u8 & 0x0F)]));
            }
        }
        text
    }
}

/// One number from two, so that equal pairs always give the same and near pairs give far numbers.
#[must_use]
pub fn mix(a: u64, b: u64) -> u64 {
    scramble(scramble(a.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ b.wrapping_mul(0xD134_2543_DE82_EF95))
}

/// A number from 0 to just below 1 that follows from the two, evenly spread: who of many does something.
#[must_use]
pub fn share_of(seed: u64, number: u32) -> f64 {
    let drawn = mix(seed, u64::from(number)) >> 11;
    drawn as f64 / (1_u64 << 53) as f64
}

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_stream_give_the_same_nonces_and_others_do_not() {
        let nonce = |seed, stream| Dice::new(seed, stream).nonce();
        assert_eq!(nonce(1, 7), nonce(1, 7));
        assert_ne!(nonce(1, 7), nonce(1, 8));
        assert_ne!(nonce(1, 7), nonce(2, 7));
    }

    #[test]
    fn a_nonce_is_32_upper_case_hex_digits() {
        let nonce = Dice::new(3, 0).nonce();
        assert_eq!(nonce.len(), 32);
        assert!(nonce.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
    }

    #[test]
    fn every_number_below_the_bound_turns_up() {
        let mut dice = Dice::new(5, 5);
        let mut seen = [false; 7];
        for _ in 0..500 {
            seen[dice.below(7) as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(dice.below(0), 0);
    }
}
