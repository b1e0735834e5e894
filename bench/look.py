"How long a view of 2,000 characters takes to render, its size, and what watching costs a fit, in processor time"
import argparse,time
from charrnn_fa.everything import *
from charrnn_fa.look import samples as _samples
from charrnn_fa.look.trace import trace

def counted(cb):
    "Let a callback count the processor time of its `after_batch` and `after_fit`"
    cb.cost = 0.
    def _counting(f):
        def _inner():
            t = time.process_time()
            f()
            cb.cost += time.process_time()-t
        return _inner
    for o in ('after_batch','after_fit'): setattr(cb, o, _counting(getattr(cb, o)))
    return cb

def rendered(make):
    "The least of five times to make a view and render it, and its size"
    secs = []
    for _ in range(5):
        t = time.process_time()
        size = len(make()._repr_html_().encode())
        secs.append(time.process_time()-t)
    return f'rendered in {1e3*min(secs):.0f} ms (goal 200), {size/1e3:.0f} kB (goal 300)'

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(n_hid=512, steps=6000, n=2000).items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    a = ap.parse_args()
    dls = CharDataLoaders.from_corpus('shakespeare', bs=16, seq_len=32)
    learn = char_learner(dls, 'lstm', n_hid=a.n_hid)
    text,codes = dls.vocab.decode(dls.valid.codes[:a.n]),dls.valid.codes[:a.n]
    r,held,pulls = read_text(learn.model, codes),unit_values(trace(learn.model, codes)),pull(learn.model, codes)
    views = dict(surprise=lambda: Surprise(text, r, dls.vocab), neurons=lambda: Neurons(text, held), looks_back=lambda: LooksBack(text, pulls))
    for nm,f in views.items(): print(f'{nm} of {a.n:,} characters:', rendered(f))
    _samples.in_notebook = lambda: True                                    # draw as a notebook would
    cbs = [counted(o) for o in (ShowSamples(), ShowLoss())]
    wall,t = time.time(),time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps, cbs=cbs)
    t = time.process_time()-t
    print(f'{a.steps:,} steps: {t:.1f} s of processor time in {time.time()-wall:.1f} s')
    for o in cbs: print(f'{o.name}: {o.cost:.2f} s, {o.cost/t:.2%}')

if __name__=='__main__': main()
