"""A fake of the service for the tests of other services: no network, no model, no waiting, the same answers each time.

fake = FakeScorepool()
client = fake.async_client()                    a client whose requests the fake answers
fake.fail("overloaded", times=2)                the next two requests are refused
assert fake.requests[-1].documents == [...]     what was sent

fake       FakeScorepool: faults, records, clients
answers    the answer to one request, a pure function
scores     what stands for a model: words, hashed to vectors
jobs       the answers about jobs, with groups of duplicates
server     the same over a socket, for programs in other processes
"""

from scorepool_client.testing.answers import FakeLimits, RecordedRequest
from scorepool_client.testing.fake import FakeClock, FakeScorepool

__all__ = ["FakeClock", "FakeLimits", "FakeScorepool", "RecordedRequest"]
