//! A grammar is worth what it refuses: streams and bodies that are wrong, each named by what is wrong with it.

use super::*;

fn found(dialect: &str, bytes: &str) -> Vec<String> {
    let all = check_stream(dialect, bytes.as_bytes()).unwrap();
    all.iter().map(ToString::to_string).collect()
}
