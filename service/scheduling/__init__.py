"""Decisions without I/O and without a clock: admission, cost, fairness, which job runs where."""
