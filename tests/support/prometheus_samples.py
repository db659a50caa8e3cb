"""Parses the text of `/metrics` with the parser of the reference library, and compares samples."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[str, float]


def parse_samples(text: bytes) -> Samples:
    """Return each sample's value by its name and labels, as in `name{a="b",c="d"}`, the labels in their order."""
    return {
        _key(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def differences(before: Samples, after: Samples) -> dict[str, float]:
    """Return the change of each sample that has changed."""
    return {
        key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)
    }


def without_buckets(samples: Mapping[str, float]) -> dict[str, float]:
    """Leave out the buckets and sums of histograms, which depend on times; their counts stay."""
    return {
        key: value for key, value in samples.items() if not key.split("{")[0].endswith(("_bucket", "_sum"))
    }


def _key(name: str, labels: Mapping[str, str]) -> str:
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{written}}}" if written else name
