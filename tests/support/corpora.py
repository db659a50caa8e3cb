"""Corpora of small blocks, for tests."""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from scoring.bundle.bundle import open_bundle
from scoring.corpora.folder import begin
from scoring.corpora.local import prepare, run_plan
from scoring.corpora.options import CorpusOptions
from scoring.corpora.plan import Plan
from scoring.corpora.results import ResultKind, result_file
from scoring.pipeline import Scorer


def score_in_blocks(
    bundle: Path,
    documents: Iterable[tuple[str | None, str]],
    folder: Path,
    options: CorpusOptions,
    *,
    block_documents: int = 16,
    processes: int = 1,
) -> Plan:
    """Score a corpus in blocks of a chosen size."""
    plan = replace(prepare(bundle, documents, folder, options), block_documents=block_documents)
    begin(folder, plan)
    run_plan(bundle, folder, processes=processes)
    return plan


def scorer_of(bundle: Path) -> Scorer:
    """Return a scorer with a bundle."""
    return Scorer(open_bundle(bundle))


def whole(folder: Path, kind: ResultKind = "documents") -> bytes:
    """Return a whole result."""
    result = result_file(folder, kind)
    return b"".join(result.read(0, result.size))
