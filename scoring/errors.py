"""What can go wrong in scoring, as far as a user can do something about it.

    ScoringError
    ├── BundleError   a model bundle that cannot be read, trusted or written
    ├── CorpusError   a text file that cannot be read
    └── ModelError    a foreign model that cannot be imported

Every message is one sentence that names the file and the fault; the command line prints it as it is. Mistakes
of the calling code are ordinary ValueErrors and do not belong here.
"""


class ScoringError(Exception):
    """Base of all errors of this package."""


class BundleError(ScoringError):
    """A model bundle cannot be read, trusted or written."""


class CorpusError(ScoringError):
    """A corpus cannot be read."""


class ModelError(ScoringError):
    """A foreign model cannot be imported."""
