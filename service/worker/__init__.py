"""What runs in a worker process: the loop that answers calls, and the handler that scores."""
