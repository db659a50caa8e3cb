"""What tests share.

In this process   application (over a fake pool), asgi (calls it), connection_server, scheduler_simulation, pool
                  (a dispatcher with real workers), event_loop (runs a test's coroutine)
Other processes   server (the real one), server_main (its entry point), mixed_handler (what its workers run),
                  http_server and key_server (in threads), imports (what an import loads), cli (the command),
                  seccomp and jumping_clock (what is around them)
Input             attacks, malformed_bodies, request_oracle (which answers are right), tokens, authentication,
                  small_bundle, another_bundle, demo_bundle, document_vectors
Output            captured_log, prometheus_samples
"""
