"How well a network draws: nats a drawing beside the best n-gram's, share of whole faces by temperature, share of copies, and two grids without labels"
import argparse,re,time
from pathlib import Path
from collections import Counter
import torch,numpy as np
from fastai.basics import set_seed
from charrnn_fa.everything import *

def written(n, seed=0):
    "Cursive letters from a Hershey font (`pip install Hershey-Fonts`), each stretched and slanted by chance"
    from HersheyFonts import HersheyFonts
    font,rng = HersheyFonts(),np.random.default_rng(seed)
    font.load_default_font('scripts')
    glyphs = [[np.array(list(s), float)*[1,-1] for s in font.strokes_for_text(c)] for c in 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']
    def one():
        turn = np.array([[1,0],[rng.normal(0, .12),1]])
        k = rng.uniform(.8, 1.2, 2)
        return [s@turn*k+rng.normal(0, .2, s.shape) for s in glyphs[rng.integers(len(glyphs))]]
    return get_drawings([one() for _ in range(n)])

def ngram(dls, per):
    "Best n-gram: nats a drawing, and its order"
    ls = ngram_losses(dls.train.codes, dls.valid.codes, len(dls.vocab), 8)
    return min(ls)*per,int(np.argmin(ls))

def made(learn, n, held, copies, faced):
    "Whole drawings, faces and copies among `n` samples of each temperature"
    for t in (.3,.5,.7,1.):
        start = time.perf_counter()
        ds,m = [],n if t==.5 else n//5
        for i in range(0, m, 100): ds += learn.draw(min(100, m-i), temperature=t, seed=i, max_len=3000)
        why = Counter(re.sub(r'\S*\d\S*', '#', check_face(o) if faced else o.wrong) or 'good' for o in ds)
        share = [copies.share(o) for o in ds] if copies else [0]
        print(f'temperature {t}: {why["good"]/m:.1%} of {m} {"are faces" if faced else "are spelled well"}, {np.mean([s>.5 for s in share]):.1%} copied (mean share '
            f'{np.mean(share):.3f}), {time.perf_counter()-start:.0f} s; {dict(why.most_common(5))}', flush=True)
        if t==.5: best = ds
    return best

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--kind', default='faces', choices=['faces','letters'])
    ap.add_argument('--alphabets', nargs='*', default=['points'], choices=[*ALPHABETS])
    numbers = dict(n=24000, samples=500, n_hid=448, bs=32, seq_len=64, steps=3000, threads=2, seed=0)
    for nm,d in numbers.items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    ap.add_argument('--out', help='folder for the grids, as HTML, and the model')
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    start = time.perf_counter()
    ds = faces(a.n, a.seed) if a.kind=='faces' else written(a.n, a.seed)
    held = ds[-a.n//10:]
    print(f'{a.n} {a.kind} made in {time.perf_counter()-start:.0f} s, {np.mean([len(o) for o in ds]):.1f} strokes each', flush=True)
    if a.kind=='faces': print(f'{np.mean([not check_face(o) for o in held]):.2%} of {len(held)} held-out faces pass the checker')
    for alpha in a.alphabets: run(a, ds, held, alpha)

def run(a, ds, held, alpha):
    set_seed(a.seed)
    dls = CharDataLoaders.from_drawings(ds, alpha, bs=a.bs, seq_len=a.seq_len, device='cpu')
    per = len(dls.valid.codes)/sum(dls.vocab.decode(dls.valid.codes).count(c) for c in '\n')
    best,order = ngram(dls, per)
    learn = char_learner(dls, 'lstm', n_hid=a.n_hid, precision='fp32')
    start,cpu = time.perf_counter(),time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps)
    secs,cpu = time.perf_counter()-start,time.process_time()-cpu
    ev = learn.evaluate()
    print(f'\n{alpha}: {per:.0f} characters a drawing; {a.steps} steps of {a.bs} x {a.seq_len}, lstm {a.n_hid}, {secs:.0f} s ({cpu:.0f} s of processor time)\n'
        f'{ev.nats:.4f} nats a character, {ev.nats*per:.1f} a drawing; best n-gram (order {order}) {best:.1f}', flush=True)
    copies = DrawingCopies(ds[:-a.n//10]) if alpha=='points' else None
    if copies: print(f'share of a held-out drawing found in one training drawing: mean {np.mean([copies.share(o) for o in held[:200]]):.3f}')
    got = made(learn, a.samples, held, copies, a.kind=='faces')
    if not a.out: return
    out,swap = Path(a.out),np.random.default_rng().random()<.5
    out.mkdir(parents=True, exist_ok=True)
    for nm,x in zip('ab', (ds[:36],got[:36])[::-1 if swap else 1]): draw_grid(x).save(out/f'{a.kind}_{alpha}_{nm}.html')
    (out/f'{a.kind}_{alpha}_key.txt').write_text(f'the network drew {"a" if swap else "b"}\n')
    (out/f'{a.kind}_{alpha}_samples.txt').write_text(''.join(o.text for o in got), encoding='utf-8')
    write_bytes(out/f'{a.kind}_{alpha}.model', model_bytes(learn))

if __name__=='__main__': main()
