"""Kills, stops and stalls every process of the service under load over HTTP, and counts how requests ended.

python -m tests.torture                    every scenario in full, a few minutes
python -m tests.torture --scale 0.01       every scenario a few times
python -m tests.torture.client_calls       calls by the client, while servers are killed and drained
python -m tests.torture.reloads            200 reloads of good and damaged bundles, while workers are killed
"""
