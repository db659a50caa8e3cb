"""The HTTP service: it moves bytes, queues requests and keeps workers alive; it never scores anything itself."""
