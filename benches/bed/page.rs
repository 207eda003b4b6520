//! What is written into `benches/`: tables in its README, between marks, and pictures beside it.

use std::{io, path::PathBuf, process::Command};

/// Puts the text between the marks of this name in the README.
pub fn write(name: &str, text: &str) -> io::Result<()> {
    let path = beside("README.md");
    let page = std::fs::read_to_string(&path)?;
    let begin = format!("<!-- {name}:begin, written by `cargo bench --bench {name}` -->");
    let end = format!("<!-- {name}:end -->");
    let marks = page
        .split_once(&begin)
        .and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let Some((head, tail)) = marks else {
        let message = format!("the marks of {name} are not in benches/README.md any more");
        return Err(io::Error::other(message));
    };
    std::fs::write(path, format!("{head}{begin}\n\n{text}\n{end}{tail}"))
}

/// When and on what.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .map_or("unknown CPU", str::trim);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let date = date.map_or_else(
        |_| String::new(),
        |out| String::from_utf8_lossy(&out.stdout).trim().to_owned(),
    );
    format!(
        "{date}, trunkline {}, {cores} cores of {model}",
        env!("CARGO_PKG_VERSION")
    )
}

/// A file in `benches/`.
pub fn beside(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", name]
        .iter()
        .collect()
}
