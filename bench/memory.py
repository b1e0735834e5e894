"Memory and time with a text larger than what one wants in memory: train, evaluate, resume, and open it a second time. `python bench/memory.py --gb 2`"
import argparse, json, os, resource, subprocess, sys, tempfile, time
from pathlib import Path

p = argparse.ArgumentParser(description=__doc__)
p.add_argument('--gb', type=float, default=2., help='size of the text in 10^9 bytes')
p.add_argument('--steps', type=int, default=40)
p.add_argument('--child', help=argparse.SUPPRESS)
a = p.parse_args()

def child(folder):
    "What is measured, in a process of its own: `folder` holds text.txt, the cache and the run"
    from charrnn_fa.everything import CharDataLoaders, Resume, char_learner
    t0 = time.perf_counter()
    valid = str(1/(1e3*a.gb))                                            # a million characters: more would take time, not memory
    dls = CharDataLoaders.from_corpus(folder/'text.txt', bs=16, seq_len=64, split=valid, device='cpu')
    opened = time.perf_counter()-t0
    learn = char_learner(dls, 'gru', n_hid=64, precision='fp32')
    t1 = time.perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps, cbs=Resume(folder/'run', every=10))
    fitted = time.perf_counter()-t1
    ev = learn.evaluate()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss*(1 if sys.platform=='darwin' else 1024)
    print(json.dumps(dict(open_s=round(opened, 2), fit_s=round(fitted, 2), nats=round(ev.nats, 4), peak_mb=round(peak/1e6))))

def make(path):
    "A text of the wanted size, from words that a small generator puts together"
    import random
    rng = random.Random(0)
    words = [''.join(rng.choices('etaoinshrdlu', k=rng.randint(1, 9))) for _ in range(5000)]
    block = ' '.join(rng.choices(words, k=200_000)).encode()
    with open(path, 'wb') as f:
        while f.tell()<a.gb*1e9: f.write(block)

if a.child: child(Path(a.child))
else:
    with tempfile.TemporaryDirectory() as d:
        make(Path(d)/'text.txt')
        env = dict(os.environ, CHARRNN_CACHE=str(Path(d)/'cache'))
        for what in ('first time, encoding it', 'again, resuming'):
            cmd = [sys.executable, __file__, '--child', d, '--gb', str(a.gb), '--steps', str(a.steps if what[0]=='f' else 2*a.steps)]
            if what[0]=='a': cmd[-1] = str(a.steps)
            out = subprocess.run(cmd, env=env, check=True, capture_output=True, text=True).stdout
            print(f'{a.gb:g} GB, {what}: {out.splitlines()[-1]}', flush=True)
