//! The disk's edge: the state file.
