# Two commands matter: `make demo` and `make test`. Both do their own set-up.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test deliverables install lint format clean

demo: install
	rm -rf demo
	$(BIN)/mapwright demo -o demo

# a file of tests stays on one core, with what it trained; the long ones come first
test: install lint
	$(BIN)/pytest -q -n logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder

# Every recipe on real images; BUDGET is for each task. The land-cover
# scenes are made up over the real label rasters: their spectra are synthetic. Ships are learnt from
# made-up seas, since a dozen real images teach none, and then scored and found on the real ones.
BUDGET ?= 60m
deliverables: install
	test -d "$(MAPWRIGHT_DATA)" || { echo "set MAPWRIGHT_DATA to the folder of images"; exit 2; }
	$(BIN)/mapwright run roofs --data $(MAPWRIGHT_DATA)/roofs -o deliverables/roofs --budget $(BUDGET)
	$(BIN)/mapwright run clouds --data $(MAPWRIGHT_DATA)/clouds -o deliverables/clouds --budget $(BUDGET)
	$(BIN)/mapwright generate landcover --labels $(MAPWRIGHT_DATA)/landcover_truth -o deliverables/scenes
	$(BIN)/mapwright run landcover --data deliverables/scenes -o deliverables/landcover --budget $(BUDGET)
	$(BIN)/mapwright run worldcover --data $(MAPWRIGHT_DATA)/landcover -o deliverables/worldcover --budget $(BUDGET)
	$(BIN)/mapwright generate ships -o deliverables/seas --images 600 --test 60
	$(BIN)/mapwright run ships --data deliverables/seas -o deliverables/ships --budget $(BUDGET)
	$(BIN)/mapwright evaluate deliverables/ships $(MAPWRIGHT_DATA)/ships -o deliverables/ships/real
	$(BIN)/mapwright predict deliverables/ships $(MAPWRIGHT_DATA)/ships/unlabelled -o deliverables/ships/real/submission.csv --format kaggle

# a stamp newer than what it depends on: a second run installs nothing
install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $@

lint: install
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

format: install
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

clean:
	rm -rf .venv demo build dist
