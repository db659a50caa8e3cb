"""What stands between a client's socket and the HTTP parser: framing, limits, timeouts, load shedding."""
