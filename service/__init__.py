"""The HTTP service: it moves bytes, queues requests and keeps worker processes alive; it never scores anything itself."""
