"""The dashboard and the alerts of `deploy/monitoring`, against a real Prometheus and the real service."""
