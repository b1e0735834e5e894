"Time of a training step with the memory of the last one kept, as a fit does on a CPU, and without, alternating in one process"
import argparse
from common import *
from throughput import bare_steps
from charrnn_fa.everything import *

def rounds_of(n_hid, bs, seq_len, precision, a):
    "Seconds of a step without and with what was freed before, for each round"
    dls   = CharDataLoaders.from_corpus(a.corpus, bs=bs, seq_len=seq_len, device='cpu')
    model = CharRNN(len(dls.vocab), 'lstm', n_hid).train()
    def _steps(): return bare_steps(model, dls.train.new(), a.steps, precision)/a.steps
    _steps()
    for _ in range(a.rounds):
        without = _steps()
        with kept_memory('cpu'):
            _steps()
            yield without,_steps()

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--corpus', default='shakespeare')
    ap.add_argument('--steps', type=int, default=12)
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--out', help='file for the table')
    a = ap.parse_args()
    lines = [f'{machine()}; a bare loop, so that nothing else differs', '', '| lstm | rows x window | precision | ms without | ms with | times |', '|---|---|---|---|---|---|']
    print(*lines, sep='\n')
    mid = lambda xs: sorted(xs)[len(xs)//2]
    for n,bs,t in ((448,16,32),(448,32,64),(448,64,64),(128,64,64)):
        for p in precisions('cpu'):
            ts = [*rounds_of(n, bs, t, p, a)]
            lines.append(f'| {n} | {bs} x {t} | {p} | {1e3*mid([o for o,_ in ts]):.1f} | {1e3*mid([o for _,o in ts]):.1f} | {mid([x/y for x,y in ts]):.2f} |')
            print(lines[-1], flush=True)
    save(lines, a.out)

if __name__=='__main__': main()
