//! The signals: those that ask the process to stop, and the one that asks it to read its configuration again.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM and Ctrl-C. From its making on, neither kills the process.
pub struct Stop {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

#[cfg(unix)]
impl Stop {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next time that somebody asks.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Stop {
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next time that somebody asks.
    pub async fn asked(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody can ask.
            std::future::pending().await
        }
    }
}

/// Waits for SIGHUP. From its making on, that does not kill the process.
pub struct Hangup {
    #[cfg(unix)]
    signal: Signal,
}

#[cfg(unix)]
impl Hangup {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            signal: signal(SignalKind::hangup())?,
        })
    }

    /// The next time that somebody asks.
    pub async fn asked(&mut self) {
        self.signal.recv().await;
    }
}

#[cfg(not(unix))]
impl Hangup {
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// There is no such signal here.
    pub async fn asked(&mut self) {
        std::future::pending().await
    }
}
