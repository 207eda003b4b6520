//! Lines of log on their way to stderr: a thread of its own writes them, many at once, and none is lost.
//!
//! A write for each line costs more than the line. A channel of lines, as there are libraries for, wakes its thread for nearly
//! every one of them, which costs the same. Here a line that comes after a silence is written at once, and those that follow it
//! within [`GATHER`] go out together.

use std::{
    io::{self, ErrorKind, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered after a write.
const GATHER: Duration = Duration::from_millis(5);
/// So many bytes are written without waiting for more.
const ENOUGH: usize = 64 * 1024;
/// Whoever logs waits while there are so many: stderr is slower than the log.
const MOST: usize = 1024 * 1024;
/// How long a panic waits for the lines before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes lines. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Spool(Arc<Shared>);

/// Writes what is left when it is dropped. Lines that come later are written as they come.
#[derive(Debug)]
#[must_use]
pub struct Written {
    spool: Spool,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to do for the writer.
    filled: Condvar,
    /// The writer has done something.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Does the writer wait until somebody wakes it?
    asleep: bool,
    /// Has it taken lines that are not out yet?
    writing: bool,
    /// Is it not to wait for more lines?
    hurry: bool,
    /// Is it to end when all is written?
    ending: bool,
    /// Is there no writer any more?
    ended: bool,
}

impl Spool {
    pub fn start() -> (Self, Written) {
        let spool = Self::default();
        let lines = spool.clone();
        let writer = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || lines.run());
        if writer.is_err() {
            spool.lock().ended = true;
        }
        let written = Written {
            spool: spool.clone(),
            writer: writer.ok(),
        };
        (spool, written)
    }

    /// Adds a whole line, or several.
    pub fn add(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() >= MOST {
            let full = |state: &mut State| state.lines.len() >= MOST && !state.ended;
            let waited = self.0.written.wait_while(state, full);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended {
            // Under the lock: lines are not to be mixed.
            return write(line);
        }
        let before = state.lines.len();
        state.lines.extend_from_slice(line);
        let many = before < ENOUGH && state.lines.len() >= ENOUGH;
        let wake = mem::take(&mut state.asleep) || many;
        drop(state);
        if wake {
            self.0.filled.notify_one();
        }
    }

    /// Returns when all is written, or when that takes too long.
    pub fn flush(&self) {
        let mut state = self.lock();
        state.hurry = true;
        self.0.filled.notify_one();
        let left = |state: &mut State| !state.ended && (state.writing || !state.lines.is_empty());
        drop(self.0.written.wait_timeout_while(state, PATIENCE, left));
    }

    /// What the writer does.
    fn run(&self) {
        let mut taken = Vec::new();
        let mut state = self.lock();
        loop {
            if state.lines.is_empty() {
                if state.ending {
                    state.ended = true;
                    return;
                }
                state.asleep = true;
                let idle = |state: &mut State| state.lines.is_empty() && !state.ending;
                let waited = self.0.filled.wait_while(state, idle);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                state.asleep = false;
                continue;
            }
            mem::swap(&mut state.lines, &mut taken);
            (state.writing, state.hurry) = (true, false);
            drop(state);
            write(&taken);
            taken.clear();
            taken.shrink_to(2 * ENOUGH);
            state = self.lock();
            state.writing = false;
            self.0.written.notify_all();
            let few =
                |state: &mut State| state.lines.len() < ENOUGH && !state.hurry && !state.ending;
            let waited = self.0.filled.wait_timeout_while(state, GATHER, few);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.spool.lock().ending = true;
        self.spool.0.filled.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// tracing's own formatters write a line at once.
impl<'a> MakeWriter<'a> for Spool {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Spool {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all of it. Nobody reading there is no reason to stop.
#[allow(
    clippy::disallowed_methods,
    reason = "this thread has nothing else to do"
)]
fn write(mut bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    while !bytes.is_empty() {
        match stderr.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares stderr with this process has set it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(_) => return,
        }
    }
}
