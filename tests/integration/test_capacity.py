"""`scorepool capacity` from beginning to end: real workers, a real server, and a simulation made of both."""

import json
from pathlib import Path

from tests.support.cli import CORPUS, scorepool


def test_the_command_measures_this_machine_and_finds_a_fleet(demo_bundle: Path) -> None:
    """Every figure is there and plausible, and a rate that one worker cannot serve gets more of them."""
    run = scorepool(
        *("capacity", "--bundle", demo_bundle, "--documents", "4", "--rate", "5", "--corpus", CORPUS),
        *("--seconds", "0.3", "--balancer", "round-robin", "--json"),
    )

    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert 0 < found["refused_ms"] < found["served_ms"]
    assert found["call_ms"]["1"] > found["call_ms"]["8"] / 8 > 0
    assert found["worker_bytes"] > 1_000_000
    assert found["server_bytes"] > found["worker_bytes"]
    assert found["chosen"]["fits"]
    assert found["chosen"]["goodput"] > 0


def test_requests_that_the_service_would_refuse_are_an_error_in_one_sentence(
    demo_bundle: Path, tmp_path: Path
) -> None:
    """A document over the limit cannot be measured; the worker's reason is given."""
    texts = tmp_path / "texts.txt"
    texts.write_text("word " * 60_000 + "\n")

    run = scorepool("capacity", "--bundle", demo_bundle, "--documents", "1", "--rate", "5", "--corpus", texts)

    assert run.exit_code == 2
    assert "document_too_large" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    """Nothing is measured."""
    run = scorepool("capacity", "--bundle", tmp_path / "none", "--documents", "4", "--rate", "5")

    assert run.exit_code == 2
    assert "none" in run.stderr
