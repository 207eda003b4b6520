//! Any text as a configuration: read, or refused with every problem at a place.
//!
//! `cargo +nightly fuzz run config`
#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline::config::Config;

fuzz_target!(|text: &str| {
    let env = |name: &str| (name.len() % 2 == 0).then(|| name.to_owned());
    match Config::from_yaml(text, &env) {
        Ok(config) => assert!(!config.plan().to_string().is_empty()),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
});
