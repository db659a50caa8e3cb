"""Real clients, proxies and environments around a started server."""
