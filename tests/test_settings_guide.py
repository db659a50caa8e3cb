"""The operator's guide speaks of every setting."""

import re
from pathlib import Path

from service.settings import declared

PAGE = Path(__file__).parent.parent / "docs/operations/settings.md"


def test_every_setting_has_one_row() -> None:
    """And no row is of a setting that does not exist."""
    rows = re.findall(r"^\| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(setting.name for setting in declared())
