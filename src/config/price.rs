//! What a model costs, in US dollars for a million tokens.

use super::reader::{At, Reader};
use crate::upstream::Price;

const KEYS: [&str; 5] = [
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_long",
];

pub(super) fn price(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Price> {
    let fields = reader.fields(at, &KEYS)?;
    let mut each = |key| fields.read(reader, key, dollars);
    let [input, output, read, write, long] = KEYS.map(&mut each);
    if fields.get("input").is_none() {
        reader.problem_at_key(
            at,
            "what does input cost? write e.g. price: { input: 3, output: 15 }, in dollars for a million tokens",
        );
    }
    // Vectors have no output to pay for.
    let mut price = Price::new(input?, output.unwrap_or(0));
    (price.cache_read, price.cache_write, price.cache_write_long) = (read, write, long);
    Some(price)
}

/// Dollars, in millionths; nothing is a price too.
pub(super) fn dollars(reader: &mut Reader<'_>, at: &At<'_>) -> Option<u64> {
    // More than anybody asks, and exact.
    const MOST: f64 = 1e9;
    let text = reader.text(at)?;
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match text.parse::<f64>() {
        Ok(dollars) if plain && dollars <= MOST => Some((dollars * 1e6).round() as u64),
        _ => {
            reader.mismatch(at, "dollars such as `3` or `0.15`");
            None
        }
    }
}
