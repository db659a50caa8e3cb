"""Ids are distinct, and every document has one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.texts.documents import Document
from scoring.texts.faults import TextFault
from scoring.texts.ids import identified


def documents(ids: list[str | None]) -> list[Document]:
    """Return documents with these ids in lines from 1."""
    return [Document(name, "text", line) for line, name in enumerate(ids, 1)]


@given(st.lists(st.none() | st.sampled_from(["a", "b", "0", "1", "5", "é"]), max_size=8))
def test_the_first_repetition_is_named(ids: list[str | None]) -> None:
    """A position counts as the id of a document that has none."""
    called = [str(position) if name is None else name for position, name in enumerate(ids)]
    repeated = [position for position, name in enumerate(called) if name in called[:position]]

    if not repeated:
        assert [name for name, _, _ in identified(documents(ids), "a.csv", 256)] == called
        return
    with pytest.raises(TextFault) as raised:
        list(identified(documents(ids), "a.csv", 256))

    first = called.index(called[repeated[0]])
    fault = f"a.csv, line {repeated[0] + 1}: its id is that of line {first + 1}, too; ids are distinct"
    assert str(raised.value) == fault
    assert raised.value.code == "duplicate_id"


@pytest.mark.parametrize("name", ["", "a" * 257])
def test_an_id_has_a_length(name: str) -> None:
    """From 1 to the limit."""
    with pytest.raises(
        TextFault, match=r"a.csv, line 2: its id has (0|257) characters, 1 to 256 are allowed"
    ):
        list(identified(documents(["a" * 256, name]), "a.csv", 256))
