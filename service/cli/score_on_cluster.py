"""`scorepool score --cluster`: scores a corpus on a Dask cluster; the answer is that of one machine to the byte."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from scoring.corpora.local import prepare
from scoring.corpora.options import CorpusOptions
from scoring.corpora.results import result_file
from scoring.progress import Progress
from scoring.texts.documents import Document
from service.cluster.scoring import score_on_cluster


class ClusterScorer(NamedTuple):
    """Where, and with which bundle."""

    address: str
    bundle: Path

    def score(self, documents: Iterable[Document], neighbours: int, out: BinaryIO, report: Progress) -> None:
        """Write one JSON line for each document to `out`; with `neighbours` 0 nothing is compared.

        What is done is kept in a temporary folder: about 8·d + 12·m bytes a document, and its text. Raises:
        ClusterError, BundleError, CorpusError, TextFault, OSError.
        """
        compared = CorpusOptions(neighbours=neighbours) if neighbours else CorpusOptions(similarity="none")
        with tempfile.TemporaryDirectory(prefix="scorepool-") as path:
            folder = Path(path) / "corpus"

            def begin() -> None:
                named = ((document.id, document.text) for document in documents)
                prepare(self.bundle, named, folder, compared)

            score_on_cluster(self.address, self.bundle, folder, begin, report)
            result = result_file(folder)
            out.writelines(result.read(0, result.size))
