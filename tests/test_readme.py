"""What the README and the pages beside it tell people to type works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL))
COMMANDS = [line[2:].split("  #")[0].strip() for line in CONSOLE.splitlines() if line.startswith("$ ")]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


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
    if words[0] == "train":
        less = ["data.points=50", "data.cities=4", "training.reinforce_batch=8", "training.validation_size=4"]
        return [*words, "--max-steps", "1", *(word for value in less for word in ("--set", value))]
    words = [{"FILE": "E1k.0", "60": "1", "best.sol": "best.tour"}.get(word, word) for word in words]
    if "cpsat" in words:
        words = ["hamming6-2" if word == "E1k.0" else word for word in words]
    return words


def makers(words: list[str]) -> list[list[str]]:
    """The commands of the README that write what this one reads."""
    found = []
    for command in COMMANDS:
        earlier = shlex.split(command)[1:]
        out = earlier[earlier.index("--out") + 1] if "--out" in earlier else None
        if earlier != words and out is not None and not {out, f"checkpoint={out}"}.isdisjoint(words):
            found.append(earlier)
    return found


def call(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cosolve", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=180)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("cosolve ")])
def test_command_of_the_readme_runs(command, tmp_path):
    """FILE stands for a bundled instance here, and a second has to do."""
    words = shlex.split(command)[1:]
    if "berlin52.tsp" in words:
        pytest.skip("stands for a file that people have")
    for earlier in makers(words):
        call(short(earlier), tmp_path).check_returncode()
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


def anchors(document: Path) -> set[str]:
    """The names that its headings have on GitHub."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documents_lead_somewhere(document):
    """A moved file or a renamed heading leaves dead links behind."""
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if not target.startswith("http"):
            name, _, anchor = target.partition("#")
            file = document.parent / name if name else document
            assert file.exists(), f"{document.name}: {target}"
            assert not anchor or anchor in anchors(file), f"{document.name}: {target}"


@cache
def options_of(verb: str) -> set[str]:
    run = call([verb, "--help"], ROOT)
    assert run.returncode == 0, run.stderr
    return set(re.findall(r"--[a-z-]+", run.stdout.split("Examples:")[0]))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_of_commands_in_the_documents_exist(document):
    """An option that has been renamed lives on in the pages that mention it."""
    text = document.read_text()
    inline = re.findall(r"`(cosolve [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for command in [*re.findall(r"^\$ (cosolve .*)$", text, re.MULTILINE), *inline]:
        words = command.split("  #")[0].split()
        if len(words) > 1 and re.fullmatch("[a-z]+", words[1]):
            unknown = {word for word in words if word.startswith("--")} - options_of(words[1]) - {"--help"}
            assert not unknown, f"{document.name}: {command}"


@pytest.mark.parametrize("page", ["milp.md", "trees.md"])
def test_python_of_the_page_runs(page, tmp_path):
    """What the page shows first solves something: no None where an objective is printed."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    run = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    assert run.returncode == 0, run.stderr
    assert "optimal" in run.stdout
