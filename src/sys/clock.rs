//! The wall clock as the user reads it: in the time zone of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// Hours and minutes of a moment here; of UTC where the zone is not known.
pub fn hours_and_minutes(time: SystemTime) -> (u8, u8) {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let utc = (seconds / 3600 % 24, seconds / 60 % 60);
    let (hours, minutes) = local(seconds).unwrap_or(utc);
    (u8::try_from(hours).unwrap_or(0), u8::try_from(minutes).unwrap_or(0))
}

fn local(seconds: u64) -> Option<(u64, u64)> {
    // Not localtime(3), whose answer any other thread overwrites. The zone is that of TZ, or of
    // /etc/localtime (tzset(3)).
    let seconds = libc::time_t::try_from(seconds).ok()?;
    // SAFETY: an all-zero tm is a valid value for the call to overwrite.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call, which keeps neither of them.
    let outcome = unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
    if outcome.is_null() {
        return None;
    }
    Some((u64::try_from(parts.tm_hour).ok()?, u64::try_from(parts.tm_min).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// All zones differ from UTC by whole quarters of an hour today.
    #[test]
    fn minutes_are_those_of_every_zone_but_for_quarters() {
        let (hours, minutes) = hours_and_minutes(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        assert!(hours < 24 && minutes % 15 == 0, "{hours}:{minutes}");
    }
}
