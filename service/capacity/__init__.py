"""What a machine can serve: its costs measured, and a fleet of replicas simulated by the server's own decisions.

    measurement ── Costs ──→ simulation ── Result ──→ sizing ── Plan ──→ `scorepool capacity`

Nothing that serves imports this package; it may load what scores.
"""
