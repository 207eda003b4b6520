//! The project's own set: one input per case, one snapshot per dialect it is written in.
//!
//! `golden/matrix/<what>/<dialect>/<case>/` holds `in.json` or `in.sse`, and beside it what comes out for each dialect, its
//! report (`.report.txt`) or its refusal (`.error.txt`). A dialect of `DIALECTS` needs nothing but `UPDATE_GOLDEN=1 cargo test
//! --test matrix`; read the difference before you commit it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use trunkline::{
    chat::Fidelity,
    dialect::{Dialect, Quirks, Target},
    testing::grammar,
};

use crate::{ASKED, DIALECTS, corpus, corpus_replies::translated, fronts};

#[test]
fn requests() {
    each("requests", "in.json", |source, case, body| {
        let chat = source.front().unwrap().decode_request(body).unwrap();
        for (target, model) in DIALECTS {
            let name = target.name();
            let quirks = Quirks::NONE;
            let mut report = Fidelity::new();
            let target = target.encode_request(&chat, &Target::new(model, &quirks), &mut report);
            let notes = report.notes().iter();
            let notes: String = notes
                .map(|note| format!("{:?} {}: {}\n", note.loss, note.path, note.why))
                .collect();
            case.check(&format!("{name}.report.txt"), notes.as_bytes());
            match target {
                Ok(bytes) => {
                    case.check(&format!("{name}.json"), &bytes);
                    case.sound(grammar::check_request(name, &bytes));
                }
                Err(error) => {
                    let text = format!("{:?}: {error}\n", error.kind());
                    case.check(&format!("{name}.error.txt"), text.as_bytes());
                }
            }
        }
    });
}

#[test]
fn replies() {
    each("replies", "in.json", |source, case, body| {
        let answer = source.decode_response(body).unwrap();
        for (front, half) in fronts() {
            let bytes = half.encode_response(&answer, &ASKED);
            case.check(&format!("{}.json", front.name()), &bytes);
            case.sound(grammar::check_reply(front.name(), &bytes));
        }
    });
}

#[test]
fn streams() {
    each("streams", "in.sse", |source, case, body| {
        // What vendors are said to send obeys the grammar as well.
        let grammar = source.front().is_some();
        if grammar && !case.0.ends_with("calls") && !case.0.ends_with("streamed-arguments") {
            case.sound(grammar::check_stream(source.name(), body));
        }
        let frames = corpus::frames(std::str::from_utf8(body).unwrap());
        for (front, half) in fronts() {
            let bytes = translated(source, &frames, half);
            case.check(&format!("{}.sse", front.name()), &bytes);
            case.sound(grammar::check_stream(front.name(), &bytes));
        }
    });
}

fn each(what: &str, input: &str, check: impl Fn(&'static dyn Dialect, &Case, &[u8])) {
    let root =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/matrix")).join(what);
    let mut cases = 0;
    for (dialect, _) in DIALECTS {
        let Ok(folders) = fs::read_dir(root.join(dialect.name())) else {
            continue;
        };
        for folder in folders {
            let case = Case(folder.unwrap().path());
            let body = fs::read(case.0.join(input)).unwrap();
            check(dialect, &case, &body);
            cases += 1;
        }
    }
    assert!(cases >= 16, "only {cases} cases in {}", root.display());
}

struct Case(PathBuf);

impl Case {
    /// Compares a file with what came out, white space at its end aside. Nothing came out: there is no file.
    fn check(&self, name: &str, found: &[u8]) {
        let path = self.0.join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            match found {
                [] => drop(fs::remove_file(&path)),
                found => fs::write(&path, [found.trim_ascii_end(), b"\n"].concat()).unwrap(),
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
        let wanted = fs::read(&path).unwrap_or_default();
        assert_eq!(text(found), text(&wanted), "{}", path.display());
    }

    fn sound(&self, found: Option<Vec<grammar::Violation>>) {
        let found: Vec<String> = found.unwrap().iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{}: {}", self.name(), found.join("\n"));
    }

    fn name(&self) -> String {
        let path: &Path = &self.0;
        path.display().to_string()
    }
}
