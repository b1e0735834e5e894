"The core of the suite runs on the fastai and fastcore that Colab ships"
import os, shutil, subprocess, sys
import pytest
from conftest import root

pins = root/'tests/colab_pins.txt'
code = '''
import sys, fastai, fastcore
from importlib.metadata import version
for o in open('tests/colab_pins.txt').read().split():
    name,want = o.split('==')
    assert version(name)==want, f'{name} {version(name)} in place of {want}'
assert (fastai.__version__,fastcore.__version__)==('2.8.8','2.2.12'), f'{fastai.__version__} {fastcore.__version__}'
import charrnn_fa, pytest
fns = sys.argv[1:]
if fns: sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *fns]))
'''

@pytest.fixture(scope='module')
def site():
    "A folder with Colab's versions, kept until the pins change"
    d = root/'.venv-colab'
    done = d/'pins.txt'
    if not done.exists() or done.read_text()!=pins.read_text():
        shutil.rmtree(d, ignore_errors=True)
        subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target', d, '-r', pins], check=True)
        shutil.copy(pins, done)
    return d

def run(site, *args):
    "Run tests on Colab's versions"
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(site), str(root)]))
    res = subprocess.run([sys.executable, '-c', code, *args], cwd=root, env=env, capture_output=True, text=True)
    assert res.returncode==0, res.stdout+res.stderr
    return res.stdout

def test_core_on_colab_pins(site):
    fns = [o for o in ['tests/test_core.py'] if (root/o).exists()]
    run(site, *fns)

def test_drive_on_colab_pins(site):
    "The Drive store on the PyDrive2, httplib2 and Google client that Colab has"
    out = run(site, 'tests/test_drive.py', 'tests/test_drive_signin.py', '-k', 'one_fault or revoked or quota or lag or away or pickled')
    assert ' passed' in out and ' skipped' not in out
