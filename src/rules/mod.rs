//! Configuration text to rules and diagnostics; a message to an attempt. Pure: it is given texts and opens nothing.
