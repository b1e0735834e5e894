"Encoding of a large file: MB/s and peak memory, against a Python dict comprehension"
import argparse,os,resource,tempfile,time
import numpy as np
from pathlib import Path
from charrnn_fa.corpus import get_corpus
from charrnn_fa.vocab import encode_corpus

def make(fn, mb):
    "A file of `mb` megabytes of words"
    rng = np.random.default_rng(0)
    block = ''.join(rng.choice(list('etaoin shrdlu\ncmfwypvbgkjqxz,.'), 1_000_000))
    with open(fn, 'w') as f:
        for _ in range(mb): f.write(block)
    return block

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--mb', type=int, default=2000)
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as d:
        os.environ['CHARRNN_CACHE'] = d
        block = make(Path(d)/'big.txt', a.mb)
        before,start = peak(),time.perf_counter()
        codes,vocab = encode_corpus(get_corpus(Path(d)/'big.txt'))
        secs = time.perf_counter()-start
        print(f'{a.mb} MB to disk, counting the characters first: {a.mb/secs:,.0f} MB/s, peak memory {peak():,.0f} MB ({before:,.0f} MB before)')
        assert len(codes)==a.mb*1_000_000 and vocab.decode(codes[-1000:])==block[-1000:]
        start = time.perf_counter()
        for _ in range(20): vocab.encode(block)
        ours = 20/(time.perf_counter()-start)
        start = time.perf_counter()
        [vocab.stoi[c] for c in block]
        peer = 1/(time.perf_counter()-start)
        print(f'in memory: look-up table {ours:,.0f} MB/s, dict comprehension {peer:,.0f} MB/s, {ours/peer:,.0f} times')

if __name__=='__main__': main()
