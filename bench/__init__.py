"""Benchmarks: every claim about speed is a ratio whose two sides ran in one run on one machine.

service        scenarios on this service: its own costs, and its promises under load
scoring        scenarios on the scoring alone, beside other libraries
comparison     this service beside other ways to serve the same scoring
harness        what they share: load generator, documents, result files, server process
"""
