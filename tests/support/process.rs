//! The gateway as an operator runs it: a process of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::watch,
    task::JoinHandle,
};

/// Far more than anything here takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of its own, gone when this is dropped.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "gateway-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// With a `gateway.yaml` in it.
    pub fn with(text: &str) -> Self {
        let dir = Self::new();
        dir.write("gateway.yaml", text);
        dir
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("a file");
    }

    /// The gateway in this directory, with an environment of nothing but PATH and HOME.
    pub fn gateway(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(&self.0)
            .env_clear()
            .env("HOME", &self.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// cargo builds examples before it runs all tests; it puts them beside the tests.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("target/debug");
    let name = format!("gateway{}", std::env::consts::EXE_SUFFIX);
    let binary = profile.join("examples").join(name);
    assert!(
        binary.exists(),
        "{} is not there: run `cargo build --example gateway` first (a plain `cargo test` does)",
        binary.display()
    );
    binary
}

/// Runs to its end: exit code, stdout, stderr.
pub async fn finish(mut command: Command) -> (i32, String, String) {
    let output: Output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("it ends")
        .expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (
        output.status.code().expect("an exit code, not a signal"),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A gateway that serves.
pub struct Process {
    pub address: SocketAddr,
    /// What it printed at its start.
    pub greeting: String,
    child: Child,
    log: watch::Receiver<String>,
    reading: JoinHandle<()>,
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts it, and returns once it has said where it listens.
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let (sender, log) = watch::channel(String::new());
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let reading = tokio::spawn(collect(stderr, sender));
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut greeting = String::new();
        let greeted = async {
            // The request's body is the last thing it prints.
            while let Some(line) = stdout.next_line().await.expect("stdout") {
                greeting += &line;
                greeting.push('\n');
                if line.trim_start().starts_with("-d ") {
                    return;
                }
            }
            panic!("it ended: {}", log.borrow().as_str());
        };
        tokio::time::timeout(PATIENCE, greeted)
            .await
            .expect("it says where it listens");
        let address = greeting
            .lines()
            .next()
            .and_then(|line| line.rsplit_once("://"))
            .and_then(|(_, address)| address.parse().ok())
            .expect("an address");
        Self {
            address,
            greeting,
            child,
            log,
            reading,
            _stdout: stdout,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// Waits for a line of the log.
    pub async fn logged(&self, part: &str) -> String {
        let mut log = self.log.clone();
        let line = |log: &str| {
            let found = log.lines().find(|line| line.contains(part));
            found.map(str::to_owned)
        };
        let waited = tokio::time::timeout(PATIENCE, log.wait_for(|log| line(log).is_some())).await;
        match waited {
            Ok(Ok(log)) => line(&log).unwrap_or_default(),
            _ => panic!("nothing logged with {part:?}:\n{}", self.log()),
        }
    }

    /// Sends SIGTERM.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Sends SIGHUP.
    pub async fn hang_up(&self) {
        self.signal("HUP").await;
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs");
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .await;
        assert!(sent.is_ok_and(|status| status.success()), "kill");
    }

    /// Waits for its end: exit code, and the whole log.
    pub async fn ended(mut self) -> (Option<i32>, String) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("it does not end:\n{}", self.log()))
            .expect("it was started");
        // What it wrote last may still be in the pipe.
        let _ = (&mut self.reading).await;
        (status.code(), self.log())
    }
}

async fn collect(from: impl AsyncBufRead + Unpin, into: watch::Sender<String>) {
    let mut lines = from.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        into.send_modify(|log| {
            log.push_str(&line);
            log.push('\n');
        });
    }
}
