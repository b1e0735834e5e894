"Seconds to import the package, beside fastai's own import: best of `n` fresh interpreters each, in turn"
import subprocess, sys
from time import perf_counter

def secs(code):
    "Wall-clock seconds of an interpreter that runs `code`"
    t = perf_counter()
    subprocess.run([sys.executable, '-c', code], check=True)
    return perf_counter()-t

def main(n=3):
    codes = 'import fastai.text.all','from charrnn_fa import *'
    secs(codes[1])
    ts = [[secs(o) for o in codes] for _ in range(n)]
    base,ours = map(min, zip(*ts))
    print(f'fastai.text.all {base:.2f} s, charrnn_fa {ours:.2f} s, difference {ours-base:+.2f} s (goal: at most +0.30)')

if __name__=='__main__': main(*map(int, sys.argv[1:]))
