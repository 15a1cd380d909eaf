.PHONY: test
PY = .venv/bin/python

.venv/.test: pyproject.toml constraints.txt
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install -q --disable-pip-version-check -c constraints.txt torch
	$(PY) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/.test

test: .venv/.test
	$(PY) -m ruff check archspec tests
	$(PY) -m ruff format --check archspec tests
	$(PY) -m mypy
	OMP_NUM_THREADS=2 $(PY) -m pytest -q
