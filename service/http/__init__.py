"""The HTTP layer: endpoints, the middleware around them, and how responses are written."""
