"""The limits that the settings put on jobs. Frozen values; `service.settings` declares their defaults and bounds."""

from dataclasses import dataclass

# Uploads that are received at once: each holds a connection and a piece in memory.
MAX_UPLOADS = 16

# Of one subject, so that it leaves places for others.
MAX_OWN_UPLOADS = 4

# Jobs of one subject, with those that have ended: each is held in memory, and looked at by every request for a new one.
MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """What jobs may take. Sizes are bytes, times seconds.

    upload_bytes: of a corpus as it is sent, and text_bytes: of what it expands to. documents: of one job.
    document_bytes: of one text. pairs: kept of a job; the least similar of more are counted and not listed.
    jobs: of one subject that have not ended. subject_bytes: that all jobs of a subject take of the disk.
    retention_s: how long a job is kept after its end.
    """

    upload_bytes: int
    text_bytes: int
    documents: int
    document_bytes: int
    pairs: int
    jobs: int
    subject_bytes: int
    retention_s: float
