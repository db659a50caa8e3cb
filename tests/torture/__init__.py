"""Kills, stops and stalls all there is, under load over HTTP, and counts what became of the requests.

python -m tests.torture                    all of it, a few minutes
python -m tests.torture --scale 0.01       a short cut
"""
