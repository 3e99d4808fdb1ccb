#!/bin/sh
# Installs a built wheel into an environment of its own and uses it there: tests/wheel.sh PYTHON WHEEL
set -eu
python=$1 wheel=$2
root=$(pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt "$wheel"
# From another folder, so that nothing of the checkout can be imported by accident.
cd "$folder"
venv/bin/python - "$root" <<'END'
import pathlib, sys
import cosolve

assert pathlib.Path(sys.argv[1]) not in pathlib.Path(cosolve.__file__).parents, cosolve.__file__
top = {p.parts[0] for p in __import__("importlib.metadata", fromlist=["files"]).files("cosolve")}
top = {name for name in top if not name.endswith(".dist-info") and name != ".."}
assert top == {"cosolve"}, f"the wheel has other top-level names: {top}"
END
venv/bin/cosolve --help > /dev/null
venv/bin/cosolve solve hamming6-2 --time-limit 5 --json > result.json
venv/bin/python -c 'import json; r = json.load(open("result.json")); assert r["objective"] == 32, r'
echo "wheel: import, help and one solve passed"
