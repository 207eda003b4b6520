//! Processes of this same program, and what Linux says they use.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    os::unix::process::CommandExt,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use tokio::net::TcpListener;

/// A child that serves. It ends with its parent: its standard input closes then.
pub struct Child {
    process: std::process::Child,
    pub address: SocketAddr,
}

impl Child {
    pub fn start(args: &[&str]) -> Self {
        let program = std::env::current_exe().expect("a path to itself");
        let mut process = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The gateway's log goes here. It is written, but not kept.
            .stderr(Stdio::null())
            .spawn()
            .expect("a child process");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("a line from the child");
        let address = line.trim().parse().expect("the address of the child");
        Self { process, address }
    }

    /// The CPU time used so far, in user and kernel mode.
    pub fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        // The name, in parentheses, may hold anything.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("a number of ticks"))
            .sum();
        // USER_HZ is 100 on every Linux that tokio runs on.
        Duration::from_millis(ticks * 10)
    }

    /// One of the sizes in `/proc/<pid>/status`, in MiB.
    pub fn memory(&self, name: &str) -> f64 {
        let status = self.read("status");
        let line = status.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kib.expect("a size") / 1024.0
    }

    fn read(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.process.id());
        std::fs::read_to_string(path).expect("a Linux with /proc")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The child's side: tells where it listens, serves, ends with its parent.
pub fn serve<F>(run: impl FnOnce(TcpListener) -> F) -> ExitCode
where
    F: Future<Output = ()>,
{
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("an address"));
        run(listener).await;
    });
    ExitCode::SUCCESS
}

/// Starts this program anew where it may not open so many files, if it is allowed more; does not return if that works.
pub fn with_more_files(wanted: u64) -> Option<ExitCode> {
    let [soft, hard] = files();
    let wanted = wanted.min(hard);
    if soft >= wanted || std::env::var_os("BED_FILES").is_some() {
        return None;
    }
    let error = Command::new("sh")
        .args(["-c", &format!("ulimit -n {wanted} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("a path to itself"))
        .args(std::env::args().skip(1))
        .env("BED_FILES", "1")
        .exec();
    eprintln!("this needs {wanted} open files: {error}");
    Some(ExitCode::FAILURE)
}

/// How many files a process may open: without further ado, and at most.
pub fn files() -> [u64; 2] {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let field = |at| {
        let field = line.and_then(|line| line.split_whitespace().nth(at));
        // No number is no limit.
        field.map_or(0, |field| field.parse().unwrap_or(u64::MAX))
    };
    [field(3), field(4)]
}
