"Notebook NN imports only notebooks numbered below it, so the folder listing is the architecture; and nothing more than it uses"
import ast, builtins, dis, importlib, re, subprocess, sys
import pytest
from conftest import root
from fastcore.nbio import read_nb
from charrnn_fa.everything import CharLearner

nbs = sorted((root/'nbs').glob('[0-9]*.ipynb'))
gathered = 'everything', 'text.all', 'train.all', 'use.all', 'keep.all', 'gdrive.all', 'doctor.all', 'look.all', 'draw.all', 'share.all'

def imported(src):
    "Modules of the package that `src` imports; the package itself stands for everything"
    res = set(re.findall(r'^\s*(?:from|import)\s+charrnn_fa\.([\w.]+)', src, re.M))
    return res | ({'everything'} if re.search(r'^\s*(?:from|import)\s+charrnn_fa\b(?!\.)', src, re.M) else set())

def code(fn): return [o.source for o in read_nb(fn).cells if o.cell_type=='code']
def module(fn): return re.search(r'^#\|\s*default_exp\s+([\w.]+)', '\n'.join(code(fn)), re.M)[1]
def path(mod): return root/'charrnn_fa'/(mod.replace('.', '/')+'.py')
def tree(mod): return ast.parse(path(mod).read_text(encoding='utf-8'))

def public(mod):
    "What a star import of a module of the package brings"
    found = [n.value for n in tree(mod).body if isinstance(n,ast.Assign) and getattr(n.targets[0], 'id', '')=='__all__']
    return set(ast.literal_eval(found[0])) if found else set()

def test_imported():
    assert imported('from charrnn_fa.text.corpus import *\nimport charrnn_fa.data as v')=={'text.corpus','data'}
    assert imported('from charrnn_fa import *')=={'everything'} and not imported('from charrnn_fab import x')

def test_names_say_where(): assert [module(o) for o in nbs]==[o.stem.split('_', 1)[1] for o in nbs]

def test_layers():
    below = set()
    for fn in nbs:
        deps = imported('\n'.join(code(fn)))
        assert deps<=below, f'{fn.name} imports {", ".join(sorted(deps-below))}, which come later'
        below.add(module(fn))
    every = {o.relative_to(root/'charrnn_fa').with_suffix('').as_posix().replace('/', '.') for o in (root/'charrnn_fa').rglob('*.py')}
    assert {o for o in every if not o.endswith('__init__')}==below|{'_modidx', *gathered}

@pytest.mark.parametrize('mod', gathered)
def test_gathered_in_order(mod):
    "What gathers modules gathers all of them, in the order of the notebooks"
    names = [re.sub(r'^\.', '', o) for o in re.findall(r'^from (\S+) import \*', path(mod).read_text(), re.M)]
    mods  = [module(o) for o in nbs]
    if mod=='everything': want = [o for o in dict.fromkeys(f"{m.split('.')[0]}.all" if '.' in m else m for m in mods) if o not in ('cli','shell.all')]
    else: want = [m.split('.')[1] for m in mods if m.startswith(mod.replace('all', ''))]
    assert names==want

def test_numbers_are_unique():
    "A letter behind the number, as in `16a_train.optim`, puts a notebook between two others: fastai's own way to renumber nothing"
    assert len({o.name.split('_')[0] for o in nbs})==len(nbs)

def stars(mod):
    "Star imports of a module: name of the imported module and the names that it brings; own ones and fastai's"
    here = mod.split('.')[:-1]
    for n in tree(mod).body:
        if not (isinstance(n,ast.ImportFrom) and n.names[0].name=='*'): continue
        own = n.level>0
        nm  = '.'.join([*here[:len(here)-n.level+1], n.module]) if own else n.module
        yield nm,own,public(nm) if own else set(vars(__import__(nm, fromlist=['*'])))

for_effect = {('shell.read','gdrive.store'), ('shell.fit','colab'), ('shell.fit','use.learner'), ('shell.fit','train.scale'), ('shell.fit','train.minutes'), ('train.presets','train.minutes'),
    ('shell.judge','use.learner'), ('shell.judge','keep.export'),
    *(('shell.look',o) for o in ('look.render','look.surprise','look.neurons','look.find','look.memory'))}       # they register stores and methods

@pytest.mark.parametrize('fn', nbs, ids=lambda o: o.stem)
def test_no_idle_star_import(fn):
    mod  = module(fn)
    used = {n.id for n in ast.walk(tree(mod)) if isinstance(n,ast.Name)}
    idle = [nm for nm,own,names in stars(mod) if names and not names&used and (mod,nm) not in for_effect]
    assert not idle, f'{fn.name} uses nothing of {", ".join(idle)}'

@pytest.mark.parametrize('fn', nbs, ids=lambda o: o.stem)
def test_no_private_imports(fn):
    bad = [o.name for n in ast.walk(tree(module(fn))) if isinstance(n,ast.ImportFrom) and n.level for o in n.names if o.name.startswith('_')]
    assert not bad, f'{fn.name} imports private names: {bad}'

def test_a_name_is_exported_once():
    "No later module hides a name of an earlier one in what gathers them all"
    seen = {}
    for m in map(module, nbs):
        for o in public(m): seen.setdefault(o, []).append(m)
    assert not {k:v for k,v in seen.items() if len(v)>1 and not any(m.startswith('shell.') or m=='cli' for m in v)}

def globals_of(code):
    "Names that a code object, and those within it, look for outside themselves"
    for o in dis.get_instructions(code):
        if o.opname=='LOAD_GLOBAL': yield o.argval
    for o in code.co_consts:
        if hasattr(o,'co_code'): yield from globals_of(o)

@pytest.mark.parametrize('fn', nbs, ids=lambda o: o.stem)
def test_every_name_is_known(fn):
    "A name that no import brings would only be missed in the call that needs it"
    mod  = module(fn)
    have = {*vars(importlib.import_module(f'charrnn_fa.{mod}')), *vars(builtins)}
    lost = {*globals_of(compile(path(mod).read_text(encoding='utf-8'), mod, 'exec'))}-have
    assert not lost, f'{mod} uses {", ".join(sorted(lost))}, which it neither defines nor imports'

def methods_of_learn(mod): return {n.attr for n in ast.walk(tree(mod)) if isinstance(n,ast.Attribute) and isinstance(n.value,ast.Name) and n.value.id=='learn'}
def learning(fn): return methods_of_learn(module(fn)) & {k for k,v in vars(CharLearner).items() if callable(v)}

@pytest.mark.parametrize('fn', [o for o in nbs if module(o).startswith('shell.') and learning(o)], ids=lambda o: o.stem)
def test_a_part_of_the_command_brings_the_methods_that_it_calls(fn):
    "It is imported alone, where a notebook has everything"
    code = f'import charrnn_fa.{module(fn)}; from charrnn_fa.train.learner import CharLearner; print(*{learning(fn)}-set(dir(CharLearner)))'
    r = subprocess.run([sys.executable,'-c',code], capture_output=True, text=True, check=True, cwd=root)
    assert not r.stdout.strip(), f'{module(fn)} calls {r.stdout.strip()}, which it does not import'
