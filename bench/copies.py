"How long `memorised` takes, by the length of the text and of the sample"
import argparse,time
import numpy as np
from charrnn_fa.use.copies import *

def text(rng, n):
    "Words of a random language of 8,000, common ones more often"
    words = [''.join(rng.choice(list('etaoinshrdlucmfwypvbgk'), rng.integers(2, 9))) for _ in range(8000)]
    p = 1/np.arange(1, 8001)
    return ' '.join(words[i] for i in rng.choice(8000, n//5, p=p/p.sum()))[:n]

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--mb', type=float, nargs='+', default=[1,2,4,8])
    a = ap.parse_args()
    rng,source = np.random.default_rng(0),None
    source = text(rng, int(max(a.mb)*1e6))
    print('| text | sample | seconds of processor | longest |\n|---|---|---|---|')
    for mb in a.mb:
        for n in (400,2000,20_000):
            sample = text(np.random.default_rng(1), n//2)+source[1000:1000+n//2]
            t = time.process_time()
            c = memorised(sample, source[:int(mb*1e6)])
            print(f'| {mb:g} MB | {n:,} | {time.process_time()-t:.3f} | {len(c.longest):,} |')

if __name__=='__main__': main()
