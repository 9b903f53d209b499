//! The client's verbs.
