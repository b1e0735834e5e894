"A process is killed again and again, and the run ends with the same bits as one that was never touched"
import json,os,random,subprocess,sys,time
from concurrent.futures import ThreadPoolExecutor
from conftest import root

child = root/'tests/resume_child.py'
phases = 'step','snapshot','write','written','prune','pruned'

def start(*args):
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')
    return subprocess.Popen([sys.executable,str(child),*map(str,args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)

def whole(cfg, out):
    p = start(json.dumps(cfg), '-', out)
    assert p.wait(300)==0, p.stdout.read()
    return json.loads(out.read_text())

def kill_until_done(cfg, run, out, n, seed, longest):
    "Start, kill, start again: half of the kills at random moments from outside, half at a chosen point within; the number of kills"
    rnd,kills = random.Random(seed),0
    while not out.exists():
        inside = kills%2==0 and kills<n
        p = start(json.dumps(cfg), run, out, f'{rnd.choice(phases)}:{rnd.randint(1,6)}' if inside else '')
        if kills<n and not inside:
            for line in p.stdout:
                if line.startswith('ready'): break
            time.sleep(rnd.uniform(0, longest))
            p.kill()
        log,_ = p.communicate(timeout=300)
        kills += p.returncode==-9
        assert p.returncode in (0,-9), log
    return kills

kills = dict(lstm=(dict(cell='lstm', n=40, dropout=0.2, every=3),40), mingru=(dict(cell='mingru', n=14, n_layers=2, fit='flat_cos', every=4),10))

def test_sigkill(tmp_path):
    "The default model forty times, and one more"
    with ThreadPoolExecutor(4) as ex:
        ref = {k:ex.submit(whole, c, tmp_path/f'{k}.whole') for k,(c,_) in kills.items()}
        got = {k:ex.submit(kill_until_done, c, tmp_path/k, tmp_path/f'{k}.out', n, 7, 0.8) for k,(c,n) in kills.items()}
    for k,(_,n) in kills.items():
        assert got[k].result()>=n, f'{k} was done after {got[k].result()} kills'
        assert json.loads((tmp_path/f'{k}.out').read_text())==ref[k].result(), k

cells  = [dict(cell=c, fit=f) for c in ('rnn','gru','lstm','mingru') for f in ('one_cycle','flat_cos','minutes')]
others = [dict(counts=4), dict(counts=3, cell='gru', n_layers=2), dict(wrap='parallel'), dict(wrap='own'), dict(wrap='own', cell='gru', dropout=0.)]
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
        r = subprocess.run([sys.executable,'-c',src.format(tests=str(root/'tests')),str(tmp_path/'c.json'),str(tmp_path/'runs')], capture_output=True, text=True,
            env=dict(os.environ, OMP_NUM_THREADS='1'), timeout=600)
        assert r.returncode==0, r.stderr[-3000:]
    assert json.loads(r.stdout.splitlines()[-1])==[]
