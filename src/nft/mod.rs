//! The kernel's edge: the nftables table, over netlink.
