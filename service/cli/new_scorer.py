"""`scorepool new-scorer`: writes a small project to begin a scorer with."""

import keyword
import re
import sys
from pathlib import Path

import click

from service.cli import scorer_project
from service.cli.input_errors import InputError, input_errors


@click.command()
@click.argument("name")
@input_errors()
def command(name: str) -> None:
    """Write a folder NAME with a scorer, a test that drives it through a real pool, and a README.

    The module has the same name with underscores, the class in capitals: `word-count`, `word_count`, `WordCount`.
    """
    module = name.replace("-", "_")
    if re.fullmatch(r"[a-z][a-z0-9_]*", module) is None or keyword.iskeyword(module):
        raise InputError(
            f"{name}: not a name for a module; use small letters, digits and hyphens, such as word-count"
        )
    if module in sys.stdlib_module_names or module in {"service", "scoring"}:
        raise InputError(f"{name}: Python or the service has a module of this name; use another one")
    for path in create_project(Path(name), module):
        click.echo(path)


def create_project(folder: Path, module: str) -> list[Path]:
    """Write the project and return its files. Raises: FileExistsError when the folder exists, OSError."""
    folder.mkdir()
    scorer = "".join(word.capitalize() for word in module.split("_"))
    files = {
        f"{module}.py": scorer_project.SCORER,
        f"test_{module}.py": scorer_project.TEST,
        "README.md": scorer_project.README,
    }
    for name, template in files.items():
        text = template.replace("MODULE", module).replace("CLASS", scorer).replace("FOLDER", folder.name)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]
