//! Every recorded request, written for every vendor's dialect.

use std::collections::HashSet;

use trunkline::{
    chat::Fidelity,
    dialect::{Dialect, Quirks, Target},
    testing::grammar,
};

use crate::{
    DIALECTS, ENDPOINTS, MODELS,
    corpus::Case,
    each,
    table::{Outcome, Table},
};

/// What one model or another bears, or a recorder has done to a body: we write as all of them take it.
const BORNE: [&str; 5] = [
    "not JSON: EOF",
    "document.name: has characters that are not taken",
    "content[#].text: a blank text",
    "video.format: must be one of",
    "two turns of the same role",
];

#[test]
fn recorded_requests_are_written_as_every_vendor_takes_them() {
    let mut table = Table::new("requests");
    for (endpoint, source) in ENDPOINTS {
        if !each(endpoint, |case| check(case, source, &mut table)) {
            return;
        }
    }
    table.settle();
}

fn check(case: &Case, source: &dyn Dialect, table: &mut Table) {
    // What the vendor itself refused proves nothing.
    let Some(body) = case.request.as_deref().filter(|_| case.status == 200) else {
        return;
    };
    let Some(front) = source.front() else {
        // Nobody asks in this dialect. What its vendor took shows whether the grammar is too strict.
        let found = faults(source.name(), body.as_bytes()).into_iter();
        for fault in found.filter(|fault| !BORNE.iter().any(|borne| fault.contains(borne))) {
            table.wrong(format!("{} took {fault}", source.name()), case.id.as_str());
        }
        return;
    };
    let Ok(chat) = front.decode_request(body.as_bytes()) else {
        // Which requests are refused, and that they should be, is the matter of `corpus_*.rs`.
        for (target, _) in DIALECTS {
            table.count(&row(case, source), target.name(), Outcome::Refused);
        }
        return;
    };
    let own = faults(source.name(), body.as_bytes());
    for (target, model) in DIALECTS.into_iter().chain(MODELS) {
        let quirks = Quirks::NONE;
        let mut report = Fidelity::new();
        let written = target.encode_request(&chat, &Target::new(model, &quirks), &mut report);
        let Ok(written) = written else {
            table.count(&row(case, source), target.name(), Outcome::Refused);
            continue;
        };
        for fault in faults(target.name(), &written) {
            // The caller's own words stand as they were said.
            let callers = source.name() == target.name() && own.contains(&fault);
            if !callers {
                let what = format!("{} → {}: {fault}", source.name(), target.name());
                table.wrong(
                    what,
                    format!(
                        "{} {}",
                        case.id,
                        String::from_utf8_lossy(&written)
                            .chars()
                            .take(700)
                            .collect::<String>()
                    ),
                );
            }
        }
        let outcome = if report.is_exact() {
            Outcome::Whole
        } else {
            Outcome::Lossy
        };
        table.count(&row(case, source), target.name(), outcome);
    }
}

fn row(case: &Case, source: &dyn Dialect) -> String {
    format!("{} {}", case.vendor, source.name())
}

/// What a vendor of the dialect would refuse, without its place.
fn faults(dialect: &str, body: &[u8]) -> HashSet<String> {
    let found = grammar::check_request(dialect, body).unwrap();
    found
        .into_iter()
        .map(|fault| format!("{}: {}", place(&fault.path), fault.message))
        .collect()
}

/// The path with its numbers left out.
pub fn place(path: &str) -> String {
    path.chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect::<String>()
        .replace("##", "#")
        .replace("##", "#")
}
