"""Bodies that killed two workers are refused for ten minutes."""

from service.scheduling.quarantine import MAX_BODIES, QUARANTINE_S, Quarantine


def test_a_body_in_quarantine_is_refused() -> None:
    """And only that one, not every body of its length."""
    quarantine = Quarantine()

    quarantine.add(b"poison", 0.0)

    assert quarantine.holds(b"poison", 1.0)
    assert not quarantine.holds(b"tonics", 1.0)
    assert not quarantine.holds(b"other length", 1.0)


def test_it_is_let_go_after_the_time() -> None:
    """The server may have been mended."""
    quarantine = Quarantine()
    quarantine.add(b"poison", 0.0)

    assert quarantine.holds(b"poison", QUARANTINE_S - 1)
    assert not quarantine.holds(b"poison", QUARANTINE_S)


def test_bodies_of_one_length_are_told_apart_when_one_is_let_go() -> None:
    """Each has its own time."""
    quarantine = Quarantine()
    quarantine.add(b"poison", 0.0)
    quarantine.add(b"venoms", 5.0)

    assert not quarantine.holds(b"poison", QUARANTINE_S + 1)
    assert quarantine.holds(b"venoms", QUARANTINE_S + 1)


def test_a_flood_of_poisons_is_bounded() -> None:
    """The oldest are let go."""
    quarantine = Quarantine()
    for number in range(MAX_BODIES + 1):
        quarantine.add(b"%06d" % number, 0.0)

    assert not quarantine.holds(b"000000", 1.0)
    assert quarantine.holds(b"000001", 1.0)
