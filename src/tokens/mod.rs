//! How many tokens a conversation has, as far as that can be told without the vendor's own tokenizer.
//!
//! Two estimates, for two uses:
//!
//! - [`estimate`] reads the conversation: text by kinds of characters, tools and messages with what they cost beside their text,
//!   images by their size and the vendor's rule, documents by pages, sound by seconds. It is the answer where a caller asks for a
//!   count and the vendor counts nothing.
//! - [`of_body`] looks at a body's bytes only: four to a token, media not by their bytes. Every call is weighed so before it is sent.
//!
//! [`Learned`] corrects the first by what vendors really counted: for each model an exponential average of the real number by the
//! estimated one, within bounds. One factor for all of a model's calls makes up for its tokenizer and for the prompt that a vendor
//! puts before tools, not for an odd mix of content.

mod body;
mod estimate;
mod image;
mod learned;

pub(crate) use self::{body::of_body, estimate::estimate, learned::Learned};
