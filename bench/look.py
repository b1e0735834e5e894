"How long a view of 2,000 characters takes to render, its size, and what watching costs a fit"
import argparse,time
from charrnn_fa.everything import *
from charrnn_fa.look.surprise import read_text

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(n_hid=448, steps=2000, n=2000).items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    a = ap.parse_args()
    dls = CharDataLoaders.from_corpus('shakespeare', bs=16, seq_len=32)
    learn = char_learner(dls, 'lstm', n_hid=a.n_hid)
    text,codes = dls.vocab.decode(dls.valid.codes[:a.n]),dls.valid.codes[:a.n]
    r = read_text(learn.model, codes)
    secs = []
    for _ in range(5):
        t = time.perf_counter()
        size = len(Surprise(text, r, dls.vocab)._repr_html_().encode())
        secs.append(time.perf_counter()-t)
    print(f'{a.n:,} characters: rendered in {1e3*min(secs):.0f} ms, {size/1e3:.0f} kB')
    cb = ShowSamples(show=False)
    draw,spent = cb.after_batch,[0.]
    def timed():
        t = time.perf_counter()
        draw()
        spent[0] += time.perf_counter()-t
    cb.after_batch = timed
    t = time.perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps, cbs=cb)
    t = time.perf_counter()-t
    print(f'{a.steps:,} steps in {t:.1f} s, of which {spent[0]:.2f} s = {spent[0]/t:.2%} went into {len(cb.samples)} samples')

if __name__=='__main__': main()
