"""Every command that the docs give to operators starts with the packages of the image alone."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COMMANDS = sorted(
    set(re.findall(r"python -m (deploy\.\w+)", (ROOT / "docs/operations.md").read_text(encoding="utf-8")))
)
_WITHOUT = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)

sys.meta_path.insert(0, Absent())
importlib.import_module({module!r})
"""


def _pinned(requirements: str) -> set[str]:
    lines = (ROOT / requirements).read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0].partition("[")[0].lower() for line in lines if re.match(r"\w\S*==", line)}


def _absent_in_the_image() -> set[str]:
    """Top-level modules of packages that only requirements-dev.txt installs."""
    only_here = _pinned("requirements-dev.txt") - _pinned("requirements.txt")
    distributions = packages_distributions().items()
    return {
        module for module, of in distributions if {re.sub(r"[-_.]+", "-", name).lower() for name in of} <= only_here
    }


def test_the_docs_name_the_operators_commands() -> None:
    assert {"deploy.parked", "deploy.rebuild", "deploy.restored", "deploy.topics"} <= set(COMMANDS)


@pytest.mark.parametrize("module", [*COMMANDS, "deploy.entry", "deploy.credentials"])
def test_a_command_starts_with_the_packages_of_the_image(module: str) -> None:
    script = _WITHOUT.format(absent=sorted(_absent_in_the_image()), module=module)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_a_module_that_needs_a_package_of_development_alone_is_noticed() -> None:
    script = _WITHOUT.format(absent=sorted(_absent_in_the_image()), module="deploy.stack.programs")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "psutil is not in the image" in done.stderr
