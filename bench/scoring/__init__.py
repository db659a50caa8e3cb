"""Scenarios on the scoring alone, without the service: its speed beside other libraries, and its quality."""
