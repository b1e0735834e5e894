"Training on against training from scratch, for the same seconds: `python bench/finetune.py --seconds 60` prints a table; `--base FILE` takes a trained model"
import argparse, io, pydoc, time
from contextlib import redirect_stdout
from pydoc_data.topics import topics
from fastai.basics import set_seed
from charrnn_fa.everything import *

def prose(n):
    "`n` characters of the standard library's help: its topics, then the documentation of modules"
    parts = [topics[k] for k in sorted(topics)]
    for nm in ('argparse','asyncio','collections','decimal','email.message','logging','pathlib','socket','subprocess','threading','typing','unittest','zipfile'):
        if sum(map(len, parts))>n: break
        parts.append(pydoc.plaintext.document(pydoc.locate(nm)))
    return '\n'.join(parts)[:n]

def learner(text, arch, seed, **kwargs):
    set_seed(seed)
    dls = CharDataLoaders.from_text(text, bs=32, seq_len=64, split=0.1)
    with redirect_stdout(io.StringIO()): return char_learner(dls, arch, precision='fp32', **kwargs)

def main():
    p = argparse.ArgumentParser()
    p.add_argument('--seconds', type=float, default=60)
    p.add_argument('--base', help='a file of `save_trained`; by default Shakespeare is learnt for twice the seconds')
    p.add_argument('--sizes', type=int, nargs='+', default=[20_000,100_000,1_000_000])
    p.add_argument('--n_hid', type=int, default=256)
    a = p.parse_args()
    if a.base: base = load_trained(a.base)
    else:
        base = char_learner(CharDataLoaders.from_corpus('shakespeare', bs=32, seq_len=64), 'lstm', n_hid=a.n_hid, precision='fp32')
        with base.no_bar(): base.fit_minutes(2*a.seconds/60)
    cfg = dict(n_hid=bare_model(base.model).config['n_hid'], n_layers=bare_model(base.model).config['n_layers'])
    print('characters | untouched | from scratch | all at once | head first | seconds\n---|---|---|---|---|---')
    for n in a.sizes:
        text,row,start = prose(n),[],time.perf_counter()
        row.append(learner(text, base, 0).evaluate().nats)
        for arch,verb,kw in ((bare_model(base.model).config['cell'],'fit_minutes',cfg), (base,'fit_minutes',{}), (base,'fine_tune_minutes',{})):
            learn = learner(text, arch, 0, **kw)
            with learn.no_bar(), learn.no_logging(), redirect_stdout(io.StringIO()): getattr(learn, verb)(a.seconds/60)
            row.append(learn.evaluate().nats)
        print(f'{len(text):,} | '+' | '.join(f'{o:.3f}' for o in row)+f' | {time.perf_counter()-start:.0f}', flush=True)

if __name__=='__main__': main()
