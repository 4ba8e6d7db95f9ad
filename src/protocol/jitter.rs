//! How unevenly messages arrive. Pure: times are arguments, in nanoseconds.

/// Interarrival jitter, smoothed as in RFC 3550 section 6.4.1: `J += (|D| - J) / 16`, message by
/// message in the order of arrival.
///
/// `D` is the difference between the transit times of two successive messages, where it is known
/// when they were sent; a constant difference between the clocks cancels out. Where it is not
/// known, `D` is the difference between two successive gaps between arrivals: the jitter of a
/// sender that sends at a steady pace, and for any other sender its own unsteadiness as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    /// The last arrival.
    arrived: Option<u64>,
    last: Option<Quantity>,
    nanoseconds: Option<f64>,
}

/// What jitter is the variation of, in nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Quantity {
    Transit(i64),
    Gap(i64),
}

impl Jitter {
    /// Takes a message that arrived `at` and that was `sent` then, both in nanoseconds since any
    /// moment, not even the same.
    pub fn arrive(&mut self, at: u64, sent: Option<u64>) {
        let previous = self.arrived.replace(at);
        let quantity = match (sent, previous) {
            (Some(sent), _) => Some(Quantity::Transit(signed_difference(at, sent))),
            (None, Some(previous)) => Some(Quantity::Gap(signed_difference(at, previous))),
            (None, None) => None,
        };
        if let (Some(last), Some(quantity)) = (self.last, quantity)
            && let Some(difference) = last.difference(quantity)
        {
            // RFC 3550 begins with 0, so that the first differences are damped as all others are.
            // A gain of 1/16 reduces noise well and still converges at a reasonable pace (the
            // same, section A.8).
            let jitter = self.nanoseconds.unwrap_or(0.0);
            self.nanoseconds = Some(jitter + (difference as f64 - jitter) / 16.0);
        }
        // Replaced in any case: D is between neighbours, never across a message of another kind.
        self.last = quantity;
    }

    /// The jitter now, in nanoseconds; `None` before there is a difference to take.
    pub const fn nanoseconds(&self) -> Option<f64> {
        self.nanoseconds
    }
}

impl Quantity {
    /// The difference between two of a kind.
    fn difference(self, other: Self) -> Option<u64> {
        match (self, other) {
            (Self::Transit(one), Self::Transit(other)) | (Self::Gap(one), Self::Gap(other)) => {
                // Two i64 may be further apart than an i64 holds.
                Some(one.abs_diff(other))
            }
            // Of a stream in which only some messages have the time they were sent at.
            _ => None,
        }
    }
}

/// The time from one moment to a later one in nanoseconds; negative where it is earlier.
pub(super) const fn signed_difference(later: u64, earlier: u64) -> i64 {
    // Times of two clocks may be 292 years apart before this wraps around.
    later.wrapping_sub(earlier).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jitter(arrivals: &[(u64, Option<u64>)]) -> Option<f64> {
        let mut jitter = Jitter::default();
        arrivals.iter().for_each(|&(at, sent)| jitter.arrive(at, sent));
        jitter.nanoseconds()
    }

    #[test]
    fn transit_times_are_compared_where_they_are_known() {
        assert_eq!(jitter(&[(100, Some(0))]), None);
        assert_eq!(jitter(&[(100, Some(0)), (900, Some(800))]), Some(0.0));
        assert_eq!(jitter(&[(100, Some(0)), (932, Some(800))]), Some(2.0));
        let third = jitter(&[(100, Some(0)), (932, Some(800)), (1000, Some(900))]);
        assert_eq!(third, Some(2.0 + (32.0 - 2.0) / 16.0));
    }

    #[test]
    fn gaps_are_compared_where_they_are_not() {
        assert_eq!(jitter(&[(100, None), (200, None)]), None);
        assert_eq!(jitter(&[(100, None), (200, None), (300, None)]), Some(0.0));
        assert_eq!(jitter(&[(100, None), (200, None), (332, None)]), Some(2.0));
    }

    #[test]
    fn a_gap_is_never_compared_with_a_transit_time() {
        assert_eq!(jitter(&[(100, Some(0)), (200, None), (300, Some(200))]), None);
    }

    proptest! {
        #[test]
        fn it_is_the_smoothed_mean_of_the_rfc_whatever_the_clocks_say(
            steps in prop::collection::vec((0..1_000_000_u64, 0..1_000_000_u64), 0..100),
            start: u64,
            offset in i64::MIN..i64::MAX - 1_000_000,
        ) {
            let mut measured = Jitter::default();
            let (mut model, mut sent, mut last) = (0.0, start, None);
            for (step, transit) in steps {
                sent = sent.wrapping_add(step);
                measured.arrive(sent.wrapping_add(transit).wrapping_add_signed(offset), Some(sent));
                if let Some(last) = last.replace(transit) {
                    model += ((transit as f64 - last as f64).abs() - model) / 16.0;
                }
            }
            let measured = measured.nanoseconds().unwrap_or(0.0);
            prop_assert!((measured - model).abs() <= 1e-6 * model.max(1.0), "{measured} {model}");
        }

        #[test]
        fn no_times_make_it_panic_or_turn_negative(
            arrivals: Vec<(u64, Option<u64>)>,
        ) {
            prop_assert!(jitter(&arrivals).is_none_or(|jitter| jitter.is_finite() && jitter >= 0.0));
        }
    }
}
