"""What operators see: metrics, status, logs, traces, and the record of each request that they are made of."""
