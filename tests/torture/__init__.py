"""Kills, stops and stalls every process of the service under load over HTTP, and counts how requests ended.

python -m tests.torture                    every scenario in full, a few minutes
python -m tests.torture --scale 0.01       every scenario a few times
"""
