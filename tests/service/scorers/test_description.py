"""A scorer is described without its code running in this process."""

import os
import signal
import sys
from contextlib import chdir
from pathlib import Path

import pytest

from service.scorers.declaration import declare
from service.scorers.description import describe, describe_apart
from service.scorers.reference import DOCUMENTS, ScorerError
from tests.support.imports import modules_loaded_by

HERE = "tests.support.scorers"


def apart(tmp_path: Path, source: str, timeout_s: float = 30.0) -> str:
    """Describe a scorer of this source; return why it cannot be."""
    (tmp_path / "described_apart.py").write_text(source)
    with pytest.raises(ScorerError) as caught:
        describe_apart("described_apart:Scorer", tmp_path, None, timeout_s)
    assert "described_apart" not in sys.modules
    return str(caught.value)


def test_the_description_is_the_same_as_in_this_process(tmp_path: Path) -> None:
    """It crosses whole."""
    there = describe_apart(f"{HERE}:Lengths", tmp_path, None, 30.0)

    assert there == describe(declare(f"{HERE}:Lengths"))
    assert there.request["$ref"] == "#/components/schemas/Scorer.Request"


def test_the_built_in_scorer_is_light_to_describe() -> None:
    """The server does so itself, and must not load what scores."""
    code = f"from service.scorers.declaration import declare; declare({DOCUMENTS!r})"

    assert not {"scipy", "gensim", "sklearn"} & modules_loaded_by(code)
    assert describe(declare(DOCUMENTS)).operations == ("score", "score_npy", "explain")


def test_what_it_prints_is_not_taken_for_the_description(tmp_path: Path) -> None:
    """Nor does a thread that it leaves keep the process."""
    (tmp_path / "printing_scorer.py").write_text(
        "import sys, threading, time\nprint('{}')\nsys.stdin.read()\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "def Scorer(request: int) -> int:\n    return request\n"
    )

    assert describe_apart("printing_scorer:Scorer", tmp_path, None, 30.0).name == "Scorer"


def test_types_may_have_any_number_of_members(tmp_path: Path) -> None:
    """Their schemas are more than a pipe holds."""
    (tmp_path / "large_scorer.py").write_text(
        "import msgspec\n"
        "T = msgspec.defstruct('T', [(f'a_member_with_a_long_name_{i}', int) for i in range(2000)])\n"
        "def Scorer(request: T) -> int:\n    return 1\n"
    )

    described = describe_apart("large_scorer:Scorer", tmp_path, None, 30.0)

    assert len(described.schemas["Scorer.T"]["properties"]) == 2000


def test_a_process_that_it_leaves_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Also one of another session, which holds all that was open in it."""
    (tmp_path / "leaving_scorer.py").write_text(
        "import os, pathlib, time\n"
        "if (pid := os.fork()) == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(pid))\n"
        "def Scorer(request: int) -> int:\n    return request\n"
    )

    assert describe_apart("leaving_scorer:Scorer", tmp_path, None, 30.0).name == "Scorer"
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # raises where it has ended before


@pytest.mark.parametrize("name", ["service", "scoring"])
def test_a_folder_may_have_modules_of_this_package_s_names(tmp_path: Path, name: str) -> None:
    """Those are not taken for this package."""
    (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "beside.py").write_text("def Scorer(request: int) -> int:\n    return request\n")

    with chdir(tmp_path):
        assert describe_apart("beside:Scorer", tmp_path, None, 30.0).name == "Scorer"


def test_the_secret_of_the_tokens_stays_in_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module may print its environment."""
    monkeypatch.setenv("SCOREPOOL_JWT_SECRET", "of the server")

    said = apart(tmp_path, "import os\nraise ValueError(os.environ.get('SCOREPOOL_JWT_SECRET'))\n")

    assert said.endswith("ValueError: None")


def test_one_that_hangs_is_given_up(tmp_path: Path) -> None:
    """In the time that a load may take."""
    said = apart(tmp_path, "import time\nprint('loading')\ntime.sleep(600)\n", timeout_s=2.0)

    assert said == (
        "described_apart:Scorer: it did not end within 2 s, as long as load_timeout_s allows; it said: loading"
    )


def test_one_that_crashes_is_told_by_its_signal(tmp_path: Path) -> None:
    """And by what it said last."""
    said = apart(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")

    assert said.startswith("described_apart:Scorer: the process that imported it ended with SIGSEGV")


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return float('nan')", "cost(1) is nan"),
        ("return -size", "cost(1) is -1.0"),
        ("return 'long'", "ValueError"),
    ],
)
def test_nonsense_of_cost_is_told_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost: str, said: str
) -> None:
    """The scorer is served all the same."""
    module = f"costly_{abs(hash(cost))}"
    (tmp_path / f"{module}.py").write_text(
        f"class S:\n    @staticmethod\n    def cost(size):\n        {cost}\n"
        "    def score(self, requests):\n        return requests\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    description = describe(declare(f"{module}:S"))

    assert description.costs == ()
    assert said in description.cost_fault
