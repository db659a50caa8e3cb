"""The configuration file: TOML, with settings by their names at its top level.

port = 8000
host = ["127.0.0.1", "::1"]
jwt_public_key_file = "keys/issuer.pem"     # from the file's folder
"""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from service.setting_kinds import (
    BYTES,
    EXISTING,
    FILE,
    FLAG,
    FOLDER,
    HOSTS,
    NAMES,
    NETWORKS,
    OWN_FOLDER,
    SECONDS,
    SHARE,
    SOCKET,
    WHOLE,
    Kind,
)
from service.settings import SettingsError

_READABLE_BY_OTHERS = 0o004


class FileValue(NamedTuple):
    """One value and the file that it is from."""

    file: str
    value: object

    def as_text(self, kind: Kind) -> str:
        """Return the value as an option would have it. Raises: ValueError, without the value, for another type."""
        value = self.value
        if isinstance(value, list) and kind in {HOSTS, NAMES, NETWORKS}:
            if all(isinstance(each, str) for each in value):
                return ",".join(value)
        elif isinstance(value, str) and kind in {EXISTING, FILE, FOLDER, OWN_FOLDER, SOCKET}:
            return str(Path(self.file).parent / value)
        elif isinstance(value, _types(kind)) and (kind is FLAG or not isinstance(value, bool)):
            return str(value)
        raise ValueError(f"{_toml_type(value)} is not {kind.words}")


def _types(kind: Kind) -> tuple[type, ...]:
    """Return the types that a kind of setting may have in the file; numbers are never texts."""
    if kind is FLAG:
        return (bool,)
    if kind in {WHOLE, BYTES}:
        return (int,)
    return (int, float) if kind in {SECONDS, SHARE} else (str,)


def _toml_type(value: object) -> str:
    names = {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a float",
        list: "an array",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def read_config(file: Path) -> dict[str, Any]:
    """Return what a file holds. Raises: SettingsError that names the file, and the line where there is one."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: {error.strerror}"]) from error
    except UnicodeError as error:
        raise SettingsError([f"{file}: not UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: {error}"]) from error


def exposed_secrets(config: Path | None, key_file: Path | None) -> list[Path]:
    """Return the files with a secret that every user of the machine may read."""
    holding = [config] if config is not None and "jwt_secret" in read_config(config) else []
    holding += [key_file] if key_file is not None else []
    return [file for file in holding if file.stat().st_mode & _READABLE_BY_OTHERS]
