"""The errors of scoring that a user can act on.

    ScoringError
    ├── BundleError   a model bundle that cannot be read, trusted or written
    ├── CorpusError   a text file that cannot be read
    └── ModelError    a model of another library that cannot be imported

Every message is one sentence that names the file and the fault; the command line prints it unchanged. A mistake
of the calling code is a ValueError and is not part of this tree.
"""


class ScoringError(Exception):
    """Base of all errors of this package."""


class BundleError(ScoringError):
    """A model bundle cannot be read, trusted or written."""


class CorpusError(ScoringError):
    """A corpus cannot be read."""


class ModelError(ScoringError):
    """A model of another library cannot be imported."""
