"MB/s of encode_corpus from disk to the cache against a Python dict comprehension, and the memory it takes"
import argparse,json,os,resource,sys,tempfile,time
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent.parent))

p = argparse.ArgumentParser(description=__doc__)
p.add_argument('--mb', type=int, default=2000, help='size of the file, in millions of bytes')
p.add_argument('--dir', help='where to write it and the codes, on a disk with room for twice the size; a temporary folder if not given')
p.add_argument('--text', default='To be, or not to be: that is the question.\n', help='what to fill it with, over and over')
p.add_argument('--json', action='store_true', help='print one JSON object instead of a table')

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/(1e6 if sys.platform=='darwin' else 1e3)

def timed(f):
    t = time.perf_counter()
    return f(),time.perf_counter()-t

def fill(fn, text, mb):
    block = text*(1_000_000//len(text.encode())+1)
    with open(fn, 'w', encoding='utf-8', newline='') as f:
        while f.tell()<mb*1_000_000: f.write(block)

def measure(d, text, mb):
    from charrnn_fa.text.corpus import get_corpus
    from charrnn_fa.text.stream import encode_corpus
    fn = Path(d)/'encode_bench.txt'
    fill(fn, text, mb)
    try:
        size,before = fn.stat().st_size/1e6,peak()
        (codes,vocab),t = timed(lambda: encode_corpus(get_corpus(fn), cache=Path(d)/'encode_bench'))
        after = peak()
        _,t_again = timed(lambda: encode_corpus(get_corpus(fn), cache=Path(d)/'encode_bench'))
        with open(fn, encoding='utf-8', newline='') as f: sample = f.read(5_000_000)
        slow,t_dict = timed(lambda: [vocab.stoi[c] for c in sample])
        fast,t_mem  = timed(lambda: vocab.encode(sample))
        if slow!=fast.tolist() or slow!=codes[:len(slow)].tolist(): raise SystemExit('the three ways do not agree')
        mb = len(sample.encode())/1e6
        return dict(size_mb=size, n=len(codes), to_disk_mb_s=size/t, again_s=t_again, in_memory_mb_s=mb/t_mem, dict_mb_s=mb/t_dict,
            peak_mb=after, grown_mb=after-before)
    finally:
        for o in [fn, *(Path(d)/'encode_bench').glob('*')]: o.unlink(missing_ok=True)

def show(r):
    print(f"{r['size_mb']:,.0f} MB, {r['n']:,} characters, {os.cpu_count()} cores")
    for k,s in dict(to_disk_mb_s='encode_corpus, two passes, disk to disk', in_memory_mb_s='CharVocab.encode, in memory',
        dict_mb_s='[stoi[c] for c in text]').items(): print(f'{s:40} {r[k]:9,.1f} MB/s')
    print(f"{'found in the cache again':40} {r['again_s']*1000:9,.1f} ms")
    print(f"{'peak memory, of which grown by encoding':40} {r['peak_mb']:9,.0f} MB, {r['grown_mb']:,.0f} MB")

if __name__=='__main__':
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d: r = measure(a.dir or d, a.text, a.mb)
    print(json.dumps(r)) if a.json else show(r)
