"""One command for a GPU: training rate by precision beside cuDNN's own LSTM in a bare loop, sampling, the loss after some minutes beside
nanoGPT's GPU configuration given the same time, and a run that is killed and resumed with deterministic settings; `--small` for a CPU"""
import argparse,contextlib,itertools,os,platform,signal,subprocess,sys,tempfile,time
os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')               # deterministic sums; read when CUDA starts, so set before it does
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from fastai.basics import Callback,set_seed
from board import nanogpt
from throughput import Clock
from charrnn_fa.everything import *

on_gpu = dict(n_hid=1024, n_layers=2, bs=128, seq_len=128, secs=5., minutes=3., steps=200,
    gpt=dict(block=256, n=384, heads=6, layers=6, dropout=0.2), gpt_bs=64)
small  = dict(n_hid=32, n_layers=1, bs=8, seq_len=32, secs=0.2, minutes=0.01, steps=40,
    gpt=dict(block=32, n=32, heads=2, layers=1, dropout=0.2), gpt_bs=4)

class Plain(nn.Module):
    "Embedding, `nn.LSTM` (cuDNN's on a GPU), head, and nothing else: the rate that the library is held against"
    def __init__(self, n_vocab, n_hid, n_layers):
        super().__init__()
        self.emb,self.rnn = nn.Embedding(n_vocab, 64),nn.LSTM(64, n_hid, n_layers, batch_first=True)
        self.head = nn.Linear(n_hid, n_vocab)
    def forward(self, x): return self.head(self.rnn(self.emb(x))[0])

def machine(dev):
    "What the figures were measured on"
    name = f'{platform.machine()}, {torch.get_num_threads()} of {os.cpu_count()} cores'
    if dev.type=='cuda': name = f'{torch.cuda.get_device_name(dev)}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}'
    return f'{name}, torch {torch.__version__}, Python {platform.python_version()}'

def kinds(dev):
    "The precisions that a device has in hardware; a GPU has float16 besides what 'auto' measures there"
    res = precisions(dev)
    return res+['fp16'] if dev.type=='cuda' and 'fp16' not in res else res

def batches(dl):
    "Windows without end"
    while True: yield from dl.new()

def bare_rate(dls, a, precision):
    "Characters per second of a bare loop over the plain LSTM, and how many steps that were"
    dev = loader_device(dls)
    model = Plain(len(dls.vocab), a.n_hid, a.n_layers).to(dev)
    opt,scaler = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True),torch.amp.GradScaler(dev.type, enabled=precision=='fp16')
    for i,(x,y) in enumerate(batches(dls.train)):
        if i==5:                                                          # the first steps are slower
            synchronize(dev)
            start = time.perf_counter()
        with autocast(precision, dev): out = model(x)
        scaler.scale(F.cross_entropy(out.float().flatten(0,1), y.reshape(-1))).backward()
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()
        if i<=5 or i%10: continue
        synchronize(dev)
        if (t := time.perf_counter()-start)>a.secs: return (i-4)*x.numel()/t,i-4

def learner_rate(dls, a, precision, n):
    "Characters per second of `n` training steps of the library"
    part = CharDataLoaders(dls.train.new(), dls.valid.new(n=1), device=loader_device(dls))
    clock = Clock()
    learn = char_learner(part, 'lstm', n_hid=a.n_hid, n_layers=a.n_layers, dropout=0., precision=precision, cbs=clock)
    with quietly(learn):
        learn.fit_steps(5)                                                # the first steps are slower
        n = min(n, len(part.train))                                       # one epoch: the clock looks at the last one
        learn.fit_steps(n)
    return n*dls.train.bs*dls.train.seq_len/clock.secs

@contextlib.contextmanager
def quietly(learn):
    with learn.no_bar(), learn.no_logging(): yield

def sampling_rate(model, vocab, n, batch):
    "Characters per second of sampling"
    sample_text(model, vocab, n=5, batch=batch)
    start = time.perf_counter()
    sample_text(model, vocab, n=n, batch=batch, seed=0)
    return n*(batch or 1)/(time.perf_counter()-start)

def verdict(ok): return 'reached' if ok else '**below its goal**'

def rates(dls, a):
    "Rows of the table: training in each precision"
    for p in kinds(loader_device(dls)):
        bare,n = bare_rate(dls, a, p)
        ours = learner_rate(dls, a, p, n)
        yield f'nn.LSTM in a bare loop, {p}',f'{bare:,.0f} characters/s','',''
        yield f'the library, {p}',f'{ours:,.0f} characters/s','0.9 of the bare loop',f'{ours/bare:.2f}, {verdict(ours>=0.9*bare)}'

def losses(dls, a):
    "Rows of the table: the loss after some minutes, ours and nanoGPT's, and how fast the trained model samples"
    dev = loader_device(dls)
    set_seed(0)
    learn = char_learner(dls, 'lstm', counts=9, **(dict(n_hid=a.n_hid) if a.small else {}))
    with quietly(learn): learn.fit_minutes(a.minutes)
    ev = learn.evaluate()
    train,valid = (np.asarray(o.codes).astype(np.int64) for o in dls.loaders[:2])
    set_seed(0)
    nats,note = nanogpt(train, valid, len(dls.vocab), a.minutes*60, a.gpt, a.gpt_bs, dev, kinds(dev)[1] if dev.type=='cuda' else 'fp32')
    yield f'nanoGPT, {a.gpt}, after {a.minutes:g} min',f'{nats:.4f} nats','',note
    yield f'the library after {a.minutes:g} min',f'{ev.nats:.4f} nats','no more than nanoGPT',f'the cell alone {ev.cell_nats:.4f}, {n_params(learn.model):,} parameters, {verdict(ev.nats<=nats)}'
    for batch in (None,64):
        yield f'sampling, {batch or 1} at a time',f'{sampling_rate(learn.model, dls.vocab, 50 if a.small else 500, batch):,.0f} characters/s','',''

class KillAt(Callback):
    "Kill this process after a step, once there is a checkpoint to resume from"
    order = 300
    def __init__(self, run, at): self.run,self.at = run,at
    def after_batch(self):
        if self.training and self.train_iter>=self.at and checkpoints(self.run): os.kill(os.getpid(), signal.SIGKILL)

def trained(dls, a, *cbs):
    "A learner after a fit with everything that takes random numbers, its sums always in the same order"
    torch.use_deterministic_algorithms(True)
    try:
        set_seed(0)
        learn = char_learner(dls, 'lstm', n_hid=a.n_hid, n_layers=a.n_layers, dropout=0.2, precision=kinds(loader_device(dls))[-1])
        with quietly(learn): learn.fit_steps(a.steps, cbs=cbs)
    finally: torch.use_deterministic_algorithms(False)
    return learn

def resumed(dls, a):
    "Row of the table: a process is killed in the middle, this one resumes, and each weight is compared with a run that was left alone"
    whole = trained(dls, a).model.state_dict()
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.run([sys.executable,*sys.argv,'--kill-in',d], capture_output=True, text=True)
        if p.returncode!=-signal.SIGKILL: raise RuntimeError(f'The run was to be killed, but ended with {p.returncode}: {p.stderr}')
        at = newest_checkpoint(d)[1]['step']
        again = trained(dls, a, Resume(d, every=5)).model.state_dict()
    same = sum(torch.equal(o, again[k]) for k,o in whole.items())
    yield f'killed, resumed at step {at} of {a.steps}',f'{same} of {len(whole)} tensors equal to the bit','all of them',verdict(same==len(whole))

def arguments():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--small', action='store_true', help='sizes that take seconds on a CPU; the default where there is no GPU')
    for nm,v in on_gpu.items():
        if not isinstance(v,dict): ap.add_argument('--'+nm.replace('_','-'), type=type(v))
    ap.add_argument('--corpus', default='shakespeare')
    ap.add_argument('--out', help='file for the table')
    ap.add_argument('--kill-in', help=argparse.SUPPRESS)
    a = ap.parse_args()
    a.small = a.small or not torch.cuda.is_available()
    for k,v in (small if a.small else on_gpu).items():
        if getattr(a, k, None) is None: setattr(a, k, v)
    return a

def main():
    a = arguments()
    dev = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    dls = CharDataLoaders.from_corpus(a.corpus, bs=a.bs, seq_len=a.seq_len, device=dev)
    if a.kill_in: return trained(dls, a, Resume(a.kill_in, every=5), KillAt(a.kill_in, a.steps//2))
    lines = [machine(dev), f'LSTM {a.n_layers} x {a.n_hid}, bs {a.bs}, seq_len {a.seq_len}, on {a.corpus}'+(', in small: no figure to go by' if a.small else ''),
        '', '| what | measured | goal | |', '|---|---|---|---|']
    print(*lines, sep='\n')
    for row in itertools.chain(rates(dls, a), losses(dls, a), resumed(dls, a)):
        lines.append('| '+' | '.join(row)+' |')
        print(lines[-1], flush=True)
    if a.out: write_bytes(a.out, '\n'.join([*lines,'']).encode())

if __name__=='__main__': main()
