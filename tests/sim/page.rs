//! The page of results: each scenario owns a table in `docs/pool.md`.

use std::{
    env, fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// One writer at a time.
static PAGE: Mutex<()> = Mutex::new(());

/// The table between the marks of `scenario` is the one that was just played. `TRUNKLINE_UPDATE=1` writes it.
pub fn check(scenario: &str, head: &[&str], rows: &[Vec<String>]) {
    let _one = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(head.iter().map(ToString::to_string).collect());
    let rule = |i| if i == 0 { "---" } else { "---:" };
    table += &line((0..head.len()).map(|i| rule(i).to_owned()).collect());
    table.extend(rows.iter().map(|row| line(row.clone())));
    println!("{table}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pool.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    let (open, close) = (format!("<!-- {scenario} -->\n"), "<!-- end -->\n");
    let (before, rest) = page
        .split_once(&open)
        .expect("the scenario has a place on the page");
    let (there, after) = rest.split_once(close).expect("the table has an end");
    if there == table {
        return;
    }
    assert!(
        env::var_os("TRUNKLINE_UPDATE").is_some(),
        "docs/pool.md does not show what was played: run TRUNKLINE_UPDATE=1 cargo test --test sim\n{table}"
    );
    fs::write(&path, format!("{before}{open}{table}{close}{after}")).unwrap();
}

pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

pub fn seconds(time: std::time::Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
