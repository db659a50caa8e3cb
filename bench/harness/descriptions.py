"""Real documents in great number: the descriptions of Debian's packages, one line each, about 60,000.

`apt-cache dumpavail` prints them on Debian and Ubuntu once `apt-get update` has fetched the lists.
"""

import subprocess


def descriptions() -> list[str]:
    """Return the distinct names and descriptions of all packages that this machine knows of.

    Raises: RuntimeError when it knows of none.
    """
    try:
        printed = subprocess.run(
            ["apt-cache", "dumpavail"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError("apt-cache dumpavail does not run here; it is of Debian and Ubuntu") from error
    found: dict[str, None] = {}
    name = ""
    for line in printed.splitlines():
        member, _, value = line.partition(": ")
        if member == "Package":
            name = value
        elif member == "Description":
            found[f"{name.replace('-', ' ')}: {value}"] = None
    if not found:
        raise RuntimeError("apt-cache knows no packages; run apt-get update")
    return list(found)
