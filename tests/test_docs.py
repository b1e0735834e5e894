"nbdev's processing step, which the documentation site is rendered from"
import json, os, subprocess, sys

code = '''
from pathlib import Path
from nbdev.serve import proc_nbs
from nbdev.quarto import refresh_quarto_yml
refresh_quarto_yml()
proc_nbs(Path('nbs').absolute(), n_workers=0)
'''

def test_docs(project):
    kept = {o:(project/'nbs'/o).read_text() for o in ('_quarto.yml','nbdev.yml')}
    env = dict(os.environ, PYTHONPATH=str(project))
    res = subprocess.run([sys.executable, '-c', code], cwd=project, env=env, capture_output=True, text=True)
    assert res.returncode==0, res.stdout+res.stderr
    assert 'Traceback' not in res.stdout+res.stderr, res.stdout+res.stderr
    for k,v in kept.items(): assert (project/'nbs'/k).read_text()==v, f'{k} is stale: run nbdev-proc-nbs'
    nbs = {o.relative_to(project/'nbs') for o in (project/'nbs').rglob('*.ipynb')}
    assert nbs=={o.relative_to(project/'_proc') for o in (project/'_proc').rglob('*.ipynb')}
    for p in nbs:
        cells = json.loads((project/'_proc'/p).read_text())['cells']
        bad = [o['ename'] for c in cells for o in c.get('outputs',[]) if o['output_type']=='error']
        assert not bad, f'{p}: {bad}'
    assert (project/'_proc/_quarto.yml').exists()
