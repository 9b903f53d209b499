//! The D-Bus edge: the service's interfaces and the client's proxies.
