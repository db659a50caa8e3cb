"""Predicts how many bytes an answer will have, from the features of a body that is not parsed yet.

    JSON   fixed + n · (document + id) + min(n, k) · cluster + n · m · (neighbour + id)      neighbours: m each
                                       + pairs · (pair + 2 · id)       pairs
                                       + n² · number                   matrix
                                       + n · d · number                with vectors
    .npy   header + 4 · n²
    /explain   fixed + words · contribution, as far as they can be listed

The bytes of each part are those of real answers (news stories, n from 1 to 1,000, d = 100), rounded up; so is n. A
prediction is 5 to 20 % above the size of a matrix, and up to five times that of a small answer. How many pairs
reach a threshold depends on the texts: a tenth of all is assumed from a threshold of 0.5 on, where the stories have
a thirtieth.

Weaknesses: options and ids are searched for at both ends of the body alone, as `features` says. A client that puts
them elsewhere is predicted too little, and a first document unlike the others makes n too small by a factor of up to
4. So a prediction decides only whether a job may come in; the answer itself is measured when it arrives.
"""

from service.api.request import MAX_TOP, Operation
from service.scheduling.features import EXPLANATION, Features, KnownModel

# Of the model; of an object {"id":"","cluster":…,"known":…,"neighbours":[]}; of a cluster with its terms.
_FIXED_BYTES = 512
_DOCUMENT_BYTES = 128
_CLUSTER_BYTES = 176

# A float32 with its comma: 12.0 on average, where no number is negative.
_NUMBER_BYTES = 13

# {"id":"","similarity":0.12345678}, and {"a":"","b":"","similarity":0.12345678},
_NEIGHBOUR_BYTES = 38
_PAIR_BYTES = 42

# {"token":"parliamentary","count":1,"known":true,"contribution":-0.123456789},
_CONTRIBUTION_BYTES = 84

# scoring.pipeline.MAX_PAIRS, which the server process must not load.
_MOST_PAIRS = 100_000
_PAIRS_ASSUMED = 0.1

_NPY_HEADER_BYTES = 128
_NPY_NUMBER_BYTES = 4


def predict_answer(features: Features, operation: Operation, model: KnownModel) -> int:
    """Return the bytes that the answer to this operation will have."""
    if features.similarity == EXPLANATION:
        return _FIXED_BYTES + int(min(2 * MAX_TOP, features.words) * _CONTRIBUTION_BYTES)
    n = features.likely_documents or features.documents
    if operation == "score_npy":
        return _NPY_HEADER_BYTES + _NPY_NUMBER_BYTES * n * n
    id_bytes = max(features.id_bytes, len(str(n)))
    size = _FIXED_BYTES + n * (_DOCUMENT_BYTES + id_bytes) + min(n, model.clusters) * _CLUSTER_BYTES
    if features.vectors:
        size += n * model.dimensions * _NUMBER_BYTES
    if features.similarity == "matrix":
        size += n * n * _NUMBER_BYTES
    elif features.similarity == "neighbours":
        size += n * min(features.neighbours, n - 1) * (_NEIGHBOUR_BYTES + id_bytes)
    elif features.similarity == "pairs":
        share = 1.0 if features.low_threshold else _PAIRS_ASSUMED
        pairs = min(_MOST_PAIRS, share * n * (n - 1) / 2)
        size += int(pairs * (_PAIR_BYTES + 2 * id_bytes))
    return size
