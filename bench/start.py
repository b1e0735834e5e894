"""How long the command takes to start: `charrnn sample RUN -n 200` and `charrnn --help` as processes, beside `python -c "import torch"`.

python bench/start.py --run runs/demo
Goals: the sample within 1.6 times the import of torch, the help within 0.35 times. The best of several, in turn."""
import argparse, subprocess, sys, time

code = 'import sys; from charrnn_fa.cli import main; sys.exit(main())'

def secs(*args):
    t = time.perf_counter()
    subprocess.run([sys.executable,'-c',*args], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter()-t

def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--run', default='runs/demo')
    p.add_argument('--n', type=int, default=7)
    a = p.parse_args()
    what = {'import torch':('import torch',), 'charrnn sample RUN -n 200':(code,'sample',a.run,'-n','200'), 'charrnn --help':(code,'--help')}
    best = {k:min(o) for k,o in zip(what, zip(*[[secs(*v) for v in what.values()] for _ in range(a.n)]))}
    print('| process | seconds | times import torch |\n|---|---|---|')
    for k,v in best.items(): print(f'| `{k}` | {v:.2f} | {v/best["import torch"]:.2f} |')

if __name__=='__main__': main()
