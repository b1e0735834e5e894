"""Run tutorials as a reader does, in JupyterLab in a browser, Run all and Run all again: `python docs/tutorials.py [NAME ...] [--shots FOLDER] [--short]`

Each must reach its end without an error or a warning, both times; the second time, what was trained is there already where there is a run."""
import argparse, os, shutil, sys, tempfile, time
from pathlib import Path
from sidebar import root, sections
sys.path.insert(0, str(root/'tests'))
from conftest import chromium, quiet
from test_jupyter import Page, jupyterlab, kernels
from playwright.sync_api import sync_playwright

def lessons():
    "The notebooks that a reader runs from the first cell to the last"
    return [o for sec,nbs in sections() if sec in ('Get started','Tutorials') for o in nbs if o!='index.ipynb']

def warnings(page): return [''.join(o['text'])[:200] for o in page.outputs() if o.get('name')=='stderr']

def processor(folder):
    "Seconds of processor time of the kernels in a folder and of what they started; 0 where there is no /proc"
    if not Path('/proc').exists(): return 0.
    ticks = 0
    for pid in kernels(folder):
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()  # the name, in parentheses, may hold blanks
        ticks += sum(map(int, fields[11:15]))                                      # user, system, and both of children that ended
    return ticks/os.sysconf('SC_CLK_TCK')

def once(browser, url, folder, name, secs, shot=None):
    "Open a notebook, run all of it, and shut its kernel down; what came of it"
    page = Page(browser, url, name)
    was,start = processor(folder),time.time()
    page.run_all()
    page.wait(secs)
    res = dict(secs=time.time()-start, cpu=processor(folder)-was, said=page.errors()+warnings(page))
    if shot: page.pg.screenshot(path=shot)
    page.close()
    return res

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('names', nargs='*', help='such as `look_inside`; all by default')
    p.add_argument('--shots', help='a folder for a screenshot of each')
    p.add_argument('--short', action='store_true', help='small networks and few steps, as in the tests')
    p.add_argument('--minutes', type=float, default=30, help='how long one Run all may take')
    a = p.parse_args()
    chosen = [o for o in lessons() if not a.names or Path(o).stem in a.names]
    if len(chosen)<len(a.names): p.error(f'{", ".join(a.names)}: there are {", ".join(Path(o).stem for o in lessons())}')
    bad = 0
    with tempfile.TemporaryDirectory() as d, sync_playwright() as pw:
        d = Path(d).resolve()
        for o in chosen: shutil.copy2(root/'nbs'/o, d)
        browser = pw.chromium.launch(executable_path=chromium(), args=quiet)
        threads = os.environ.get('OMP_NUM_THREADS', str(os.cpu_count()))
        with jupyterlab(d, OMP_NUM_THREADS=threads, **({'IN_TEST':'1'} if a.short else {})) as url:
            for o in chosen:
                nm  = Path(o).stem
                res = [once(browser, url, d, nm, 60*a.minutes, a.shots and f'{a.shots}/{nm}-{i}.png') for i in (1,2)]
                said = [x for r in res for x in r['said']]
                bad += bool(said)
                took = ', again '.join(f'{r["secs"]:.0f} s ({r["cpu"]:.0f} s of processor time)' for r in res)
                print(f'{nm}: {took}, {said or "no error, no warning"}', flush=True)
        browser.close()
    sys.exit(bool(bad))

if __name__=='__main__': main()
