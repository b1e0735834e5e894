"What exact resume costs: the share of training time that checkpoints every 10 s take, and how long a start takes until its first step, resumed or not"
import argparse,subprocess,sys,tempfile,time
from fastai.basics import Callback,set_seed
from charrnn_fa.everything import *

class Clock(Callback):
    "Seconds of the first step since `t0`, and seconds of training"
    order = -20
    def before_fit(self): self.first,self.start = None,time.perf_counter()
    def before_batch(self): self.first = self.first or time.time()
    def after_fit(self): self.secs = time.perf_counter()-self.start

class Timed(Resume):
    "Adds up the seconds that copying takes in the training thread"
    copying = n = 0
    def _snapshot(self, *args, **kwargs):
        t = time.perf_counter()
        super()._snapshot(*args, **kwargs)
        self.copying,self.n = self.copying+time.perf_counter()-t,self.n+1

def make(n_hid):
    set_seed(0)
    learn = char_learner(CharDataLoaders.from_corpus('shakespeare', bs=32, seq_len=64, device='cpu'), 'lstm', n_hid=n_hid, precision='fp32')
    return learn

def fit(learn, steps, *cbs):
    clock = Clock()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(steps, cbs=[clock,*cbs])
    return clock

def overhead(a):
    rows = []
    for i in range(a.rounds):
        plain = fit(make(a.n_hid), a.steps).secs
        with tempfile.TemporaryDirectory() as d:
            cb = Timed(d, every='10s')
            kept = fit(make(a.n_hid), a.steps, cb).secs
            size = checkpoints(d)[-1].size/1e6
        rows.append((plain,kept,cb.copying,cb.n))
        print(f'{a.steps} steps of LSTM {a.n_hid}: {plain:.1f} s without, {kept:.1f} s with {cb.n} checkpoints of {size:.1f} MB; {cb.copying:.2f} s of it copying')
    p,k = (sorted(o)[len(o)//2] for o in list(zip(*rows))[:2])
    print(f'median {100*(k-p)/p:+.2f} % of wall time, copying alone {100*sum(o[2] for o in rows)/sum(o[1] for o in rows):.2f} %')

child = '''
import time,sys; t0 = float(sys.argv[1]); sys.path.insert(0, sys.argv[2])
from resume import *
learn,c = make(int(sys.argv[3])),Clock()
class Stop(Callback):
    def after_batch(self):
        from fastai.basics import CancelFitException
        if self.training and self.train_iter>=int(sys.argv[5]): raise CancelFitException
with learn.no_bar(), learn.no_logging(): learn.fit_steps(1000, cbs=[c,Stop()]+[Resume(sys.argv[4], every=5)]*(sys.argv[4]!='-'))
print(c.first-t0)
'''

def first_step(a):
    def start(run, n):
        args = [sys.executable,'-c',child,str(time.time()),sys.path[0],str(a.n_hid),run,str(n)]
        return float(subprocess.run(args, check=True, capture_output=True, text=True).stdout.split()[-1])
    fresh,again = [],[]
    for i in range(a.rounds):
        fresh.append(start('-', 1))
        with tempfile.TemporaryDirectory() as d:
            learn = make(a.n_hid)
            cb = Resume(d, every=5)
            class Break(Callback):
                def after_step(self):
                    if self.train_iter==20: raise RuntimeError('broken off')
            try: fit(learn, 1000, cb, Break())
            except RuntimeError: again.append(start(d, 21))
    med = lambda o: sorted(o)[len(o)//2]
    print(f'from the start of the process to the first step: {med(fresh):.2f} s anew, {med(again):.2f} s resumed')

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--n-hid', type=int, default=512)
    ap.add_argument('--steps', type=int, default=400)
    ap.add_argument('--rounds', type=int, default=3)
    a = ap.parse_args()
    first_step(a)
    overhead(a)

if __name__=='__main__': main()
