"""Scenarios on this service: what a request costs in each of its parts, and its promises under load."""
