"""How strange a document is, beside the documents that a model was fitted to: in its distance and in its words.

    labels, distances ─ nearer_share → F (n,)
    tokens, known ─ unknown_tail → P (n,)         F, P ─ outliers → 1 − (1 − F)·P

A document of unknown words alone has a short vector, or one that chance made, and can be nearer to a centroid than any
other; so the distance says nothing of it, and its words do.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.manifest import UnknownRate


def outliers(nearer: NDArray[np.float32], tail: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return 1 − (1 − F)·P (n,) float32, 0 to 1, of `nearer` F (n,) and `tail` P (n,); where P is 1 it is F to the bit.

    It is the share of training documents that lie nearer or have a smaller share of unknown words, where these two
    are independent. Its weakness: they are not, quite; and known words that mean something else here count as known.
    """
    return (nearer + (1 - nearer) * (1 - tail)).astype(np.float32)


def unknown_tail(
    tokens: NDArray[np.int64], known: NDArray[np.int64], usual: UnknownRate
) -> NDArray[np.float64]:
    """Return how likely so many unknown words are in a document like those of the training, (n,), 0 to 1.

    For the share u of unknown words among m tokens, and the usual share q with the correlation r between tokens of a
    document, m tokens tell as much as M = m / (1 + (m − 1)·r) independent ones; then

        P = exp(−M·(u·ln(u/q) + (1 − u)·ln((1 − u)/(1 − q))))    for u > q, else 1

    is Chernoff's bound of the binomial tail (Hoeffding 1963, "Probability inequalities for sums of bounded random
    variables", theorem 1). It falls as u grows. A document with no more unknown words than usual has 1. Its
    weakness: it is a bound, up to several times the probability, so that a document somewhat above the usual share
    is called stranger late; one of mostly unknown words is not.
    """
    counts = np.maximum(tokens, 1)
    share = (tokens - known) / counts
    effective = counts / (1 + (counts - 1) * usual.correlation)
    tail = np.ones(len(tokens))
    above = share > usual.share
    u, q = share[above], usual.share
    # A document without any known word: 0·ln 0 is 0.
    rest = np.where(u < 1, (1 - u) * np.log(np.where(u < 1, 1 - u, 1) / (1 - q)), 0)
    tail[above] = np.exp(-effective[above] * (u * np.log(u / q) + rest))
    return tail


def nearer_share(
    labels: NDArray[np.int64], distance: NDArray[np.float32], distance_quantiles: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the share, 0 to 1, of the cluster's training documents that lie nearer, (n,) float32.

    distance_quantiles (k, Q) are the sorted distances of each cluster's training documents at Q evenly spaced ranks;
    between two of them the share is interpolated linearly, as `np.interp` does for one cluster. A document without a
    vector (label −1) has 0. Time and memory O(n·Q).
    """
    rows, last = np.maximum(labels, 0), distance_quantiles.shape[1] - 1
    ranks = _ranks(last + 1)
    reached = np.count_nonzero(distance_quantiles.take(rows, axis=0) <= distance[:, None], axis=1)
    # Before the first quantile the share is 0 and from the last one on 1: nothing is interpolated.
    lower, upper = np.maximum(reached - 1, 0), np.minimum(reached, last)
    near, far = (distance_quantiles[rows, at].astype(np.float64) for at in (lower, upper))
    width = np.where(lower < upper, far - near, 1)
    shares = (ranks[upper] - ranks[lower]) / width * (distance - near) + ranks[lower]
    return np.where(labels >= 0, shares, 0).astype(np.float32)


@cache
def _ranks(count: int) -> NDArray[np.float64]:
    """Return the ranks (count,) of evenly spaced quantiles, from 0 to 1."""
    return np.linspace(0.0, 1.0, count)
