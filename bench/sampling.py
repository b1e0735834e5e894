"Characters a second of `sample` against an eager PyTorch loop over the same model, alternating in one process; bytes of weights a character"
import argparse,time
import torch
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

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--rounds', type=int, default=9)
    ap.add_argument('--n', type=int, default=300, help='characters a row, for one row; fewer for more rows')
    ap.add_argument('--n-hid', type=int, default=448)
    a = ap.parse_args()
    vocab = CharVocab([chr(33+i) for i in range(65)])
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads')
    print(f"{'model':<12}{'rows':>5}{'MB of weights':>15}{'eager chars/s':>15}{'sample chars/s':>16}{'times':>7}  goal")
    goals = {1:4., 8:2., 64:1.5}
    for cell,layers in (('lstm',1),('lstm',2),('gru',1),('rnn',1),('mingru',1),('mingru',2)):
        model = CharRNN(65, cell, n_hid=a.n_hid, n_layers=layers).eval()
        mb    = sum(p.numel() for k,p in model.named_parameters() if 'emb' not in k)*4/1e6
        for rows,goal in goals.items():
            e,o,r = measure(model, vocab, rows, max(20, int(a.n/rows**0.5)), a.rounds)
            print(f"{f'{cell} {layers}x{a.n_hid}':<12}{rows:>5}{mb:>15.1f}{e:>15,.0f}{o:>16,.0f}{r:>7.2f}  {goal} {'reached' if r>=goal else 'MISSED'}", flush=True)
    model = CharRNN(65, 'lstm', n_hid=a.n_hid).eval()
    for rows in goals:
        e,o,r = measure(model, vocab, rows, max(20, int(a.n/rows**0.5)), a.rounds, top_k=20, top_p=0.9)
        print(f"{'with filters':<12}{rows:>5}{'':>15}{e:>15,.0f}{o:>16,.0f}{r:>7.2f}")

if __name__=='__main__': main()
