#!/usr/bin/env bash
# The core of the suite on every Python from 3.10 on, or on those that are named (`on_every_python.sh 3.13`):
# each `python3.N` on PATH or under ~/.pyenv gets an environment in .venv-3.N
set -euo pipefail
cd "$(dirname "$0")/.."
core="tests/test_vocab.py tests/test_corpus.py tests/test_data.py tests/test_core.py tests/test_resume.py tests/test_cli.py tests/test_fastai_seam.py"
failed=
for v in ${@:-3.10 3.11 3.12 3.13 3.14}; do
    exe=$(command -v "python$v" || ls -d ~/.pyenv/versions/$v.*/bin/python 2>/dev/null | tail -1 || true)
    [ -n "$exe" ] && "$exe" -c 'import venv, ssl' 2>/dev/null || continue
    env=".venv-$v"
    echo "== $("$exe" --version)"
    if [ ! -e "$env/installed" ]; then
        "$exe" -m venv "$env"
        "$env/bin/pip" install -q -c constraints.txt torch torchvision -e . pytest pytest-xdist hypothesis accelerate
        touch "$env/installed"
    fi
    OMP_NUM_THREADS=1 "$env/bin/python" -m pytest -q -n 2 --dist loadfile $(ls $core 2>/dev/null) || failed="$failed $v"
done
[ -z "$failed" ] || { echo "failed on$failed"; exit 1; }
