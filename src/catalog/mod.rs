//! What is known of vendors' models without asking them: windows and list prices.
//!
//! The table is a snapshot of November 2026. Prices are list prices in US dollars, without discounts, batches, tiers or surcharges for
//! long prompts: good enough to compare vendors and to see what a day costs, not to pay a bill. A configuration's own word counts
//! more than the table's.
//!
//! ```
//! use trunkline::catalog;
//!
//! let model = catalog::model("anthropic", "claude-sonnet-4-5").ok_or("unknown")?;
//! assert_eq!(model.context_window, Some(200_000));
//! assert_eq!(model.rates.input, Some(3_000_000)); // three dollars for a million tokens
//! # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
//! ```

mod rates;
mod table;

pub use self::{
    rates::Rates,
    table::{Model, Task, model, models},
};
