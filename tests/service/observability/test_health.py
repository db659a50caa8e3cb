"""The gauges that alerts compare with."""

from pathlib import Path

from service.observability.health import HealthMetrics
from tests.support.application import Service, settings_with
from tests.support.prometheus_samples import Samples, parse_samples


def samples(service: Service) -> Samples:
    """Read what the application adds to the metrics."""
    return parse_samples(
        "".join(text for families in service.recorder.registered for text in families()).encode()
    )


def test_a_ready_service_says_so(tmp_path: Path) -> None:
    """Nothing is damaged either."""
    found = samples(Service(tmp_path))

    assert (found["scorepool_ready"], found["scorepool_bundle_damaged"]) == (1, 0)


def test_readiness_is_what_the_probe_says(tmp_path: Path) -> None:
    """A service that drains is not ready."""
    service = Service(tmp_path)

    service.backend.announce_drain()

    assert samples(service)["scorepool_ready"] == 0


def test_a_damaged_bundle_is_told(tmp_path: Path) -> None:
    """Beside the damage, the service may be ready or not."""
    service = Service(tmp_path)

    service.backend.damage = "word_vectors.npy: 5 bytes, 10 expected"

    assert samples(service)["scorepool_bundle_damaged"] == 1


def test_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    """Sizes in bytes, times in seconds."""
    settings = settings_with(tmp_path, queue_budget_s=2.5, request_timeout_s=7, worker_memory_bytes=256 << 20)

    found = parse_samples("".join(HealthMetrics(settings, bool, bool).families()).encode())

    assert found["scorepool_queue_budget_seconds"] == 2.5
    assert found["scorepool_request_timeout_seconds"] == 7
    assert found["scorepool_worker_memory_limit_bytes"] == 256 << 20
    assert found["scorepool_answer_budget_bytes"] == settings.answer_budget_bytes
