"""The fault of a text file: one sentence with the file and the line, and its parts for who answers over HTTP."""

from dataclasses import dataclass

from scoring.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file, counted from 1 in its units."""

    number: int
    unit: str = "line"


class TextFault(CorpusError):  # noqa: N818 - a fault of the file, as a person reads it
    """A file or stream of texts cannot be read further.

    name: of the file. place: where, or None for the file as a whole. detail: the sentence without either.
    code: as in the service's errors, `invalid_document` mostly.
    option: the field of `ReadingOptions` that another value could mend.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        place: Place | None = None,
        *,
        code: str = "invalid_document",
        option: str | None = None,
    ) -> None:
        self.name = name
        self.place = place
        self.detail = detail
        self.code = code
        self.option = option
        super().__init__(self.sentence("--", "-"))

    def sentence(self, prefix: str, separator: str) -> str:
        """Return the whole, with the option spelt for who reads it: `--text-field`, or `text_field`."""
        where = self.name if self.place is None else f"{self.name}, {self.place.unit} {self.place.number}"
        hint = "" if self.option is None else f"; {prefix}{self.option.replace('_', separator)} sets another"
        return f"{where}: {self.detail}{hint}"
