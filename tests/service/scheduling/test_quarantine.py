"""Bodies that killed two workers are refused for ten minutes."""

from service.scheduling.quarantine import MAX_BODIES, QUARANTINE_S, Quarantine


def test_a_body_in_quarantine_is_refused() -> None:
    """Other bodies are accepted, also those of the same length."""
    quarantine = Quarantine()

    quarantine.add(b"poison", 0.0)

    assert quarantine.holds(b"poison", 1.0)
    assert not quarantine.holds(b"tonics", 1.0)
    assert not quarantine.holds(b"other length", 1.0)


def test_a_body_is_accepted_again_after_the_quarantine() -> None:
    """The bundle or the code may have been corrected meanwhile."""
    quarantine = Quarantine()
    quarantine.add(b"poison", 0.0)

    assert quarantine.holds(b"poison", QUARANTINE_S - 1)
    assert not quarantine.holds(b"poison", QUARANTINE_S)


def test_bodies_of_one_length_expire_separately() -> None:
    """Each has its own time of expiry."""
    quarantine = Quarantine()
    quarantine.add(b"poison", 0.0)
    quarantine.add(b"venoms", 5.0)

    assert not quarantine.holds(b"poison", QUARANTINE_S + 1)
    assert quarantine.holds(b"venoms", QUARANTINE_S + 1)


def test_the_number_of_quarantined_bodies_is_bounded() -> None:
    """The oldest body is dropped when there are more than `MAX_BODIES`."""
    quarantine = Quarantine()
    for number in range(MAX_BODIES + 1):
        quarantine.add(b"%06d" % number, 0.0)

    assert not quarantine.holds(b"000000", 1.0)
    assert quarantine.holds(b"000001", 1.0)
