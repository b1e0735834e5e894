"""One of several processes under `torchrun`: `distributed_child.py FOLDER ROWS STAGE`. Stage `first` trains what is compared with one process,
then a run that is stopped by a signal to the last process alone, resumed, and killed; stage `again` resumes it;
stage `dealt` resumes a copy of it, whose rows may be dealt to another number of processes. `counted-one`, `counted` and `counted-again` are
the same in short for a cell with counts beside it, watched by the doctor."""
import atexit, hashlib, json, os, signal, sys
import torch.distributed as dist
from fastai.basics import *
from safetensors.torch import save_file
from charrnn_fa.core import *
from charrnn_fa.data import *
from charrnn_fa.train.all import *
from charrnn_fa.use.all import *
from charrnn_fa.keep.all import *
from charrnn_fa.doctor.all import *

folder,rows,stage = Path(sys.argv[1]),int(sys.argv[2]),sys.argv[3]
rank,n = rank_distrib(),max(1, num_distrib())
counts = 3 if stage.startswith('counted') else None
text = 'the cat sat on the mat, and the dog on the log. '*200

def make(seq_len=16, **kwargs):
    set_seed(0)
    return char_learner(CharDataLoaders.from_text(text, bs=rows//n, seq_len=seq_len, device='cpu'), 'gru', n_hid=32, lr=1e-2, counts=counts, precision='fp32', **kwargs)

def keep(learn, what): save_file({k:o.clone() for k,o in bare_model(learn.model).state_dict().items()}, folder/f'{rank}-{what}.safetensors')
def tell(what, **facts): write_bytes(folder/f'{rank}-{what}.json', json.dumps(facts).encode())

class Signal(Callback):
    "Sends a signal to this process after so many steps of this fit, if it is the last one"
    order = 61
    def __init__(self, num, left): self.num,self.left = num,left
    def after_batch(self):
        self.left -= self.training
        if self.training and self.left==0 and rank==n-1: os.kill(os.getpid(), self.num)

def digest(learn):
    "What must be equal to the bit in each process"
    ts,h = {},hashlib.sha256()
    h.update(json.dumps(pack(dict(w=dict(learn.model.state_dict()), o=learn.opt.state_dict()), ts)).encode())
    for k in sorted(ts): h.update(ts[k].numpy().tobytes())
    return dict(weights=h.hexdigest(), losses=[o.item().hex() for o in learn.recorder.losses], random=float(torch.rand(1)),
        values=[[float(v).hex() for v in o] for o in learn.recorder.values])

def held(learn):
    "What is read in an epoch, and what is held back for the weight of counts"
    cb = first(o for o in learn.cbs if isinstance(o,WeighCounts))
    return dict(windows=len(learn.dls.train), held=cb.xy.tolist(), q=cb.q.tolist())

def fit(*cbs):
    "Dropout and cold starts take random numbers, and each process has its own"
    learn = make(dropout=0.2, cold=0.2)
    with learn.launched(), learn.no_bar(), learn.no_logging(): learn.fit_steps(150, cbs=cbs)
    return learn

def run(): return Resume(folder/'run', every=4)

atexit.register(lambda: tell('left', inside=dist.is_initialized()))       # registered first, so it runs last, when all has been put away

if stage=='one':
    learn = make(cold=0)
    with learn.no_bar(): learn.fit_steps(60)
    keep(learn, 'steps')
    tell('steps', inside=learn.sample('the cat', 40, seed=1))
elif stage=='first':
    learn = make(cold=0)
    with learn.launched(), learn.no_bar():
        learn.fit_steps(60)
        inside = learn.sample('the cat', 40, seed=1)           # through the wrapper
        keep(learn, 'steps')
        learn.fit_minutes(0.01)
    tell('minutes', steps=int(learn.train_iter))
    tell('steps', inside=inside, rows=learn.dls.train.bs*learn.dls.train.world)
    keep(learn, 'minutes')
    tell('whole', **digest(fit()))
    try: fit(run(), Signal(signal.SIGINT, 11))
    except KeyboardInterrupt as e: tell('stopped', said=str(e))
    fit(run(), Signal(signal.SIGKILL, 18))
elif stage=='counted-one':
    learn = make(cold=0)
    with learn.no_bar(): learn.fit_steps(60)
    keep(learn, 'counted')
    tell('counted', nats=learn.evaluate().nats)
    tell('held', **held(learn))
elif stage=='counted':
    learn,cb,sick = make(cold=0),Doctor(share=1.),Doctor(share=1.)
    before = held(learn)
    with learn.launched(), learn.no_bar():
        tell('held', **held(learn))
        learn.fit_steps(60, cbs=cb)
    keep(learn, 'counted')
    assert held(learn)==before and before['windows']!=learn.dls.train.new(world=2, rank=0, n=2**62).n_win
    ill = make(cold=0)
    with ill.launched(), ill.no_bar(): ill.fit_steps(60, 30., cbs=sick)
    tell('counted', nats=learn.evaluate().nats, looked=len(cb.losses), found=cb.findings.names, failed=list(cb.failed), sick=sick.findings.names)
    tell('whole', **digest(fit()))
    fit(run(), Signal(signal.SIGKILL, 40))
elif stage=='dealt':
    class Begins(Callback):
        "Keeps the weights that the fit begins with, and where in the text it does"
        order = 300
        def before_train(self):
            if (folder/f'{rank}-begins.json').exists(): return
            keep(self.learn, 'dealt')
            tell('begins', step=int(self.train_iter), pos=self.dls.train.pos, rows=self.dls.train.bs)
    learn = fit(Resume(folder/'dealt', every=1000, force='layout'), Begins())
    tell('dealt', **digest(learn), step=int(learn.train_iter))
else: tell('again', **digest(fit(run())))
