//! The index in `tests/README.md` holds.

use std::fs;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

#[test]
fn every_case_has_a_row_and_every_row_its_tests() {
    let index = fs::read_to_string(format!("{HERE}/README.md")).unwrap();
    let rows: Vec<Vec<&str>> = index
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 6 && cells[1].parse::<u32>().is_ok())
        .collect();
    let numbers: Vec<u32> = rows.iter().map(|cells| cells[1].parse().unwrap()).collect();
    let wanted = (1..=39).chain(53..=65).chain(67..=94);
    let wanted: Vec<u32> = wanted.chain(103..=117).collect();
    assert_eq!(numbers, wanted);

    let read = |name: &str| fs::read_to_string(format!("{HERE}/{name}.rs")).unwrap();
    let files = [
        "requests",
        "responses",
        "streams",
        "front_door",
        "round_trip",
    ];
    let mapping: String = files.map(|name| read(&format!("mapping/{name}"))).concat();
    for cells in &rows {
        let tests = cells[3].split("<br>").filter(|test| *test != "none");
        for test in tests.map(|test| test.trim_matches('`')) {
            let found = match test.split_once("::") {
                Some((
                    file @ ("bridge" | "clouds" | "conversations" | "count_tokens" | "gateway"
                    | "provenance" | "sdk" | "structured"),
                    name,
                )) => read(file).contains(&format!("fn {name}(")),
                Some((_, name)) => mapping.contains(name),
                None => {
                    mapping.contains(&format!("{test}:"))
                        || mapping.contains(&format!("fn {test}("))
                }
            };
            assert!(found, "{test}");
        }
        assert!(cells[3] != "none" || !cells[4].is_empty(), "{cells:?}");
    }
    // And none is left out.
    for name in mapping.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let number = name.strip_prefix("case_").and_then(|rest| rest.get(..3));
        if number.is_some_and(|n| n.parse::<u32>().is_ok()) {
            assert!(index.contains(&format!("`{name}`")), "{name}");
        }
    }
}
