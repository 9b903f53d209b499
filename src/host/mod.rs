//! The host's own addresses, over rtnetlink.
