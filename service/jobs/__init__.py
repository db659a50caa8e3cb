"""Durable jobs: corpora that are scored while requests are served, over restarts and crashes of the server.

    http.jobs ── uploads ─→ Jobs ── one lane a subject ─→ JobRun ── steps ─→ dispatcher ─→ workers
                             │                              │ commits: files synced, then counted
                             └────────── Registry ──────────┴─→ Store (SQLite, a thread of its own)

What is acknowledged is on disk. The event loop never waits for a disk: files are touched in threads.
"""
