"What yardsticks, `learn.doctor()` and the `Doctor` callback cost: seconds for 1 MB and for 100 MB, for 10 M parameters, and the callback's share of a fit"
import argparse,time
import numpy as np
from charrnn_fa.everything import *

def long_text(n, v=65, seed=0):
    "Codes of `n` characters whose groups are as many and as uneven as in a language: one text again and again, 2 % changed"
    rng,base = np.random.default_rng(seed),np.asarray(get_stream('python').codes)%v
    codes = np.resize(base, n).astype(np.uint8)
    at = rng.random(n)<0.02
    codes[at] = rng.integers(0, v, at.sum())
    return codes

def yardstick_time(n):
    codes,cut = long_text(n),int(n*0.9)
    start,cpu = time.perf_counter(),time.process_time()
    ys = yardsticks(codes[:cut], codes[cut:], 65)
    secs,cpu = time.perf_counter()-start,time.process_time()-cpu
    print(f'yardsticks of {n/1e6:g} MB: {secs:.2f} s ({cpu:.2f} s of processor time), best order {ys.order}, {ys.ngram:.3f} nats', flush=True)

def callback_cost(steps, n_hid, bs, seq_len):
    dls = CharDataLoaders.from_corpus('python', bs=bs, seq_len=seq_len, device='cpu')
    cb,start = Doctor(),time.perf_counter()
    learn = char_learner(dls, 'lstm', n_hid=n_hid, precision='fp32', cbs=cb)
    with learn.no_bar(): learn.fit_steps(steps)
    secs = time.perf_counter()-start
    print(f'{steps} steps of {1e3*secs/steps:.0f} ms, lstm {n_hid}: callback {cb.secs:.2f} s of {secs:.1f} s = {cb.secs/secs:.2%}, '
        f'{len(cb.todo)} quick checks left to make')

def examine_cost(n_hid):
    dls   = CharDataLoaders.from_corpus('python', bs=32, seq_len=64, device='cpu')
    learn = char_learner(dls, 'lstm', n_hid=n_hid, precision='fp32')
    start,cpu = time.perf_counter(),time.process_time()
    d = learn.doctor()
    secs,cpu = time.perf_counter()-start,time.process_time()-cpu
    print(f'learn.doctor() of {n_params(learn.model):,} parameters: {secs:.1f} s ({cpu:.1f} s of processor time), found {d.names}', flush=True)

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(steps=1000, n_hid=256, bs=32, seq_len=64, big=100).items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    a = ap.parse_args()
    for n in (1,1,a.big): yardstick_time(n*1_000_000)
    for n in (256,1500): examine_cost(n)
    callback_cost(a.steps, a.n_hid, a.bs, a.seq_len)

if __name__=='__main__': main()
