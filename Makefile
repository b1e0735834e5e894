PYTHON ?= python3
corpus ?= ../shared/data/tinyshakespeare.txt
cache   = $(or $(CHARRNN_CACHE),$(HOME)/.cache/charrnn_fa)
bin     = .venv/bin
run     = runs/demo
minutes ?= 20
model   ?= models/shakespeare
path    = PATH="$(CURDIR)/$(bin):$$PATH"

.PHONY: demo model test test-all bench docs outputs tutorials setup cached clean

# Two minutes of training on Shakespeare, or on Python's own source without a network, then a sample
demo: setup cached
	$(bin)/charrnn train demo --run $(run) --minutes 2
	$(bin)/charrnn sample $(run) --prompt ROMEO: -n 500

# A trained model to go with the release files: a page, model.safetensors with its hash, a model card; `charrnn train --from` starts with it
model: setup cached
	$(bin)/charrnn train shakespeare --run runs/$(notdir $(model)) --minutes $(minutes)
	$(bin)/charrnn html runs/$(notdir $(model)) $(model) --prompt ROMEO:

# Notebooks and package in step, style, every notebook run, then what needs a process of its own
test: setup cached
	$(path) tests/in_sync.sh
	$(path) chkstyle nbs tests bench
	$(path) OMP_NUM_THREADS=1 nbdev-test
	$(path) OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests

# The core of the suite on every Python from 3.10 on that is to be found, each in an environment of its own
test-all: cached
	tests/on_every_python.sh

# The documentation site in _docs; Quarto renders it where it is installed, a stand-in with pandoc elsewhere
docs: setup
	PATH="$(CURDIR)/$(bin):$$PATH:$(CURDIR)/docs/bin" nbdev-docs --n-workers 1
	$(bin)/python docs/llms.py

# What the notebooks show, saved in them
outputs: setup cached
	$(path) python docs/outputs.py

# Every tutorial in JupyterLab in a browser, run to its end twice, without an error or a warning
tutorials: setup cached
	$(path) python docs/tutorials.py

# What is claimed of quality and speed, beside its peers, into bench/results: about 25 minutes of two quiet cores.
# A model that `charrnn train shakespeare --preset best --run runs/best` has left is scored with it
bench: setup cached
	mkdir -p bench/results
	$(path) python bench/start.py --out bench/results/start.md
	$(path) python bench/sampling.py --out bench/results/sampling.md
	$(path) python bench/throughput.py --out bench/results/throughput.md
	$(path) python bench/kept_memory.py --out bench/results/kept_memory.md
	$(path) python bench/scaling.py --out bench/results
	$(path) python bench/board.py --seconds 100 --adapt --out bench/results/board.md $(if $(wildcard runs/best/model.safetensors),--best runs/best/model.safetensors)

setup: .venv/installed

.venv/installed: settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("charrnn_fa needs Python 3.10 or newer, this is "+sys.version if sys.version_info<(3,10) else 0)'
	$(PYTHON) -m venv .venv
	$(bin)/pip install -c constraints.txt torch torchvision -e '.[dev]'
	touch $@

# A copy of the text that is at hand saves the download
cached:
	@if [ -f "$(corpus)" ] && [ ! -f "$(cache)/shakespeare.txt" ]; then \
		mkdir -p "$(cache)" && cp "$(corpus)" "$(cache)/shakespeare.txt" && chmod u+w "$(cache)/shakespeare.txt"; fi

clean:
	rm -rf .venv .venv-* build dist _proc _docs *.egg-info
