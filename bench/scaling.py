"Time a character and memory as work grows: rows, window, width, layers, text; each size in a process of its own, a table and a plot"
import argparse, json, resource, subprocess, sys, tempfile, time
from pathlib import Path
from common import *

base = dict(bs=16, seq_len=32, n_hid=256, n_layers=1, mb=1)
grid = dict(bs=[4,16,64,256], seq_len=[16,32,64,128,256], n_hid=[64,128,256,512,1024], n_layers=[1,2,4], mb=[1,4,16,64])

def seconds(f, n):
    "Least time of `n` calls: what others do on the machine only ever adds"
    ts = []
    for _ in range(n):
        t = time.perf_counter()
        f()
        ts.append(time.perf_counter()-t)
    return min(ts)

def text(mb, folder):
    "A file of so many MB, Python's own source again and again"
    from charrnn_fa.everything import get_corpus
    piece,f = get_corpus('python').text.encode('ascii', 'ignore')[:1_000_000],Path(folder)/'text.txt'
    with open(f, 'wb') as o:
        for _ in range(mb): o.write(piece)
    return f

def one(a):
    "Seconds to open the text, microseconds a character of a training step, most memory in MB"
    from charrnn_fa.everything import CharDataLoaders, char_learner, time_step
    with tempfile.TemporaryDirectory() as d:
        f = text(a['mb'], d)
        t = time.perf_counter()
        dls = CharDataLoaders.from_corpus(f, bs=a['bs'], seq_len=a['seq_len'], device='cpu')
        opened = time.perf_counter()-t
        learn  = char_learner(dls, 'lstm', n_hid=a['n_hid'], n_layers=a['n_layers'], precision='fp32')
        b = dls.train.one_batch()
        for _ in range(2): time_step(learn.model, learn.loss_func, b, 'fp32')
        step = seconds(lambda: time_step(learn.model, learn.loss_func, b, 'fp32'), a['n'])
    return dict(open_s=opened, us_char=1e6*step/(a['bs']*a['seq_len']), peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)

def work(r):
    "Weights that a character passes through, in millions: what the time of a character may grow with"
    n = r['n_hid']
    return (4*n*(64+n)+(r['n_layers']-1)*8*n*n+65*n)/1e6

def verdicts(rows):
    "For each thing that grows, whether time a character, per weight, and memory, per MB of what is held, grow more than by half from first to last"
    for k in grid:
        a,b = ([r for r in rows if r['over']==k][i] for i in (0,-1))
        t,m = b['us_char']/work(b)/(a['us_char']/work(a)),(b['peak_mb']-a['peak_mb'])/(b[k]-a[k])
        yield f"- {k} from {a[k]} to {b[k]}: time a character and weight times {t:.2f}, {'no worse than linear' if t<=1.5 else '**worse than linear**'}; {m:.3g} MB more for each"

def plot(rows, out):
    "A row of plots: time a character above, memory below"
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    fig,axs = plt.subplots(2, len(grid), figsize=(3*len(grid), 5), layout='constrained')
    for j,k in enumerate(grid):
        sel = [r for r in rows if r['over']==k]
        xs  = [r[k] for r in sel]
        for ax,what,label in zip(axs[:,j], ('us_char','peak_mb'), ('µs a character','MB at the peak')):
            ax.plot(xs, [r[what] for r in sel], 'o-')
            ax.set(xscale='log', xlabel=k, ylabel='' if j else label, ylim=(0, None))
            ax.set_xticks(xs, [str(o) for o in xs], minor=False)     # a log axis would write powers of ten over each other
            ax.set_xticks([], minor=True)
    fig.savefig(out)

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--one', help='measure this one size, JSON; print JSON')
    ap.add_argument('--small', action='store_true', help='two sizes of each, to see that it runs')
    ap.add_argument('--mb', type=int, nargs='+', help='sizes of the text in MB, up to 2000')
    ap.add_argument('--out', help='folder for the table and the plot')
    a = ap.parse_args()
    if a.one: return print(json.dumps(one(json.loads(a.one))))
    if a.mb: grid['mb'] = a.mb
    head = f'{machine()}; an LSTM in fp32, {base}, one of them changed; least of 30 steps, forward and backward, each size in a process of its own'
    lines,rows = [head,'','| over | size | us a character | peak MB | s to open |','|---|---|---|---|---|'],[]
    print(*lines, sep='\n')
    for k,sizes in grid.items():
        for v in sizes[:2] if a.small else sizes:
            size = {**base, k:v, 'n':5 if a.small else 30}
            res  = subprocess.run([sys.executable, __file__, '--one', json.dumps(size)], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
            rows.append(dict(size, over=k, **json.loads(res)))
            lines.append(f"| {k} | {v} | {rows[-1]['us_char']:.2f} | {rows[-1]['peak_mb']:.0f} | {rows[-1]['open_s']:.2f} |")
            print(lines[-1], flush=True)
    lines += ['',*verdicts(rows)]
    print(*lines[-len(grid):], sep='\n')
    if not a.out: return
    save(lines, Path(a.out)/'scaling.md')
    plot(rows, Path(a.out)/'scaling.png')

if __name__=='__main__': main()
