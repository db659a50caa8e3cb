"""Reads what `/metrics` says, with the parser of the reference library."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[str, float]


def parse_samples(text: bytes) -> Samples:
    """Return each sample's value by its name and labels, as in `name{a="b",c="d"}`, labels in their order."""
    return {
        _key(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def differences(before: Samples, after: Samples) -> dict[str, float]:
    """Return by how much each sample has changed, those that have not left out."""
    return {
        key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)
    }


def without_buckets(samples: Mapping[str, float]) -> dict[str, float]:
    """Leave out how the observations of a histogram are spread: their number alone tells of one."""
    return {
        key: value for key, value in samples.items() if not key.split("{")[0].endswith(("_bucket", "_sum"))
    }


def _key(name: str, labels: Mapping[str, str]) -> str:
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{written}}}" if written else name
