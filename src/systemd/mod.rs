//! The service manager's edge: readiness, watchdog, signals.
