"What several tests need"
import os, shutil
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
skipped = '.git','.venv','.venv-colab','_proc','_docs','build','dist','runs','__pycache__','.pytest_cache','.hypothesis','*.egg-info'

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
