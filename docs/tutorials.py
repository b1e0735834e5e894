"""Run tutorials as a reader does, in JupyterLab in a browser, Run all and Run all again: `python docs/tutorials.py [NAME ...] [--shots FOLDER] [--short]`

Each must reach its end without an error or a warning, both times; the second time, what was trained is there already where there is a run."""
import argparse, shutil, sys, tempfile, time
from pathlib import Path
from sidebar import root, sections
sys.path.insert(0, str(root/'tests'))
from conftest import chromium, quiet
from test_jupyter import Page, jupyterlab
from playwright.sync_api import sync_playwright

def lessons():
    "The notebooks that a reader runs from the first cell to the last"
    return [o for sec,nbs in sections() if sec in ('Get started','Tutorials') for o in nbs if o!='index.ipynb']

def warnings(page): return [''.join(o['text'])[:200] for o in page.outputs() if o.get('name')=='stderr']

def once(page, secs):
    "Run all, and what came of it"
    start = time.time()
    page.run_all()
    page.wait(secs)
    return dict(secs=time.time()-start, errors=page.errors(), warnings=warnings(page))

def twice(browser, url, name, shots, secs=1800):
    "Run all in a fresh kernel, and again in another, as somebody does who comes back the next day"
    page = Page(browser, url, name)
    res  = [once(page, secs)]
    page.pg.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    page.ready()
    res.append(once(page, secs))
    if shots: page.pg.screenshot(path=f'{shots}/{name}.png')
    page.pg.close()
    return res

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('names', nargs='*', help='such as `look_inside`; all by default')
    p.add_argument('--shots', help='a folder for a screenshot of each')
    p.add_argument('--short', action='store_true', help='small networks and few steps, as in the tests')
    a = p.parse_args()
    chosen = [o for o in lessons() if not a.names or Path(o).stem in a.names]
    if len(chosen)<len(a.names): p.error(f'{", ".join(a.names)}: there are {", ".join(Path(o).stem for o in lessons())}')
    bad = 0
    with tempfile.TemporaryDirectory() as d, sync_playwright() as pw:
        d = Path(d)
        for o in chosen: shutil.copy2(root/'nbs'/o, d)
        browser = pw.chromium.launch(executable_path=chromium(), args=quiet)
        with jupyterlab(d, **({'IN_TEST':'1'} if a.short else {})) as url:
            for o in chosen:
                nm  = Path(o).stem
                res = twice(browser, url, nm, a.shots)
                said = [x for r in res for x in r['errors']+r['warnings']]
                bad += bool(said)
                print(f'{nm}: {res[0]["secs"]:.0f} s, again {res[1]["secs"]:.0f} s, {said or "no error, no warning"}', flush=True)
        browser.close()
    sys.exit(bool(bad))

if __name__=='__main__': main()
