# Everything here needs Python 3.11 or later and make, and nothing else: the first target that needs
# it makes .venv and installs what requirements.lock names.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := $(VENV)/.extras
CONTROLPLANE := $(VENV)/.controlplane
export BAYPLAN_DATA ?= $(CURDIR)/../shared/data
# Two processes on a two-core machine; more cores are used where they are.
TEST_WORKERS ?= auto

.PHONY: help demo cluster pod pods test lint types unit endtoend e2e e2e-all soak throughput recordings thorough bench reproduce docs proto clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## the built-in trace under six ways to share GPUs and three placements; writes demo/report.html
	@mkdir -p demo
	$(BIN)/bayplan compare bench/scenarios/demo.toml --set layout=fitted --seeds 1-5 \
	  --vary sharing=exclusive,mig-static,mig-dynamic,mps,timeslice,hami \
	  --vary placement=best-fit,worst-fit,fgd --metrics jct_mean_s,slowdown_mean,allocated_gpu_h \
	  --csv demo/compare.csv --json demo/compare.json --plot demo/compare.svg
	@for mode in exclusive mig-dynamic mps; do \
	  $(BIN)/bayplan simulate bench/scenarios/demo.toml --set sharing=$$mode --set run.fragmentation=true \
	    --out demo/$$mode --quiet || exit; done
	@$(BIN)/bayplan report demo/exclusive demo/mig-dynamic demo/mps --out demo/report.html

cluster: $(CONTROLPLANE) ## a Kubernetes cluster with the extender, until Ctrl-C; builds it first (15 minutes, 6 GB, once)
	PYTHONPATH=tests $(BIN)/python -m e2e.controlplane.build
	$(BIN)/python -m bayplan.kernels.warm
	PYTHONPATH=tests $(BIN)/python -m e2e.cluster

NAME ?= train
GPU ?= nvidia.com/gpu=1
pod: $(CONTROLPLANE) ## a pod on that cluster: make pod NAME=half GPU="nvidia.com/gpu=1 nvidia.com/gpumem=40000"
	@PYTHONPATH=tests $(BIN)/python -m e2e.asking pod $(NAME) $(GPU)

pods: $(CONTROLPLANE) ## what is on that cluster
	@PYTHONPATH=tests $(BIN)/python -m e2e.asking pods

test: lint types unit ## all checks: lint, import contracts, types, tests

lint: $(READY) ## ruff, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(READY) ## mypy, strict
	$(BIN)/mypy

unit: $(READY) ## pytest, then kernels and what plans with them again as plain Python
	$(BIN)/python -m bayplan.kernels.warm
	$(BIN)/pytest -n $(TEST_WORKERS) -m 'not endtoend and not controlplane'
	NUMBA_DISABLE_JIT=1 HYPOTHESIS_PROFILE=small $(BIN)/pytest -n $(TEST_WORKERS) -q tests/kernels \
	  $(addprefix tests/scheduler/,gangs preemption explaining queues test_trial.py)

endtoend: $(EXTRAS) ## sweeps on a Ray cluster of its own, MLflow, notebooks; installs them (500 MB)
	$(BIN)/python -m bayplan.kernels.warm
	BAYPLAN_REQUIRE_EXTRAS=1 $(BIN)/pytest -m endtoend tests/e2e

e2e: $(CONTROLPLANE) ## builds a Kubernetes control plane, Helm and promtool with Go (23 minutes, 9 GB, once) and tests on it
	PYTHONPATH=tests $(BIN)/python -m e2e.controlplane.build --tools || test -z "$$BAYPLAN_REQUIRE_CONTROLPLANE"
	$(BIN)/pytest -m controlplane tests/e2e

e2e-all: $(CONTROLPLANE) ## the same on every version of Kubernetes that is built here: another 5 minutes to build, once
	set -e; for version in $$(PYTHONPATH=tests $(BIN)/python -c 'from e2e.controlplane import modules; print(*modules.versions())'); do \
	  echo "Kubernetes $$version"; BAYPLAN_KUBERNETES=$$version BAYPLAN_REQUIRE_CONTROLPLANE=1 $(MAKE) e2e; done

KILLS ?= 200
RESTARTS ?= 50
soak: $(CONTROLPLANE) ## kills the extender 200 times and the API server 50 times while gangs come and go
	PYTHONPATH=tests $(BIN)/python -m e2e.controlplane.build
	PYTHONPATH=tests $(BIN)/python -m e2e.extender.soak --kills $(KILLS) --restarts $(RESTARTS)

throughput: $(CONTROLPLANE) ## pods a second of a real kube-scheduler, with the extender and without; 15 minutes on two cores
	PYTHONPATH=tests $(BIN)/python -m e2e.controlplane.build
	$(BIN)/python -m bayplan.kernels.warm
	PYTHONPATH=tests $(BIN)/python bench/throughput.py

recordings: $(CONTROLPLANE) ## writes tests/extender/recorded/ anew, from a real kube-scheduler's calls
	PYTHONPATH=tests $(BIN)/python -m e2e.controlplane.build
	PYTHONPATH=tests $(BIN)/python -m e2e.controlplane.record

thorough: $(READY) ## over 20,000 random examples of what the engine promises, by promise, and broken calls of the extender
	$(BIN)/python -m bayplan.kernels.warm
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -n $(TEST_WORKERS) -q --dist worksteal -m promise \
	  --promises 20000
	NUMBA_DISABLE_JIT=1 HYPOTHESIS_PROFILE=small $(BIN)/pytest -n $(TEST_WORKERS) -q -m promise \
	  --promises 400
	$(BIN)/python tests/extender_fuzz.py --examples 100000

bench: $(READY) ## measure; writes bench/results/ and the tables in README.md
	$(BIN)/python bench/replay.py
	$(BIN)/python bench/decide.py
	$(BIN)/python bench/mig.py
	$(BIN)/python bench/modes.py
	$(BIN)/python bench/sharing.py
	$(BIN)/python bench/gang.py
	$(BIN)/python bench/preempt.py
	$(BIN)/python bench/ordering.py
	$(BIN)/python bench/explain.py
	$(BIN)/python bench/plan.py
	$(BIN)/python bench/extender.py
	$(BIN)/python bench/rpc.py
	$(BIN)/python bench/simulate_remote.py
	-$(BIN)/python bench/optimal.py
	$(BIN)/python bench/jobs.py
	$(BIN)/python bench/simulate.py
	$(BIN)/python bench/extender_start.py
	$(BIN)/python bench/tables.py

reproduce: $(READY) ## published tables and schedules beside ours (needs BAYPLAN_DATA)
	@mkdir -p reproduce
	$(BIN)/python bench/reproduce.py --workers 2 --json reproduce/fgd.json
	$(BIN)/python bench/reproduce_papers.py --workers 2 --json reproduce/schedules.json

docs: $(READY) ## write the generated parts of docs/
	$(BIN)/python docs/generate.py

proto: $(READY) ## write the generated code of the gRPC service
	$(BIN)/python -m grpc_tools.protoc -I src --python_out=src --pyi_out=src \
	  src/bayplan/extender/remote/pb/bayplan_v1.proto

clean: ## remove what the other targets made
	rm -rf $(VENV) .cache demo reproduce build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || \
	  { echo "no Python 3.11 or later found; name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Making $(VENV) and installing into it; this takes about a minute."
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar=on -c requirements.lock -e '.[dev]'
	@touch $@

$(EXTRAS): $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c requirements.lock \
	  -e '.[dev,ray,mlflow,notebooks]'
	@touch $@

$(CONTROLPLANE): $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c requirements.lock -e '.[dev,e2e]'
	@touch $@
