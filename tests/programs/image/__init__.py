"""Builds the container image and holds it against what it promises, with docker or podman."""
