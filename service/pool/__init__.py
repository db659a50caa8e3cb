"""The worker processes: how they are started, called, killed, replaced, and why they ended."""
