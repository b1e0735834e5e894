"""How well a network draws: nats a drawing beside the best n-gram's and beside a mixture of Gaussians, as in sketch-rnn; share of whole faces by
temperature, share of copies, letters that can be read, pairs without labels. What the documentation quotes:

    python bench/draw.py                                                                 # the faces
    python bench/draw.py --n 6000 --n-hid 256 --steps 1500 --threads 1 --samples 200 --precision bf16 --alphabets points steps runs
    python bench/draw.py --n 12000 --n-hid 256 --steps 2000 --threads 1 --kind letters   # and --kind words
    python bench/draw.py --mixture 230                                                   # seconds of processor time, as the faces take"""
import argparse,json,re,time
from pathlib import Path
from collections import Counter
import torch,numpy as np
from fastai.basics import set_seed
from charrnn_fa.everything import *
from mixture import *

LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
WORDS = 'and are boy cat day eye far fog hat ink jam key leg man net oak pen red sea tea use van way yes zoo'.split()

def glyphs(names):
    "The strokes of each letter or word in a cursive Hershey font (`pip install Hershey-Fonts`), y downwards"
    from HersheyFonts import HersheyFonts
    font = HersheyFonts()
    font.load_default_font('scripts')
    return {c:[np.array(list(s), float) for s in font.strokes_for_text(c)] for c in names}

def written(n, names, seed=0):
    "Letters or words, each stretched and slanted by chance, and which each is"
    rng,known = np.random.default_rng(seed),glyphs(names)
    def one(c):
        turn,k = np.array([[1,0],[rng.normal(0, .12),1]]),rng.uniform(.8, 1.2, 2)
        return [s@turn*k+rng.normal(0, .2, s.shape) for s in known[c]]
    which = rng.choice(list(names), n)
    return get_drawings([one(c) for c in which]),which

def pixels_of(d): return np.unique(np.concatenate([stroke_pixels(s) for s in d]), axis=0)

def apart(a, b):
    "How far the pixels of two drawings lie from each other, on average, in pixels (chamfer distance)"
    far = np.hypot(*(a[:,None]-b[None]).transpose(2,0,1))                      # (pixels of a, pixels of b)
    return (far.min(1).mean()+far.min(0).mean())/2

def readable(samples, held, which, names):
    """Reads by the nearest glyph. A sample counts as readable if it lies as near to some glyph as 95 % of the held-out drawings lie to
    the glyph that they are read as, and nearer than to the next one by a tenth"""
    forms = {c:pixels_of(get_drawings([s])[0]) for c,s in glyphs(names).items()}
    def read(d):
        if not len(d): return '',np.inf,1.
        ds = {c:apart(pixels_of(d), f) for c,f in forms.items()}
        best,second = sorted(ds, key=ds.get)[:2]
        return best,ds[best],ds[best]/max(ds[second], 1e-9)
    true = [read(d) for d in held]
    far,got = np.quantile([d for _,d,_ in true], .95),[read(d) for d in samples]
    clear   = lambda rs: np.mean([d<=far and q<=.9 for _,d,q in rs])
    print(f'{np.mean([c==w for (c,_,_),w in zip(true, which)]):.1%} of {len(held)} held-out drawings are read as what they are; nearest glyph within {far:.2f} '
        f'pixels and clearly the nearest: {clear(true):.1%} of the held-out ones, {clear(got):.1%} of {len(got)} samples ({len({c for c,_,_ in got if c})} of {len(names)} kinds)')

def sheets(net, real, folder, seed=None):
    "Six PNG files of six pairs, a training drawing and a sample as A and B by chance; the key goes beside the folder"
    from matplotlib.figure import Figure
    folder,swap,key = Path(folder),np.random.default_rng(seed),{}
    folder.mkdir(parents=True, exist_ok=True)
    for page in range(6):
        fig = Figure(figsize=(12,9.5), dpi=110, layout='constrained')
        for i,pair in enumerate(fig.subplots(3, 4).reshape(6, 2), 6*page):
            key[i+1] = which = str(swap.choice(['A','B']))
            for ax,nm in zip(pair, 'AB'): show_on(ax, (net if nm==which else real)[i], f'{i+1} {nm}')
        fig.savefig(folder/f'pairs_{page+1}.png')
    (folder.parent/'key.json').write_text(json.dumps(dict(drawn_by_the_network=key), indent=1))

def show_on(ax, d, title):
    for s in d: ax.plot(*s.T, color=INK, lw=2, marker='o' if len(s)==1 else '', ms=2, solid_capstyle='round', solid_joinstyle='round')
    ax.set(xlim=(-2,65), ylim=(65,-2), aspect='equal', xticks=[], yticks=[], title=title)

def ngram(dls, per):
    "Best n-gram: nats a drawing, and its order"
    ls = ngram_losses(dls.train.codes, dls.valid.codes, len(dls.vocab), 8)
    return min(ls)*per,int(np.argmin(ls))

def made(learn, n, held, copies, faced):
    "Samples by temperature, `n` at 0.3 and 0.5 and a fifth of that above; whole drawings, faces and copies among them are printed"
    res = {}
    for t in (.3,.5,.7,1.):
        start = time.perf_counter()
        ds,m = [],n if t in (.3,.5) else n//5
        for i in range(0, m, 100): ds += learn.draw(min(100, m-i), temperature=t, seed=i, max_len=3000)
        why = Counter(re.sub(r'\S*\d\S*', '#', check_face(o) if faced else o.wrong) or 'good' for o in ds)
        share = [copies.share(o) for o in ds] if copies else [0]
        print(f'temperature {t}: {why["good"]/m:.1%} of {m} {"are faces" if faced else "are spelled well"}, {np.mean([s>.5 for s in share]):.1%} copied (mean share '
            f'{np.mean(share):.3f}), {time.perf_counter()-start:.0f} s; {dict(why.most_common(5))}', flush=True)
        res[t] = ds
    return res

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--kind', default='faces', choices=['faces','letters','words'])
    ap.add_argument('--alphabets', nargs='*', default=['points'], choices=[*ALPHABETS])
    numbers = dict(n=24000, samples=500, n_hid=448, bs=32, seq_len=64, steps=3600, threads=2, seed=0)
    for nm,d in numbers.items(): ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    ap.add_argument('--out', help='folder for the grids, as HTML, and the model')
    ap.add_argument('--mixture', type=float, help='train a mixture of Gaussians in place of a network that spells, for so many seconds of processor time')
    ap.add_argument('--judge', help='folder for 36 pairs of a training face and a sample as PNG; key.json goes beside it')
    ap.add_argument('--precision', default='auto', help='as `char_learner` takes it; the faces in the docs were made in bf16')
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    start = time.perf_counter()
    a.names = dict(letters=LETTERS, words=WORDS).get(a.kind)
    ds,a.which = (faces(a.n, a.seed),None) if a.kind=='faces' else written(a.n, a.names, a.seed)
    held = ds[-a.n//10:]
    print(f'{a.n} {a.kind} made in {time.perf_counter()-start:.0f} s, {np.mean([len(o) for o in ds]):.1f} strokes each', flush=True)
    if a.kind=='faces': print(f'{np.mean([not check_face(o) for o in held]):.2%} of {len(held)} held-out faces pass the checker')
    if a.mixture: mixture(a, ds[:-a.n//10], held)
    else:
        for alpha in a.alphabets: run(a, ds, held, alpha)

def mixture(a, ds, held):
    "Nats a drawing, and whole drawings, of sketch-rnn's way to draw"
    net,steps = train_mixture([rows_of(o) for o in ds], a.mixture, a.n_hid, a.bs, seed=a.seed)
    print(f'mixture of {N_MIX} Gaussians, lstm {a.n_hid}, {steps} steps of {a.bs} drawings, {a.mixture:.0f} s of processor time: '
        f'{nats_a_drawing(net, [rows_of(o) for o in held]):.1f} nats a drawing', flush=True)
    for t in (.1,.3,.5,1.):
        got = draw_mixture(net, a.samples, t, a.seed)
        why = Counter(re.sub(r'\S*\d\S*', '#', check_face(o)) or 'good' for o in got)
        print(f'temperature {t}: {why["good"]/len(got):.1%} of {len(got)} are faces, {sum(not o for o in got)/len(got):.1%} unfinished; {dict(why.most_common(4))}', flush=True)

def run(a, ds, held, alpha):
    set_seed(a.seed)
    dls = CharDataLoaders.from_drawings(ds, alpha, bs=a.bs, seq_len=a.seq_len, device='cpu')
    per = len(dls.valid.codes)/sum(dls.vocab.decode(dls.valid.codes).count(c) for c in '\n')
    best,order = ngram(dls, per)
    learn = char_learner(dls, 'lstm', n_hid=a.n_hid, precision=a.precision)
    start,cpu = time.perf_counter(),time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(a.steps)
    secs,cpu = time.perf_counter()-start,time.process_time()-cpu
    ev = learn.evaluate()
    print(f'\n{alpha}: {per:.0f} characters a drawing; {a.steps} steps of {a.bs} x {a.seq_len}, lstm {a.n_hid} in {learn.precision}, {secs:.0f} s ({cpu:.0f} s of processor time)\n'
        f'{ev.nats:.4f} nats a character, {ev.nats*per:.1f} a drawing; best n-gram (order {order}) {best:.1f}', flush=True)
    copies = DrawingCopies(ds[:-a.n//10]) if alpha=='points' else None
    if copies: print(f'share of a held-out drawing found in one training drawing: mean {np.mean([copies.share(o) for o in held[:200]]):.3f}')
    got = made(learn, a.samples, held, copies, a.kind=='faces')
    for t in (.3,.5) if a.names else (): readable(got[t], held[:500], a.which[-a.n//10:][:500], a.names)
    if a.judge: sheets(got[.5][:36], ds[:36], a.judge)
    if a.out: keep(a, learn, ds, got[.5], alpha)

def keep(a, learn, ds, got, alpha):
    "Two grids without labels, the samples as text, and the model"
    out,swap = Path(a.out),np.random.default_rng().random()<.5
    out.mkdir(parents=True, exist_ok=True)
    for nm,x in zip('ab', (ds[:36],got[:36])[::-1 if swap else 1]): draw_grid(x).save(out/f'{a.kind}_{alpha}_{nm}.html')
    (out/f'{a.kind}_{alpha}_key.txt').write_text(f'the network drew {"a" if swap else "b"}\n')
    (out/f'{a.kind}_{alpha}_samples.txt').write_text(''.join(o.text for o in got), encoding='utf-8')
    write_bytes(out/f'{a.kind}_{alpha}.model', model_bytes(learn))

if __name__=='__main__': main()
