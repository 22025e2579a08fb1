# make run    the gateway against the sandbox, ready to be tried in a browser; TRANSPORT=smpp: over SMPP
# make test   formatting, lint, types and the test suite but for what needs a browser
# make browser   the pages in Chromium, in the simulated portal's frame: three languages, a desktop and a phone
# All set up everything they need in .venv. The tests of SMPP need node and npm besides, those in a browser Chromium
# too, and are skipped without.
# make fuzz   whatever strangers may send, made up by atheris for ten minutes; what goes wrong is put into tests/fuzz/corpus
# make smpp-proof   20,000 messages over SMPP, 200 disconnections, and no message lost; takes a while
# make dist         the wheel and the source archive, in dist/
# make dist-proof   both are complete, run by themselves, and are the same twice; takes a minute
# make deb          the package for Debian 12, in dist/
# make deb-proof    that package on a fresh Debian: set up, sending, upgraded, restored, purged; takes some minutes
# make lock         requirements/*.txt anew: the versions and hashes of everything that is installed
# make audit        PyPI's advisories about each locked version
# make bench        the figures of docs/performance.md: throughput, CPU time, memory, requests; takes most of an hour,
#                   and make bench-short, which says only that there are some, a minute
# make campaign-proof  10,000 marketing messages within Bitrix24's limits, nobody reached who has not agreed
# make reminders-proof  100,000 reminders due within an hour, across a SIGKILL; takes an hour and a half
# make release-fixture NAME=0.2.0  the journal and the configuration of this version for the tests of later ones
# make day-proof    a day's million messages at many times their speed: memory, open files and the journal do not grow;
#                   takes more than an hour, DAY=--short a minute
# make crash-steps  the daemon killed at every single step of a message's way; takes a quarter of an hour
# make crash-short  the same and the next in short: some steps, some kills; takes a minute or two
# make crash   the daemon killed 200 times over each transport, nothing lost and nothing sent twice; takes a while

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CENTRE := tests/centre/node_modules/.ready
BROWSER := tests/browser/node_modules/.ready

.PHONY: run test test-of-daemon test-in-memory test-of-rooms browser fuzz release-fixture \
	dist dist-proof deb deb-proof lock audit smpp-proof campaign-proof reminders-proof \
	day-proof crash crash-steps crash-short bench bench-short lint format clean

# The tests' journals are synced to disk as on a server; where there is memory enough to have them in, that takes no
# time. Empty: wherever temporary files are.
export PYTEST_DEBUG_TEMPROOT := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 { print "/dev/shm" }')

run: $(READY)
	$(BIN)/python -m a1gateway.sandbox.demo

# The daemon's tests wait for processes some of the time; the others, in two halves, keep a processor busy each.
test: $(READY) $(CENTRE) $(BROWSER)
	$(MAKE) --jobs=3 --keep-going --output-sync=target --no-print-directory \
		lint test-of-daemon test-in-memory test-of-rooms

CRASHES := tests/crash $(wildcard tests/daemon/test_*crash*.py)

test-of-daemon: $(READY) $(CENTRE)
	$(BIN)/python -m pytest tests/daemon $(CRASHES:%=--ignore=%)

test-in-memory: $(READY) $(CENTRE)
	$(BIN)/python -m pytest $(wildcard tests/test_*.py)

ELSEWHERE := tests/browser tests/bench tests/daemon tests/crash tests/packages $(wildcard tests/test_*.py)

test-of-rooms: $(READY) $(CENTRE)
	$(BIN)/python -m pytest tests $(ELSEWHERE:%=--ignore=%)

browser: $(READY) $(BROWSER)
	$(BIN)/python -m pytest tests/browser

dist: $(READY)
	$(BIN)/python -m packages.dist dist

dist-proof: $(READY)
	$(BIN)/python -m pytest tests/packages

deb: $(READY)
	$(BIN)/python -m packages.deb dist

deb-proof: $(READY)
	$(BIN)/python -m tests.debian.proof $(PROOF)

# Packages in the locks come from wherever pip and uv fetch them; no address gets into the files.
LOCKING := $(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[lock]'
	$(LOCKING) --output-file requirements/runtime.txt setup.cfg
	$(LOCKING) --output-file requirements/build.txt requirements/build.in

AUDIT :=

audit: $(READY)
	$(BIN)/python -m packages.audit $(AUDIT)

FUZZ :=

fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[test,fuzz]'
	$(BIN)/python -m tests.fuzz $(FUZZ)

PROOF :=

smpp-proof: $(READY) $(CENTRE)
	$(BIN)/python -m tests.centre.proof $(PROOF)

campaign-proof: $(READY)
	$(BIN)/python -m tests.daemon.campaign $(PROOF)

reminders-proof: $(READY)
	$(BIN)/python -m tests.daemon.reminding $(PROOF)

BENCH :=

bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH)

bench-short: $(READY)
	$(BIN)/python -m pytest tests/bench

DAY :=

day-proof: $(READY)
	$(BIN)/python -m benchmarks.day $(DAY)

CRASH :=

crash: $(READY) $(CENTRE)
	$(BIN)/python -m tests.crash $(CRASH)

crash-steps: $(READY) $(CENTRE)
	A1GATEWAY_EVERY_STEP=1 $(BIN)/python -m pytest $(wildcard tests/daemon/test_*crash.py)

crash-short: $(READY) $(CENTRE)
	$(BIN)/python -m pytest $(CRASHES)

NAME :=

release-fixture: $(READY)
	$(BIN)/python -m tests.releases.write $(NAME)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The .pth file puts the checkout itself on the path: twistd looks for twisted/plugins in the folders of the path only.
# The tests run with the versions that are installed on a server.
$(READY): setup.cfg pyproject.toml requirements/build.txt requirements/runtime.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/build.txt
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -c "import sysconfig; print('$(CURDIR)', file=open(sysconfig.get_path('purelib') + '/a1gateway.pth', 'w'))"
	touch $(READY)

# What is not ours: the SMS centre that the tests of SMPP send to, which is the npm package smpp; and beside the browser
# axe-core, and the libraries of the pages as they were published.
%/node_modules/.ready: %/package.json %/package-lock.json
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		cd $* && npm ci --loglevel=error && touch node_modules/.ready; \
	else \
		echo "node and npm are not both here (Debian: nodejs, npm): the tests in $* that need them are skipped"; \
	fi

clean:
	rm -rf $(VENV) .run .bench build dist a1gateway.egg-info tests/centre/node_modules tests/browser/node_modules
