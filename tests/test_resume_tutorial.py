"The notebook `resume_on_colab`: run, killed, run again from its first cell to its last, it goes on"
import os, shutil, signal, subprocess, sys, time
import charrnn_fa, nbformat, pytest
from conftest import root

pytestmark = pytest.mark.skipif(not hasattr(charrnn_fa,'Resume') or os.name=='nt', reason='needs Resume, and process groups')

def execute(d):
    "Run all, in processes of their own"
    env = {k:v for k,v in os.environ.items() if not k.startswith(('GDRIVE','COLAB'))}
    env = dict(env, IN_TEST='1', PYTHONPATH=str(root), CHARRNN_CONFIG=str(d/'config'), OMP_NUM_THREADS='1')
    cmd = [sys.executable, '-m', 'nbconvert', '--to', 'notebook', '--execute', '--inplace', 'resume_on_colab.ipynb']
    return subprocess.Popen(cmd, cwd=d, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)

def output(d):
    "Everything that the cells have printed"
    nb = nbformat.read(d/'resume_on_colab.ipynb', 4)
    return ''.join(o.get('text','') for c in nb.cells for o in c.get('outputs',[]))

def test_run_all_killed_and_run_all(tmp_path):
    shutil.copy(root/'nbs/tutorials/resume_on_colab.ipynb', tmp_path)
    run,p,end = tmp_path/'runs/resume_on_colab',execute(tmp_path),time.monotonic()+120
    while not list(run.glob('ck-*')) and time.monotonic()<end and p.poll() is None: time.sleep(0.05)
    os.killpg(p.pid, signal.SIGKILL)
    p.communicate()
    assert list(run.glob('ck-*'))
    for said in ('Resuming','is finished'):
        p = execute(tmp_path)
        err = p.communicate(timeout=240)[1]
        assert p.returncode==0, err
        assert said in output(tmp_path) and 'There is no GDRIVE_TOKEN' in output(tmp_path)
