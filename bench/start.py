"""How long the command takes to start: `charrnn sample RUN -n 200` and `charrnn --help` as processes, beside `python -c "import torch"`.

python bench/start.py [--run runs/demo]
Goals: the sample within 1.6 times the import of torch, the help within 0.35 times. The best of several, in turn."""
import argparse, subprocess, sys, tempfile, time
from common import *

code = 'import sys; from charrnn_fa.cli import main; sys.exit(main())'

def secs(*args):
    t = time.perf_counter()
    subprocess.run([sys.executable,'-c',*args], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter()-t

def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--run', help='a run to sample from; one is trained for a moment if none is given')
    p.add_argument('--n', type=int, default=7)
    p.add_argument('--out', help='file for the table')
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d: report(a, a.run or trained(d))

def trained(d):
    "A run of a few steps, of the size that `char_learner` chooses"
    subprocess.run([sys.executable,'-c',code,'train','python','--run',f'{d}/run','--minutes','0.05','--n-hid','448'], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f'{d}/run'

def report(a, run):
    what = {'import torch':('import torch',), 'charrnn sample RUN -n 200':(code,'sample',run,'-n','200'), 'charrnn --help':(code,'--help')}
    best = {k:min(o) for k,o in zip(what, zip(*[[secs(*v) for v in what.values()] for _ in range(a.n)]))}
    lines = [f'{machine()}; the least of {a.n}, in turn', '', '| process | seconds | times import torch | goal |','|---|---|---|---|']
    for (k,v),goal in zip(best.items(), (None,1.6,0.35)): lines.append(f'| `{k}` | {v:.2f} | {v/best["import torch"]:.2f} | {judged(v/best["import torch"], goal)} |')
    print(*lines, sep='\n')
    save(lines, a.out)

if __name__=='__main__': main()
