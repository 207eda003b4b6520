//! Instructions, counted by valgrind: the same on every machine with one compiler, whatever else runs beside it.

use std::process::Command;

/// Is it here?
pub fn is_here() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// The instructions of this program with these arguments: all of them, or those within the function whose name contains this.
pub fn counted(within: Option<&str>, args: &[&str]) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let within = within.map(|name| format!("--toggle-collect=*{name}*"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(within)
        .arg(program)
        .args(args)
        .output()
        .expect("valgrind runs");
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find(|line| line.contains("Collected"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("valgrind told no count:\n{told}"))
}
