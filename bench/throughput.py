"Training steps of the Learner, without and with averaged weights, against a bare PyTorch loop over the same model and batches, alternating in one process"
import argparse, time
import torch, torch.nn as nn, torch.nn.functional as F
from fastai.callback.core import Callback
from common import *
from charrnn_fa.everything import *

def bare_steps(model, dl, n, precision):
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(.9,.99), fused=True)
    it,start = iter(dl),time.perf_counter()
    for _ in range(n):
        x,y = next(it)
        with autocast(precision, x.device): out = model(x)
        F.cross_entropy(out.float().flatten(0,1), y.reshape(-1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step()
        opt.zero_grad()
    if x.is_cuda: torch.cuda.synchronize()
    return time.perf_counter()-start

class Clock(Callback):
    "Time of the training steps alone"
    order,run_valid = 100,False
    def before_train(self): self.start = time.perf_counter()
    def after_train(self):
        if self.xb[0].is_cuda: torch.cuda.synchronize()
        self.secs = time.perf_counter()-self.start

def measure(n_hid, a):
    "Characters a second of the bare loop, and the medians of the ratios of neighbouring rounds: plain, with averaged weights"
    dls,clock = CharDataLoaders.from_corpus(a.corpus, bs=a.bs, seq_len=a.seq_len),Clock()
    learn = char_learner(dls, 'lstm', n_hid=n_hid, precision=a.precision, cbs=clock)
    dls.loaders[1] = dls.valid.new(n=1)
    learn.model.to(dls.device)
    bare_steps(learn.model, dls.train.new(), 5, a.precision)
    ts = []
    for _ in range(a.rounds):
        learn.model.reset()
        ts.append([bare_steps(learn.model, dls.train.new(), a.steps, a.precision)])
        for mean in (0,0.998):
            with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps, average=mean)
            ts[-1].append(clock.secs)
    mid = lambda xs: sorted(xs)[len(xs)//2]
    return a.steps*a.bs*a.seq_len/min(t[0] for t in ts),mid([t[0]/t[1] for t in ts]),mid([t[0]/t[2] for t in ts])

goals = {448:0.97, 128:0.95}

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(bs=16, seq_len=32, steps=100, rounds=9).items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    ap.add_argument('--n-hid', type=int, nargs='+', default=[448,128])
    ap.add_argument('--corpus', default='shakespeare')
    ap.add_argument('--precision', default='fp32')
    ap.add_argument('--out', help='file for the table')
    a = ap.parse_args()
    lines = [f'{machine()}; {a.precision}, {a.bs} rows of {a.seq_len}; the bare loop has the same model, batches, `AdamW` and clipping', '',
        '| lstm | bare loop, characters/s | Learner, times that | goal | with averaged weights |','|---|---|---|---|---|']
    print(*lines, sep='\n')
    for n in a.n_hid:
        rate,r,mean = measure(n, a)
        lines.append(f'| {n} | {rate:,.0f} | {r:.3f} | {judged(r, goals.get(n), less=False)} | {mean:.3f} |')
        print(lines[-1], flush=True)
    save(lines, a.out)

if __name__=='__main__': main()
