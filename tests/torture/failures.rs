//! What goes wrong before and after the first content.
