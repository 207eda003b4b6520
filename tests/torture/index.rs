//! The index beside this file holds: a row for every number, a test behind every name, a reason where there is none.

use std::{fs, path::Path};

use crate::pairs::{FRONTS, KINDS, PAIRS};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every source file with its path.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            found.push((path.to_string_lossy().into_owned(), text));
        }
    }
}

#[test]
fn every_number_has_a_row_and_every_row_its_tests_or_a_reason() {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&Path::new(ROOT).join(folder), &mut files);
    }
    let index = fs::read_to_string(format!("{ROOT}/tests/torture/README.md")).expect("the index");
    let rows: Vec<Vec<&str>> = index
        .lines()
        .filter(|line| line.starts_with("| P"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<&str> = rows.iter().map(|cells| cells[1]).collect();
    let wanted: Vec<String> = (1..=190).map(|number| format!("P{number}")).collect();
    assert_eq!(numbers, wanted);

    let mut missing = Vec::new();
    for cells in &rows {
        assert_eq!(cells.len(), 6, "{cells:?}");
        if cells[3] == "none" {
            assert!(
                !cells[4].is_empty(),
                "{} has neither test nor reason",
                cells[1]
            );
            continue;
        }
        for test in cells[3].split("<br>").map(|test| test.trim_matches('`')) {
            let (file, name) = test.rsplit_once("::").unwrap_or(("torture", test));
            let (function, case) = (format!("fn {name}("), format!("{name}:"));
            let is_there = files.iter().any(|(path, text)| {
                path.contains(file) && (text.contains(&function) || text.contains(&case))
            });
            if !is_there {
                missing.push(format!("{}: {test}", cells[1]));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));

    // And none of this folder is left out; what its name says, its row says.
    let (mut tests, mut of_pairs) = (0, 0);
    let attribute = concat!("#[tokio", "::test(");
    let here = files
        .iter()
        .filter(|(path, _)| path.contains("tests/torture/"));
    for (_, text) in here {
        for rest in text.split(attribute).skip(1) {
            let name = rest
                .split("async fn ")
                .nth(1)
                .and_then(|rest| rest.split('(').next());
            let name = name.expect("a name");
            let body = rest.split("\n}\n").next().expect("a body");
            tests += 1;
            of_pairs += usize::from(body.contains("each_pair"));
            for number in name.split('_').filter_map(|word| word.strip_prefix('p')) {
                let Ok(number) = number.parse::<usize>() else {
                    continue;
                };
                let row = &rows[number - 1];
                assert!(row[3].contains(&format!("`{name}`")), "P{number}: {name}");
            }
        }
    }
    assert_eq!(PAIRS, FRONTS.len() * KINDS.len());
    let figures = format!("{PAIRS} pairs; {of_pairs} of {tests} tests");
    println!("{figures}");
    assert!(index.contains(&figures), "the index should say: {figures}");
}
