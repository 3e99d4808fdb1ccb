"""What the README tells people to type works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL))
COMMANDS = [line[2:].split("  #")[0].strip() for line in CONSOLE.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_of_the_readme_runs(block, tmp_path):
    """A first example that fails is the last one people try."""
    run = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    assert run.returncode == 0, run.stderr
    assert run.stdout


def short(words: list[str]) -> list[str]:
    """The same command with less to do."""
    if words[0] == "evaluate":
        return [*words, "--time-limit", "0.3", "--only-instance", "hc6u"]
    words = [{"FILE": "E1k.0", "60": "1", "best.sol": "best.tour"}.get(word, word) for word in words]
    if "cpsat" in words:
        words = ["hamming6-2" if word == "E1k.0" else word for word in words]
    return words


def call(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cosolve", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=180)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("cosolve ")])
def test_command_of_the_readme_runs(command, tmp_path):
    """FILE stands for a bundled instance here, and a second has to do."""
    words = shlex.split(command)[1:]
    if "berlin52.tsp" in words:
        pytest.skip("stands for a file that people have")
    if words[0] == "validate":
        call(["solve", "E1k.0", "--solver", "greedy", "--out", "best.tour", "-q"], tmp_path).check_returncode()
    for records in [word for word in words if word.endswith(".jsonl")]:
        call(short(["evaluate", "smoke", "--out", records, "--quiet"]), tmp_path).check_returncode()
    if words[0] == "compare":
        words += ["--min-pairs", "1"]
    run = call(short(words), tmp_path)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("command", sorted({c for c in COMMANDS if c.startswith("make ")}))
def test_make_target_of_the_readme_exists(command):
    """Only that it exists: `make test` can't run inside itself."""
    target = command.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_links_of_the_documents_lead_somewhere():
    """A moved file leaves dead links behind."""
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_python_of_the_milp_page_runs(tmp_path):
    """The page says that models go in and out of PuLP and SciPy."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "milp.md").read_text(), re.DOTALL)
    run = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    assert run.returncode == 0, run.stderr
    assert run.stdout
