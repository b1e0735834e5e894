"Notebook NN imports only notebooks numbered below it, so the folder listing is the architecture"
import re
from conftest import root
from fastcore.nbio import read_nb

nbs = sorted((root/'nbs').glob('[0-9]*.ipynb'))
whole = re.findall(r'^from \.(\w+) import \*', (root/'charrnn_fa/__init__.py').read_text(), re.M)

def imported(src):
    "Modules of the package that `src` imports; the package itself stands for all that it star-imports"
    res = set(re.findall(r'^\s*(?:from|import)\s+charrnn_fa\.(\w+)', src, re.M))
    return res | (set(whole) if re.search(r'^\s*(?:from|import)\s+charrnn_fa\b(?!\.)', src, re.M) else set())

def read(fn):
    "The module that a notebook exports to, and the modules that its code imports"
    src = '\n'.join(o.source for o in read_nb(fn).cells if o.cell_type=='code')
    return re.search(r'^#\|\s*default_exp\s+(\w+)', src, re.M)[1], imported(src)

def test_imported():
    assert imported('from charrnn_fa.corpus import *\nimport charrnn_fa.vocab as v')=={'corpus','vocab'}
    assert imported('from charrnn_fa import *')==set(whole) and not imported('from charrnn_fab import x')

def test_layers():
    below = set()
    for fn in nbs:
        mod,deps = read(fn)
        assert deps<=below, f'{fn.name} imports {", ".join(sorted(deps-below))}, which come later'
        below.add(mod)
    assert set(whole)<=below

def test_numbers_are_unique(): assert len({o.name[:2] for o in nbs})==len(nbs)
