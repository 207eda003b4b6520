//! What a vendor is told to say in answer to one call: nobody else says the same.

use serde_json::{Value, json};
use trunkline::testing::Script;

use crate::{
    ask::{Ask, TOOLS, marker},
    dice::{Dice, Purpose},
    vendors::Wire,
};

/// An answer in terms of no dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    pub calls: Vec<(String, Value)>,
    /// Tokens in and out.
    pub usage: Option<(u64, u64)>,
}

impl Said {
    /// What this vendor says to the call of this number for the request.
    pub fn new(seed: u64, ask: &Ask, vendor: &str, serial: usize) -> Self {
        const WORDS: [&str; 12] = [
            "trunk",
            "line",
            "naïve",
            "漢字",
            "\"quoted\"",
            "back\\slash",
            "two\nlines",
            "🎈",
            "tab\there",
            "data:",
            "[DONE]",
            "end\u{2028}less",
        ];
        let mut dice = Dice::new(seed, Purpose::Script, ask.number, serial);
        let mut text = format!("{} {vendor} {serial}", marker(seed, ask.number));
        for _ in 0..dice.between(4, 40) {
            text.push(' ');
            text.push_str(dice.one(&WORDS));
        }
        let sum = crc32fast::hash(text.as_bytes());
        text.push_str(&format!(" {} {sum:08x}.", text.len()));
        let calls = if ask.tools && dice.percent(60) {
            let count = dice.between(1, 2);
            let call = |index: usize| {
                let arguments = json!({"at": format!("{vendor} {serial} {index}"), "sum": sum, "deep": [{"é": null}]});
                (TOOLS[index].to_owned(), arguments)
            };
            (0..count).map(call).collect()
        } else {
            Vec::new()
        };
        let (input, output) = (dice.between(50, 9_000), dice.between(300, 5_000));
        Self {
            text,
            calls,
            usage: Some((input as u64, output as u64)),
        }
    }

    pub fn script(&self, seed: u64, ask: &Ask, wire: Wire, serial: usize) -> Script {
        let mut dice = Dice::new(seed, Purpose::Script, ask.number, serial + 1_000);
        let mut script = Script::new();
        if dice.percent(25) {
            script = script.thinking("They want what belongs to them.");
        }
        script = script.text(&*self.text);
        for (index, (name, arguments)) in self.calls.iter().enumerate() {
            let id = format!("call_{}x{serial}x{index}", ask.number);
            script = script.tool_call(id, name, arguments.to_string());
        }
        let prefix = match wire {
            Wire::Responses => "resp",
            Wire::Anthropic => "msg",
            _ => "id",
        };
        let (input, output) = self.usage.unwrap_or_default();
        let cached = dice.one(&[0, 0, 7, input]);
        script
            .usage(input, output)
            .cached(cached)
            .id(format!("{prefix}_{}x{serial}", ask.number))
    }
}
