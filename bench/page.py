"""Size, loss and speed of a page in Chromium, beside the limits: `python bench/page.py [RUN]`

Without a run, a model of the default size is trained for `--minutes` on Shakespeare first. Speed is measured on one core of a machine that does
nothing else: steps a second of the bare network, characters a second as the page writes them, with WebAssembly and with plain JavaScript."""
import argparse,sys,tempfile,time
from pathlib import Path
import numpy as np
from playwright.sync_api import sync_playwright
from charrnn_fa.everything import *
from charrnn_fa.text.ngrams import Counts
from charrnn_fa.counted import Counted

sys.path.insert(0, str(Path(__file__).parent.parent/'tests'))
from conftest import chromium, quiet

def args():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('run', nargs='?', help='folder of a run on Shakespeare')
    p.add_argument('--minutes', type=float, default=2., help='how long to train where no run is given')
    p.add_argument('--order', type=int, default=7, help='order of the counts for the page with counts')
    return p.parse_args()

def get_model(a):
    if a.run: return load_trained(Path(a.run)/'model.safetensors')
    learn = char_learner(CharDataLoaders.from_corpus('shakespeare', bs=16, seq_len=32))
    learn.fit_minutes(a.minutes)
    fn = Path(tempfile.mkdtemp())/'model.safetensors'
    fn.write_bytes(model_bytes(learn))
    return load_trained(fn)

def macs(c):
    "Multiplications of weights a character: recurrent sides, input sides above the first layer (whose is a table), head"
    gates = dict(rnn=1, gru=3, lstm=4, mingru=2)[c['cell']]
    h,n = c['n_hid'],c['n_layers']
    return (0 if c['cell']=='mingru' else n*gates*h*h)+(n-1)*gates*h*h+h*c['n_vocab']

def writing(page, n=5000):
    "Characters a second from the click to the last one, all of it: network, draw, five rivals each, pieces sent, text shown"
    page.evaluate('n => { document.querySelector("details").open = true; document.getElementById("length").value = n }', n)
    page.select_option('#pace', '0')
    page.keyboard.press('Escape')
    t = time.perf_counter()
    page.click('#go')
    page.wait_for_selector('#text[aria-busy=false]')
    return n/(time.perf_counter()-t)

def open_page(browser, src):
    "The page, seconds until it is ready, and its self-test"
    with tempfile.NamedTemporaryFile('w', suffix='.html', encoding='utf-8', delete=False) as f: f.write(src)
    page = browser.new_context(offline=True).new_page()
    page.goto(Path(f.name).as_uri())
    page.wait_for_selector('body[data-ready]')
    secs = page.evaluate('performance.now()')/1000
    page.wait_for_selector('#text[aria-busy=true]')
    return page,secs,page.inner_text('#test')

def speeds(page):
    "Steps a second with and without WebAssembly, the best of three"
    res = {}
    for simd in (False,True):
        page.evaluate('simd => charrnn.ask({kind:"load", spec:charrnn.spec, weights:document.getElementById("weights").textContent, simd})', simd)
        res[simd] = max(page.evaluate('charrnn.ask({kind:"speed", ms:1500})')['rate'] for _ in range(3))
    return res

def report(browser, name, tm, valid):
    src  = page_html(tm)
    same = page_ready(tm).model
    page,secs,test = open_page(browser, src)
    page.keyboard.press('Escape')
    rate,shown,n = speeds(page),writing(page),macs(getattr(tm.model, 'cell', tm.model).config)
    a,b = evaluate_codes(tm.model, valid),evaluate_codes(same, valid)
    print(f'{name}: {n_params(tm.model):,} parameters, page of {len(src.encode())/1e6:.2f} MB, opened in {secs:.2f} s. {test}')
    print(f'  loss {a.nats:.4f} nats, on the page {b.nats:.4f}: {b.nats-a.nats:+.5f}, over {a.n:,} characters')
    for simd,r in rate.items():
        print(f"  {'WebAssembly SIMD' if simd else 'plain loops     '}: {r:,.0f} characters/s, {r*n/1e9:.2f} thousand million multiplications/s ({n:,} a character)")
    print(f'  as the page writes and shows them: {shown:,.0f} characters/s')
    page.context.close()

def main():
    a  = args()
    tm = get_model(a)
    s  = get_stream(get_corpus('shakespeare'), vocab=tm.vocab)
    train,valid = (s[o].codes for o in PositionSplitter('nanogpt')(s))
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium(), args=quiet)
        print(f'Chromium {browser.version}')
        report(browser, 'cell', tm, valid)
        both = TrainedModel(Counted(tm.model, Counts.from_codes(np.asarray(train), len(tm.vocab), a.order), 0.7).eval(), tm.vocab, tm.info)
        report(browser, f'cell and counts of order {a.order}', both, valid)
        browser.close()
    print(f'engine {len(page_asset("engine.js")):,} bytes, page {len(page_asset("page.js")):,}, style {len(page_asset("page.css")):,}')

def page_asset(nm):
    import charrnn_fa.share
    return (Path(charrnn_fa.share.__file__).parent/nm).read_text(encoding='utf-8')

if __name__=='__main__': main()
