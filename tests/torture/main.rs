//! The failures that other gateways were reported for, each as a test that names its number (`p042_…`), and the faults of streams for
//! every pair of a caller's dialect and a vendor's.
//!
//! Everything runs in process under a stopped clock: the whole stack, from the HTTP request to the vendor's bytes. What callers get is
//! held to the strict grammar of their dialect and then read. `README.md` beside this file is the index by number.

mod bed;
mod cutting;
mod edits;
mod endings;
mod failures;
mod faults;
mod frames;
mod index;
mod leaving;
mod pairs;
mod reasoning;
mod retries;
mod told;
mod tools;
mod usage;
