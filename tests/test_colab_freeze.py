"Beside everything that Colab ships, pip installs what this package needs, and changes no version"
import json, subprocess, sys, zipfile
from configparser import ConfigParser
from conftest import root
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
needs = ini['DEFAULT']['requirements'].split()
lines = [o for o in (root/'tests/colab_freeze.txt').read_text().splitlines() if o and o[0]!='#']
frozen = {canonicalize_name(k):v for k,v in (o.split('==') for o in lines)}
gpu = 'nvidia-','cuda-','triton' # What torch from the registry brings along; Colab's build of it has others

def installed(tmp_path, name):
    "A wheel that stands for a package that Colab has, and that asks for nothing that isn't there; torch and its CUDA packages are 3 GB"
    base,whl = f'{name}-{frozen[name]}',tmp_path/f'{name}-{frozen[name]}-py3-none-any.whl'
    info = dict(METADATA=f'Metadata-Version: 2.1\nName: {name}\nVersion: {frozen[name]}\n', WHEEL='Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n', RECORD='')
    with zipfile.ZipFile(whl, 'w') as z:
        for k,v in info.items(): z.writestr(f'{base}.dist-info/{k}', v)
    return whl.as_uri()

def resolve(tmp_path, *reqs, python='3.13'):
    "What pip would install with Colab's versions as constraints"
    con,rep = tmp_path/'constraints.txt',tmp_path/'report.json'
    pins = [f'{k}=={v}' for k,v in frozen.items() if k!='torch' and not k.startswith(gpu)]
    con.write_text('\n'.join([f"torch @ {installed(tmp_path, 'torch')}", *pins]))
    cmd = [sys.executable, '-m', 'pip', 'install', '-q', '--dry-run', '--ignore-installed', '--only-binary=:all:', '--python-version', python]
    res = subprocess.run([*cmd, '--target', tmp_path/'to', '--report', rep, '-c', con, *reqs], capture_output=True, text=True)
    if res.returncode: return res.stderr
    return {canonicalize_name(o['metadata']['name']):o['metadata']['version'] for o in json.loads(rep.read_text())['install']}

def test_frozen_versions_satisfy_settings():
    for o in map(Requirement, needs): assert frozen[canonicalize_name(o.name)] in o.specifier, o

def test_nothing_is_changed(tmp_path):
    res = resolve(tmp_path, *needs)
    assert isinstance(res, dict), res
    ours = {k:v for k,v in res.items() if not k.startswith(gpu)}
    assert {'pydrive2','fastai','torch','cryptography','pyopenssl'}<=ours.keys()
    assert ours=={k:frozen.get(k) for k in ours}

def test_the_excluded_versions_would_change_something(tmp_path):
    "The reason for the exclusions in settings.ini"
    assert 'ResolutionImpossible' in resolve(tmp_path, 'PyDrive2==1.21.3')
