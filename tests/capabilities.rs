//! The page about what is carried where is the one that the code makes.

use std::{env, fs, path::Path};

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/capabilities.md");
    let made = trunkline::capabilities::markdown();
    if env::var_os("TRUNKLINE_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "docs/capabilities.md is not what the code makes: run TRUNKLINE_UPDATE=1 cargo test --test capabilities"
    );
}
