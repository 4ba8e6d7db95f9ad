//! A clock that wakes a poll to the microsecond: timerfd_create(2) on Linux.
//!
//! epoll_wait(2) takes whole milliseconds. kqueue(2) takes nanoseconds, and needs none of this.

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd, RawFd};
    use std::time::{Duration, Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// The clock. Its descriptor is readable once it has gone off.
    #[derive(Debug)]
    pub struct TimerFd {
        fd: OwnedFd,
        set: Option<Instant>,
    }

    impl TimerFd {
        /// A clock that is not set.
        ///
        /// # Errors
        /// The process is out of descriptors.
        pub fn open() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            // CLOCK_MONOTONIC is what `Instant` reads on Linux.
            Ok(Self { fd: timerfd_create(TimerfdClockId::Monotonic, flags)?, set: None })
        }

        /// Has it go off at a time, which is `after` from now and not now. To set it again rearms
        /// it without a read; to set it as it is costs nothing.
        ///
        /// # Errors
        /// A time beyond what the kernel can count.
        pub fn set(&mut self, at: Instant, after: Duration) -> io::Result<()> {
            if self.set == Some(at) {
                return Ok(());
            }
            // A time of 0 disarms the clock in place of having it go off (timerfd_create(2)).
            debug_assert!(!after.is_zero(), "a clock that is set to 0 never goes off");
            let it_value = Timespec::try_from(after).map_err(|_| io::ErrorKind::InvalidInput)?;
            let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Itimerspec { it_interval, it_value };
            // The setting also forgets that it has gone off, which a read would do otherwise.
            timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &value)?;
            self.set = Some(at);
            Ok(())
        }

        /// It has gone off.
        pub fn note_expired(&mut self) {
            self.set = None;
        }

        /// Whether it is set for this time, and has not gone off as far as is known.
        pub fn goes_off_for(&self, at: Option<Instant>) -> bool {
            self.set.is_some() && self.set == at
        }
    }

    impl AsRawFd for TimerFd {
        fn as_raw_fd(&self) -> RawFd {
            self.fd.as_raw_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::io;
    use std::os::fd::{AsRawFd, RawFd};
    use std::time::{Duration, Instant};

    /// A clock that there is no need for.
    #[derive(Debug)]
    pub struct TimerFd;

    impl TimerFd {
        /// There is none.
        ///
        /// # Errors
        /// Always.
        pub fn open() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Does nothing.
        ///
        /// # Errors
        /// None.
        pub fn set(&mut self, _: Instant, _: Duration) -> io::Result<()> {
            Ok(())
        }

        /// Does nothing.
        pub fn note_expired(&mut self) {}

        /// It never does.
        pub fn goes_off_for(&self, _: Option<Instant>) -> bool {
            false
        }
    }

    impl AsRawFd for TimerFd {
        fn as_raw_fd(&self) -> RawFd {
            -1
        }
    }
}

#[cfg(target_os = "linux")]
pub use linux::TimerFd;
#[cfg(not(target_os = "linux"))]
pub use none::TimerFd;
