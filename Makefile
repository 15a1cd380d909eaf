.PHONY: demo test proof bench docs editor
PY = .venv/bin/python
PIP = $(PY) -m pip install -q --disable-pip-version-check -c constraints.txt
RUN = OMP_NUM_THREADS=2 $(PY)
# Two processes of one thread each: Keras and the printers run on one core.
TEST = OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist worksteal

demo: .venv/.demo
	$(PY) -m archspec show resnet34
	$(PY) -m archspec build specs/resnet34.yaml --backend torch

test: .venv/.test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(TEST)

# The heavier proofs: full-size nets, every net of the zoo.
proof: .venv/.proof tests/editor/node_modules
	$(RUN) -m pytest -q -m proof

# The schema in the YAML language server of editors, which needs Node, and our own.
editor: .venv/.lsp tests/editor/node_modules
	$(PY) -m pytest -q -m proof tests/authoring/test_editor.py tests/editor

tests/editor/node_modules: tests/editor/package.json
	npm install --silent --no-package-lock --prefix tests/editor
	touch $@

bench: .venv/.test
	$(RUN) -m benchmarks

.venv/bin/python:
	python3 -m venv .venv

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[torch]'
	touch $@

.venv/.lsp: .venv/.test
	$(PIP) -e '.[lsp]'
	touch $@

.venv/.proof: .venv/.test
	$(PIP) -e '.[proof]'
	touch $@

.venv/.test: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) torch
	$(PIP) -e '.[test]'
	touch $@

# The site, in build/site. mkdocs has an environment of its own.
docs: .venv-docs/.done
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build
	@echo build/site/index.html

.venv-docs/.done: pyproject.toml
	python3 -m venv .venv-docs
	.venv-docs/bin/python -m pip install -q --disable-pip-version-check -e '.[docs]'
	touch $@
