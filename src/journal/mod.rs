//! The journal's edge: one reader for all jails.
