"""HTTP/1.1 between a client's socket and the application: framing, limits, timeouts, load shedding."""
