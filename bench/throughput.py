"Training steps of the Learner against a bare PyTorch loop over the same model and batches, alternating in one process"
import argparse,time
import torch, torch.nn as nn, torch.nn.functional as F
from fastai.callback.core import Callback
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

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(n_hid=512, bs=32, seq_len=64, steps=60, rounds=5).items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    ap.add_argument('--corpus', default='shakespeare')
    ap.add_argument('--precision', default='fp32')
    a = ap.parse_args()
    dls,clock = CharDataLoaders.from_corpus(a.corpus, bs=a.bs, seq_len=a.seq_len),Clock()
    learn = char_learner(dls, 'lstm', n_hid=a.n_hid, precision=a.precision, cbs=clock)
    dls.loaders[1] = dls.valid.new(n=1)
    best = [float('inf')]*2
    learn.model.to(dls.device)
    bare_steps(learn.model, dls.train.new(), 5, a.precision)
    for _ in range(a.rounds):
        learn.model.reset()
        best[0] = min(best[0], bare_steps(learn.model, dls.train.new(), a.steps, a.precision))
        with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps)
        best[1] = min(best[1], clock.secs)
    rate = [a.steps*a.bs*a.seq_len/o for o in best]
    print(f'lstm {a.n_hid}, bs {a.bs}, {a.precision}: bare loop {rate[0]:,.0f} characters/s, Learner {rate[1]:,.0f}, ratio {rate[1]/rate[0]:.3f}')

if __name__=='__main__': main()
