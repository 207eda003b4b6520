//! Bytes ⇄ frames. No JSON is read here.
