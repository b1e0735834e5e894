"""Trains in a process of its own, so that it can be killed: `python resume_child.py CONFIG STORE OUT [KILL]`.
KILL is `phase:n`: this process kills itself when it gets to that phase for the nth time."""
import hashlib,json,os,signal,sys
os.environ.setdefault('OMP_NUM_THREADS', '1')
from fastai.basics import *
from fastai.callback.all import *
from charrnn_fa.everything import *
import charrnn_fa.keep.file as file

text = 'she sells sea shells by the sea shore. the shells she sells are sea-shells, I am sure!\n'*40
base = dict(cell='lstm', fit='one_cycle', n=3, bs=4, seq_len=16, every=5, breaks=50)

class Around(nn.Module):
    "A module of one's own around a model: it passes `reset` on, and knows nothing of a state"
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x): return self.inner(x)
    def reset(self): self.inner.reset()

def make(cell='lstm', precision='fp32', n_acc=0, opt='adamw', bs=4, seq_len=16, n_hid=24, dropout=0.1, weight_drop=0., n_layers=1, n_cells=1, learn_init=False, scale=None,
    wrap=None, counts=0, **_):
    "The learner of a configuration"
    set_seed(1)
    dls = CharDataLoaders.from_text(text, bs=bs, seq_len=seq_len, device='cpu')
    sizes = dict(n_hid=n_hid, n_layers=n_layers, n_cells=n_cells, n_emb=8, dropout=dropout, weight_drop=weight_drop, learn_init=learn_init)
    kw = dict(precision=precision, opt_func=adamw if opt=='adamw' else Adam, cbs=[GradientAccumulation(n_acc)] if n_acc else None)
    if wrap: learn = char_learner(dls, dict(parallel=nn.DataParallel, own=Around)[wrap](CharRNN(len(dls.vocab), cell, **sizes)), **kw)
    else: learn = char_learner(dls, cell, **sizes, **kw, **(dict(counts=counts) if counts else {}))
    return learn.to_fp16(**scale) if scale else learn

def fit(learn, cbs=(), fit='one_cycle', n=3, steps=None, halves=0., **_):
    "The fit of a configuration"
    with learn.no_bar(), learn.no_logging():
        if fit=='one_cycle': learn.fit_one_cycle(n, 1e-2, cbs=cbs)
        elif fit=='flat_cos': learn.fit_flat_cos(n, 1e-2, cbs=cbs)
        elif fit=='plain': learn.fit(n, 1e-2, cbs=cbs)
        elif fit=='minutes' and not steps: learn.fit_minutes(n, cbs=cbs)
        else: learn.fit_steps(steps, halves=halves, cbs=cbs)

def digest(learn):
    "Everything that must be equal to the bit"
    ts,h = {},hashlib.sha256()
    h.update(json.dumps(pack(dict(w=dict(learn.model.state_dict()), o=learn.opt.state_dict()), ts)).encode())
    for k in sorted(ts): h.update(ts[k].contiguous().view(torch.uint8).numpy().tobytes() if ts[k].dim() else str(ts[k].item()).encode())
    r = learn.recorder
    return dict(weights=h.hexdigest(), losses=[o.item().hex() for o in r.losses], lrs=[float(o).hex() for o in r.lrs],
        values=[[float(v).hex() for v in o] for o in r.values], iters=list(r.iters), steps=int(learn.train_iter), sample=learn.sample('she', 40, seed=3))

class Break(Callback):
    "Stops a fit after a step, as a crash would"
    order = 300
    def __init__(self, at): self.at = at
    def after_batch(self):
        if self.training and self.train_iter==self.at: raise RuntimeError('broken off')

class Kill:
    "Kill this process at the nth arrival at a phase"
    def __init__(self, spec): self.phase,self.n = (spec.split(':')+['0'])[:2] if spec else (None,0)
    def __call__(self, phase):
        if phase!=self.phase: return
        self.n = int(self.n)-1
        if self.n<=0: os.kill(os.getpid(), signal.SIGKILL)

class KillStep(Callback):
    def __init__(self, kill): self.kill = kill
    def before_step(self): self.kill('step')

class Store(DirStore):
    "A folder in which writing and pruning can be hit in the middle"
    def __init__(self, path, kill):
        super().__init__(path)
        self.kill = kill
    def put(self, name, data):
        if name.startswith('ck'):
            (self.path/f'.{name}.{os.getpid()}.tmp').write_bytes(data[:len(data)//2])
            self.kill('write')
        res = super().put(name, data)
        self.kill('written')
        return res
    def delete(self, entry):
        self.kill('prune')
        super().delete(entry)
        self.kill('pruned')

def main(cfg, path, out, spec='', ready=lambda: print('ready', flush=True)):
    cfg,kill = {**base, **json.loads(cfg)},Kill(spec)
    learn = make(**cfg)
    if path=='-': fit(learn, **cfg)
    else:
        whole = file._pack
        def halfway(o, ts, path, seen):
            if path=='optim': kill('snapshot')
            return whole(o, ts, path, seen)
        file._pack = halfway
        ready()
        fit(learn, [Resume(Store(path, kill), every=cfg['every']), KillStep(kill)], **cfg)
    write_bytes(out, json.dumps(digest(learn)).encode())

if __name__=='__main__': main(*sys.argv[1:])
