"Two processes with four rows each learn what one with eight does"
import json, os, subprocess, sys
import torch
from safetensors.torch import load_file
from conftest import root

code = '''
import json, os, sys
from safetensors.torch import save_file
from fastai.basics import set_seed
from fastai.distributed import *
from charrnn_fa.everything import *
text = 'the cat sat on the mat, and the dog on the log. '*200
set_seed(0)
dls   = CharDataLoaders.from_text(text, bs=int(sys.argv[1]), seq_len=16, device='cpu')
learn = char_learner(dls, 'gru', n_hid=32, cold=0, lr=1e-2)
out   = f'{sys.argv[2]}/{os.environ.get("RANK",0)}'
def keep(what): save_file({k:o.clone() for k,o in bare_model(learn.model).state_dict().items()}, f'{out}-{what}.safetensors')
with learn.distrib_ctx(sync_bn=False), learn.no_bar():
    learn.fit_steps(100)
    inside = learn.sample('the cat', 40, seed=1)           # through the wrapper
    keep('steps')
    learn.fit_minutes(0.02)
keep('minutes')
res = dict(steps=learn.train_iter, rows=dls.train.bs*dls.train.world, inside=inside)
with open(f'{out}.json', 'w') as f: json.dump(res, f)
'''

def run(tmp_path, n, bs):
    "What each of `n` processes has in the end"
    fn = tmp_path/'train.py'
    fn.write_text(code)
    cmd = [sys.executable, *(['-m','torch.distributed.run','--standalone','--nproc_per_node',str(n)] if n>1 else []), fn, str(bs), tmp_path]
    env = dict(os.environ, PYTHONPATH=str(root), ACCELERATE_USE_CPU='1', OMP_NUM_THREADS='1')
    res = subprocess.run(cmd, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
    assert res.returncode==0, res.stdout+res.stderr
    done = [json.loads((tmp_path/f'{r}.json').read_text()) for r in range(n)]
    return done,[{k:load_file(tmp_path/f'{r}-{k}.safetensors') for k in ('steps','minutes')} for r in range(n)],res.stdout

def test_two_processes_learn_what_one_does(tmp_path):
    [one],[w],_ = run(tmp_path, 1, 8)
    (a,b),(wa,wb),out = run(tmp_path, 2, 4)
    assert a==b and a['inside']==one['inside']
    for what in wa:
        for k in wa[what]: assert torch.equal(wa[what][k], wb[what][k]), (what,k)          # to the bit, after either fit
    for k,o in w['steps'].items(): assert torch.allclose(o, wa['steps'][k], rtol=1e-3, atol=1e-5), k
    assert a['rows']==4                                    # the loaders are whole again
    assert out.count('validation loss')==2                 # the foot, of two fits, by one of the two processes
