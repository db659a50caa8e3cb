"""What crosses between the server and a worker process: shared memory and the messages in it."""
