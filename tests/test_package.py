"The wheel says what settings.ini says, and the package exports its names and nothing else"
import builtins, json, pkgutil, subprocess, sys, zipfile
from configparser import ConfigParser
from email import message_from_bytes
import pytest, charrnn_fa
from conftest import root
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

tomllib = pytest.importorskip('tomllib')
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']

def reqs(xs):
    "Requirements in a form that ignores the order of specifiers"
    return {(o.name, str(o.specifier)) for o in map(Requirement, xs)}

def modules_after(code):
    "Names in `sys.modules` once a fresh interpreter ran `code`"
    run = [sys.executable, '-c', f'{code}\nimport sys,json\nprint(json.dumps(list(sys.modules)))']
    out = subprocess.run(run, cwd=root, check=True, capture_output=True, text=True).stdout
    return set(json.loads(out.splitlines()[-1]))

@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "A wheel built from an sdist, so that files missing from MANIFEST.in show up, as a dict of its files"
    d = tmp_path_factory.mktemp('dist')
    subprocess.run([sys.executable, '-m', 'build', '--no-isolation', '-o', d, root], check=True, capture_output=True)
    with zipfile.ZipFile(next(d.glob('*.whl'))) as z: return {o:z.read(o) for o in z.namelist()}

def part(wheel, end):
    "The content of the one file in `wheel` whose name ends in `end`"
    res, = [v for k,v in wheel.items() if k.endswith(end)]
    return res

def test_one_version(): assert charrnn_fa.__version__==cfg['version']

def test_pyproject_repeats_settings():
    p = tomllib.loads((root/'pyproject.toml').read_text())['project']
    assert p['name']==cfg['lib_name'] and p['description']==cfg['description']
    assert p.get('urls', {})=={k:cfg[v] for k,v in dict(Repository='git_url', Documentation='doc_url').items() if cfg[v]}

def test_wheel_metadata(wheel):
    m = message_from_bytes(part(wheel, 'METADATA'))
    deps = m.get_all('Requires-Dist')
    assert m['Name']==cfg['lib_name'] and m['Version']==cfg['version'] and m['Summary']==cfg['description']
    assert m['Requires-Python']=='>='+cfg['min_python'] and m['License-Expression']==cfg['license']
    assert reqs(o for o in deps if 'extra ==' not in o)==reqs(cfg['requirements'].split())
    for extra in ('dev','draw'): assert reqs(o for o in deps if f'extra == "{extra}"' in o)==reqs(cfg[f'{extra}_requirements'].split())
    assert '# charrnn_fa' in m.get_payload()

def test_wheel_entry_points(wheel):
    eps = ConfigParser(delimiters=['='])
    eps.read_string(part(wheel, 'entry_points.txt').decode())
    assert dict(eps['console_scripts'])=={'charrnn':'charrnn_fa.cli:main'}
    assert dict(eps['nbdev'])=={'charrnn_fa':'charrnn_fa._modidx:d'}

def test_wheel_holds_only_the_package(wheel):
    assert {o.split('/')[0] for o in wheel if '.dist-info/' not in o}=={'charrnn_fa'}
    here = {o.relative_to(root).as_posix() for o in (root/'charrnn_fa').rglob('*') if o.suffix in ('.py','.js','.css','.html')}
    assert here=={o for o in wheel if o.startswith('charrnn_fa/')}
    assert b'Apache License' in part(wheel, 'LICENSE')

def test_star_import_is_only_the_api():
    "In a fresh process: the listed names, about sixty, none of them a module or over a builtin, and fastai's own names left alone"
    code = '''
import json, types
from fastai.text.all import *
theirs = dict(globals())
from charrnn_fa import *
mine = {k:v for k,v in globals().items() if k not in ('theirs','mine') and theirs.get(k, theirs) is not v and k[:2]!='__'}
print(json.dumps([list(mine), [k for k,v in mine.items() if isinstance(v,types.ModuleType)], [k for k in mine if k in theirs]]))'''
    out = subprocess.run([sys.executable, '-c', code], cwd=root, check=True, capture_output=True, text=True).stdout
    mine,modules,over = json.loads(out.splitlines()[-1])
    assert set(mine)==set(charrnn_fa.__all__) and len(charrnn_fa.__all__)==len(set(charrnn_fa.__all__))
    assert 50<=len(mine)<=65 and not modules and not over
    assert not set(mine)&set(dir(builtins))
    assert not set(mine)&{o.name for o in pkgutil.iter_modules(charrnn_fa.__path__)}

def test_package_alone_is_light():
    "`import charrnn_fa` asks for nothing, so that a command which only reads a model starts quickly"
    assert not modules_after('import charrnn_fa')&{'torch','fastai','fastcore','numpy'}

def test_import_is_light():
    mods = modules_after('from charrnn_fa import *')
    assert not mods&{'torchvision','nbdev','pytest','hypothesis','execnb','build','nbconvert'}

def test_constraints_allow_what_is_required():
    pins = [Requirement(o) for o in (root/'constraints.txt').read_text().splitlines() if o and o[0]!='#']
    pins = {canonicalize_name(o.name):next(iter(o.specifier)).version for o in pins}
    assert not [o for o in pins.values() if '+' in o]
    for o in map(Requirement, (cfg['requirements']+' '+cfg['dev_requirements']).split()):
        assert pins[canonicalize_name(o.name)] in o.specifier

def test_a_script_needs_no_notebook(tmp_path):
    "An environment without IPython, which none of our requirements brings: the command trains, and a script shows a batch and samples"
    code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0]=='IPython': raise ModuleNotFoundError(f'no {name}')
sys.meta_path.insert(0, Missing())
from charrnn_fa.everything import *
dls = CharDataLoaders.from_text('to be, or not to be, '*60, bs=4, seq_len=8)
dls.show_batch(max_n=1)
learn = char_learner(dls, 'gru', n_hid=8, precision='fp32')
with learn.no_bar(): learn.fit_steps(3, cbs=[ShowSamples(n=5), ShowLoss()])
learn.sample('to ', n=5, stream=True)
print(learn.surprise('to be'), learn.doctor())
"""
    res = subprocess.run([sys.executable, '-c', code], cwd=root, capture_output=True, text=True)
    assert res.returncode==0, res.stderr
    assert 'validation loss' in res.stdout

def test_a_warning_of_fastai_is_not_passed_on():
    "torch 2.14 warns of what fastai does when it is imported, at each start of the command; every other warning is left alone"
    code = "import warnings, charrnn_fa; warnings.warn('`torch.jit.script` is deprecated. Please switch', FutureWarning); warnings.warn('another one', FutureWarning)"
    res  = subprocess.run([sys.executable, '-c', code], cwd=root, capture_output=True, text=True)
    assert 'another one' in res.stderr and 'jit.script` is deprecated' not in res.stderr.replace(code, ''), res.stderr
