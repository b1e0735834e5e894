"The drift check sees every way in which notebooks and package can part"
import subprocess, pytest
from fastcore.nbio import read_nb, write_nb

def git(d, *args): subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *args], cwd=d, check=True, capture_output=True)

def in_sync(d): return subprocess.run(['tests/in_sync.sh'], cwd=d, capture_output=True, text=True)

def edited_notebook(d):
    nb = read_nb(d/'nbs/02_text.corpus.ipynb')
    next(o for o in nb.cells if '#| export' in o.source).source += '\nimport this_is_new'
    write_nb(nb, d/'nbs/02_text.corpus.ipynb')

def edited_module(d):
    p = d/'charrnn_fa/text/corpus.py'
    p.write_text(p.read_text() + '\nnew = 1\n')

def unclean_notebook(d):
    nb = read_nb(d/'nbs/02_text.corpus.ipynb')
    next(o for o in nb.cells if o.cell_type=='code')['execution_count'] = 7
    write_nb(nb, d/'nbs/02_text.corpus.ipynb')

def deleted_notebook(d):
    next((d/'nbs').glob('*_cli.ipynb')).unlink()
    git(d, 'commit', '-qam', 'gone')

def module_never_added(d): git(d, 'rm', '-q', '--cached', 'charrnn_fa/cli.py')

@pytest.fixture
def repo(project):
    git(project, 'init', '-q')
    git(project, 'add', '.')
    git(project, 'commit', '-qm', 'all')
    return project

def test_in_sync(repo):
    res = in_sync(repo)
    assert res.returncode==0, res.stdout+res.stderr
    assert not subprocess.run(['git', 'status', '--porcelain'], cwd=repo, capture_output=True).stdout

@pytest.mark.parametrize('drift', [edited_notebook, edited_module, unclean_notebook, deleted_notebook, module_never_added])
def test_drift(repo, drift):
    drift(repo)
    res = in_sync(repo)
    assert res.returncode==1 and ('out of step' in res.stdout or 'never added' in res.stdout), res.stdout+res.stderr
