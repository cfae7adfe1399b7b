# The same words on a laptop and in CI. Each target does all the set-up it needs; with nothing to do that takes no time.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

LOCK := $(shell tools/lock-for-this-machine)
OLD := .venv-mediapipe-0.10
OLD_LOCK := requirements/dev-mediapipe-0.10.lock

# An environment stands for the content of what it was made from, wherever git put the dates, and for this very folder
# (its scripts name it). The name of the stamp says all that: anything else in it, and it is made again.
MADE_FROM := pyproject.toml pose_edge/__init__.py requirements/bootstrap.lock tools/environment tools/uv
key = $(shell { pwd; cat $(1) $(MADE_FROM); } | sha256sum | cut -c 1-16)
READY := .venv/.ready-$(call key,$(LOCK))
OLD_READY := $(OLD)/.ready-$(call key,$(OLD_LOCK))

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z0-9.-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name does; do \
		printf '  make %-20s %s\n' "$$name" "$$does"; done

.PHONY: demo
demo: $(READY) ## a drawn person stands, sits, bends and lies down; what a subscriber over MQTT receives (1 min)
	@tools/with-model .venv/bin/pose-edge demo

.PHONY: test
test: $(READY) ## all tests this machine can run; ARGS="tests/events -k fall" for some
	@tools/with-model .venv/bin/python -m pytest $(ARGS)

.PHONY: test-faults
test-faults: $(READY) ## brokers, networks, disks and certificates that fail (10 min)
	@tools/with-model .venv/bin/python -m pytest tests/faults -m faults $(ARGS)

.PHONY: test-systemd
test-systemd: $(READY) ## install and run as a service under the systemd of Bookworm and Trixie (root; 5 min, first time 3 more)
	@POSE_EDGE_SYSTEMD="$$(tools/systemd-boxes bookworm trixie)" tools/with-model .venv/bin/python -m pytest tests/systemd $(ARGS)

HOMEASSISTANT := 2026.11.0 2026.2.3

.PHONY: test-homeassistant
test-homeassistant: $(READY) ## discovery and blueprints against real Home Assistants (first time 5 min; root makes Debian roots)
	@POSE_EDGE_HOMEASSISTANT="$$(tools/homeassistant-environment $(HOMEASSISTANT))" .venv/bin/python -m pytest tests/homeassistant $(ARGS)

.PHONY: test-pi
test-pi: $(READY) ## the real picamera2 on a camera made of software, to a real broker (2 min; root makes a Debian root)
	@if root=$$(tools/pi-root); then \
		tools/with-model $$root/run python -m pytest -p no:cacheprovider tests/pi $(ARGS); \
	else echo "test-pi: skipped, for the reason above"; fi

.PHONY: test-arm64
test-arm64: $(READY) ## the locks of Pi 5 and Pi 4 on their processors, emulated (2 min, first time 4 more; as root)
	@POSE_EDGE_ARM64="$$(tools/arm64-roots trixie bookworm)" tools/with-model .venv/bin/python -m pytest tests/arm64 $(ARGS)

.PHONY: deb
deb: ## Debian packages for arm64 and amd64 in dist/
	@tools/deb dist

.PHONY: check
check: $(READY) ## style, types and the direction of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

.PHONY: format
format: $(READY) ## put the code into its form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: test-mediapipe-0.10
test-mediapipe-0.10: $(OLD_READY) $(READY) ## the landmarker with the MediaPipe of a Pi 4, in an environment of its own
	@tools/with-model $(OLD)/bin/python -m pytest tests/landmarker $(ARGS)

.PHONY: lock
lock: ## write requirements/*.lock again; UPGRADE=--upgrade for the newest of everything
	@tools/lock $(UPGRADE)

.PHONY: clean
clean: ## remove all that was made here, except models
	rm -rf .venv .venv-* .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: system-packages
system-packages:
	@tools/system-packages $(if $(filter test%,$(MAKECMDGOALS)),tests)

# A Python that the system has replaced leaves a dangling link, and the environment is made again.
$(READY): $(if $(wildcard .venv/bin/python),,again) | system-packages
	@tools/environment .venv $(LOCK)
	@touch $@

$(OLD_READY): $(if $(wildcard $(OLD)/bin/python),,again) | system-packages
	@tools/environment $(OLD) $(OLD_LOCK)
	@touch $@

.PHONY: again
again:
