"Characters a second of `sample` against an eager PyTorch loop over the same model, alternating in one process; bytes of weights a character"
import argparse, re, time
import numpy as np, torch
from common import *
from charrnn_fa.everything import *

def eager(model, vocab, n, rows):
    "What a person writes by hand"
    model.reset()
    x,out = torch.zeros(rows, 1, dtype=torch.long, device=next(model.parameters()).device),[]
    with torch.no_grad():
        for _ in range(n):
            p = (model(x)[:,-1]/0.8).softmax(-1)
            x = torch.multinomial(p, 1)
            out.append(x)
    return [vocab.decode(o) for o in torch.cat(out, 1)]

def ours(model, vocab, n, rows, **kw): return sample_text(model, vocab, n=n, batch=rows, temperature=0.8, seed=0, **kw)

def clock(f, *args, **kw):
    start = time.perf_counter()
    f(*args, **kw)
    return time.perf_counter()-start

def measure(model, vocab, rows, n, rounds, **kw):
    "Characters a second of both: the median of the rounds, and the median of the ratios of neighbouring ones"
    eager(model, vocab, 5, rows), ours(model, vocab, 5, rows, **kw)
    ts = [(clock(eager, model, vocab, n, rows), clock(ours, model, vocab, n, rows, **kw)) for _ in range(rounds)]
    mid = lambda xs: sorted(xs)[len(xs)//2]
    return n*rows/mid([a for a,b in ts]),n*rows/mid([b for a,b in ts]),mid([a/b for a,b in ts])

head   = '| model | rows | MB of weights a step | eager characters/s | sample characters/s | GB/s | times | goal |'
goals  = {1:4., 8:2., 64:1.5}                            # rows, and how many times the eager loop
models = ('lstm',1,None),('lstm',2,None),('gru',1,None),('rnn',1,None),('mingru',1,None),('mingru',2,None),('lstm',1,7)

def read_speed(mb, n=200):
    "GB a second at which a matrix of so many MB is read when it is multiplied with a vector, best of `n`: no step can be faster"
    w,x = np.ones((int(mb*1e6/4/448),448), dtype=np.float32),np.ones(448, dtype=np.float32)
    return w.nbytes/1e9/min(clock(w.dot, x) for _ in range(n))

def build(cell, layers, n_hid, counts):
    "An untrained model: its speed is that of a trained one"
    model = CharRNN(65, cell, n_hid=n_hid, n_layers=layers)
    if counts: model = Counted(model, Counts.from_codes(get_stream('shakespeare').codes, 65, counts))
    return model.eval()

def lines(a, vocab):
    "Lines of the table"
    yield f'{machine()}; the eager loop (a step of the same model, softmax, `torch.multinomial`) runs beside it in the same process', ''
    yield f'A matrix of 0.8 / 2.4 / 3.2 / 12.8 MB times a vector is read at {" / ".join(f"{read_speed(o):.0f}" for o in (0.8,2.4,3.2,12.8))} GB/s here', ''
    yield head, '|---'*8+'|'
    for cell,layers,counts in models:
        model = build(cell, layers, a.n_hid, counts)
        mb    = sum(p.numel() for k,p in model.named_parameters() if not re.search(r'emb|weight_ih_l0|zh\.0\.', k))*4/1e6    # of the first layer's input side, a row
        for rows,goal in goals.items():
            for kw in ({},dict(top_k=20, top_p=0.9)) if (cell,layers,counts)==('lstm',1,None) else ({},):
                e,o,r = measure(model, vocab, rows, a.n, a.rounds, **kw)
                name  = f'{cell} {layers}x{a.n_hid}{" and counts" if counts else ""}{", filters" if kw else ""}'
                yield f'| {name} | {rows} | {mb:.1f} | {e:,.0f} | {o:,.0f} | {mb*o/rows/1e3:.1f} | {r:.2f} | {judged(r, None if kw or counts else goal, less=False)} |',

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--n', type=int, default=500, help='characters a row: as many as `sample` draws if it is not told')
    ap.add_argument('--n-hid', type=int, default=448)
    ap.add_argument('--out', help='file for the table')
    a,done = ap.parse_args(),[]
    for new in lines(a, CharVocab([chr(33+i) for i in range(65)])):
        print(*new, sep='\n', flush=True)
        done += new
    save(done, a.out)

if __name__=='__main__': main()
