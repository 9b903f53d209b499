//! The one loop. It alone knows every room and the clock.
