"What several tests need"
import os, shutil
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
skipped = '.git','.venv','.venv-colab','_proc','_docs','build','dist','runs','__pycache__','.pytest_cache','.hypothesis','*.egg-info'

longest = 'doctor cli docs histories resume_kill colab_pins drive jupyter distributed colab look page drive_resume resume core bar'.split()

def pytest_collection_modifyitems(items):
    "Files that take minutes come first, since what is left alone at the end is waited for by both processes; in a file the order stays"
    items.sort(key=lambda o: longest.index(nm) if (nm := o.path.stem.removeprefix('test_')) in longest else len(longest))

@pytest.fixture
def project(tmp_path):
    "A copy of the project, without what is built in it"
    return Path(shutil.copytree(root, tmp_path/'project', ignore=shutil.ignore_patterns(*skipped)))

@pytest.fixture(scope='session')
def shakespeare():
    "The corpus in the download cache; fetched when it isn't there yet"
    p = Path(os.environ.get('CHARRNN_CACHE') or '~/.cache/charrnn_fa').expanduser()/'shakespeare.txt'
    if p.exists(): return p
    from charrnn_fa.text.corpus import get_corpus
    try: get_corpus('shakespeare')
    except Exception as e:
        end = pytest.fail if os.environ.get('CHARRNN_REQUIRE_CORPUS')=='1' else pytest.skip
        end(f'{p} is absent and could not be fetched: {e}')
    return p

def chromium():
    "Path of a Chromium or Chrome on this machine, or None"
    return next(filter(None, map(shutil.which, ('chromium','chromium-browser','google-chrome','google-chrome-stable'))), None)

quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

@pytest.fixture(scope='session')
def browser():
    "A headless Chromium; a machine without one skips what needs it, CI never does"
    path = chromium()
    if not path:
        end = pytest.fail if os.environ.get('CHARRNN_REQUIRE_BROWSER')=='1' else pytest.skip
        end('no Chromium here: apt-get install chromium, or have Chrome on PATH')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=quiet)
        yield b
        b.close()
