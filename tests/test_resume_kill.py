"A process is killed again and again, and the run ends with the same bits as one that was never touched"
import json,os,shutil,subprocess,sys
from functools import partial
from pathlib import Path
import kills, warm
from conftest import root
from histories import place

env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')

whole = '''
import sys
sys.path.insert(0, {tests!r})
import kills,resume_child
for k in sys.argv[2:]: resume_child.main(kills.json.dumps(kills.configs[k][0]), '-', f'{{sys.argv[1]}}/{{k}}.whole')
'''

def killed(*names):
    "Kill the configurations of kills.py that are named, and compare with the same runs left alone, in a process with another hash seed; what killed each"
    run,folder = partial(subprocess.run, capture_output=True, text=True, timeout=600),Path(place())
    ref = run([sys.executable,'-c',whole.format(tests=str(root/'tests')),str(folder),*names], env=dict(env, PYTHONHASHSEED='1'))
    got = run([sys.executable,root/'tests/kills.py',str(folder),*names], env=dict(env, PYTHONHASHSEED='2'))
    assert not ref.returncode and not got.returncode, ref.stderr[-3000:]+got.stderr[-3000:]
    res = json.loads(got.stdout.splitlines()[-1])
    for k in names:
        n = kills.configs[k][1]
        assert len(res[k])>=n, f'{k} was done after {res[k]}'
        assert json.loads((folder/f'{k}.out').read_text())==json.loads((folder/f'{k}.whole').read_text()), k
    shutil.rmtree(folder)
    return res

def test_sigkill():
    "Sixty-two times, from outside and at each phase within: the default model, one of two layers, one with counts, two inside a wrapper, two cells side by side, one with two steps from a window"
    res = killed('lstm', 'mingru', 'counted', 'own', 'parallel', 'beside', 'halves')
    assert {*kills.phases,'outside'}<={o for v in res.values() for o in v}

cells  = [dict(cell=c, fit=f) for c in ('rnn','gru','lstm','mingru') for f in ('one_cycle','flat_cos','minutes')]
others = [dict(n_cells=2, cell='gru', n_layers=2), dict(counts=4), dict(counts=3, cell='gru', n_layers=2), dict(wrap='parallel'), dict(wrap='own'), dict(wrap='own', cell='gru', dropout=0.)]
extras = [dict(weight_drop=.2), dict(precision='bf16'), dict(n_acc=12), dict(opt='fastai'), dict(n_layers=2, learn_init=True), dict(dropout=0.), dict(fit='plain')]
places = [dict(breaks=b, every=e) for b,e in (('end',1),('start',1),('validate',1),('first',1),(57,7),('last',1))]
configs = [dict(o, **places[i%len(places)]) for i,o in enumerate(cells+extras)]+places+[dict(o, breaks=b, every=7) for o in others for b in (57,'validate')]

break_off = '''
import sys,json
sys.path.insert(0, {tests!r})
from resume_child import *
class Break(Callback):
    order = 300
    def __init__(self, at): self.at = at
    def now(self, what): 
        n = len(self.dls.train)
        if self.at==what or self.train_iter==dict(end=n, start=n+1, first=1, last=3*n-1).get(self.at, self.at): raise RuntimeError('broken off')
    def after_batch(self):
        if self.training: self.now('batch')
    def before_validate(self):
        if self.epoch==1: self.now('validate')
for i,c in enumerate(json.load(open(sys.argv[1]))):
    c = dict(base, **c)
    if c['fit']=='minutes': c['n'] = .03
    learn = make(**c)
    try: fit(learn, [Resume(f'{{sys.argv[2]}}/{{i}}', every=c['every']), Break(c['breaks'] if c['fit']!='minutes' else 30)], **c)
    except RuntimeError as e: assert 'broken off' in str(e)
    else: raise SystemExit(f'{{c}} was not broken off')
'''

go_on = '''
import sys,json,shutil
sys.path.insert(0, {tests!r})
from resume_child import *
bad = []
for i,c in enumerate(json.load(open(sys.argv[1]))):
    c = dict(base, **c)
    if c['fit']=='minutes': c['n'] = .03
    where = f'{{sys.argv[2]}}/{{i}}'
    if c['fit']=='minutes': shutil.copytree(where, where+'b')
    a,cb = make(**c),Resume(where, every=c['every'])
    fit(a, cb, **c)
    b = make(**c)
    # how long a fit of so many minutes becomes is decided by the clock, once: so what was decided is resumed a second time
    if c['fit']=='minutes': fit(b, Resume(where+'b', every=c['every']), **c)
    else: fit(b, **c)
    x,y = digest(a),digest(b)
    if x!=y or not cb.began_at: bad.append((c, cb.began_at, [k for k in x if x[k]!=y[k]]))
print(json.dumps(bad))
'''

def test_matrix(tmp_path):
    "Cells, schedules, dropout, weight drop, bf16, accumulation, another optimiser; broken off at an epoch's end, start, within, before its validation"
    (tmp_path/'c.json').write_text(json.dumps(configs))
    for src in (break_off, go_on):
        r = warm.run([sys.executable,'-c',src.format(tests=str(root/'tests')),str(tmp_path/'c.json'),str(tmp_path/'runs')], capture_output=True, text=True,
            env=dict(os.environ, OMP_NUM_THREADS='1'), timeout=600)
        assert r.returncode==0, r.stderr[-3000:]
    assert json.loads(r.stdout.splitlines()[-1])==[]
