//! The configuration directories: which files there are, and their texts.
