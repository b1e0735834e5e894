"The quickstart in JupyterLab, in a browser: killed in the middle, stopped in the middle, and Run all again"
import contextlib, json, os, re, signal, socket, subprocess, sys, time, urllib.request
from pathlib import Path
import pytest
from conftest import root

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

text = 'the cat sat on the mat. the dog sat on the log. '*2500

def short(nb, run):
    "The quickstart on a small text and network, trained for twenty seconds, whose run lies in `run`"
    for c in nb['cells']:
        s = ''.join(c['source'])
        if s.startswith('try: corpus'): s = "corpus = Corpus('cats', text=open('cats.txt').read())\ncorpus"
        s = re.sub(r"^minutes = .*", 'minutes = 0.3', s, flags=re.M)
        s = re.sub(r"^run +=.*", f'run = {run!r}', s, flags=re.M)
        s = re.sub(r"^prompt = .*", "prompt = 'the '", s, flags=re.M)
        s = s.replace('n_hid=256', "n_hid=64, precision='fp32'").replace("every='10s'", "every='1s'")
        c['source'] = s
    return nb

@contextlib.contextmanager
def jupyterlab(d, **env):
    "The address of a JupyterLab in a folder"
    port = free_port()
    env  = {**os.environ, 'PYTHONPATH':str(root), 'JUPYTER_CONFIG_DIR':str(d/'cfg'), 'JUPYTER_DATA_DIR':str(d/'data'), 'OMP_NUM_THREADS':'1', **env}
    p = subprocess.Popen([sys.executable,'-m','jupyterlab','--no-browser','--allow-root',f'--port={port}','--IdentityProvider.token=',
        '--LabApp.expose_app_in_browser=True',f'--ServerApp.root_dir={d}','--LabApp.news_url=','--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate'],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(200):
            try: urllib.request.urlopen(f'http://127.0.0.1:{port}/api')
            except OSError: time.sleep(.3)
            else: break
        yield f'http://127.0.0.1:{port}'
    finally:
        p.terminate()
        try: p.wait(20)
        except subprocess.TimeoutExpired: os.killpg(p.pid, signal.SIGKILL)

@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "URL and folder of a JupyterLab with two copies of the quickstart"
    d = tmp_path_factory.mktemp('lab')
    (d/'cats.txt').write_text(text)
    quick = (root/'nbs/tutorials/quickstart.ipynb').read_text(encoding='utf-8')
    for o in ('killed','stopped'): (d/f'{o}.ipynb').write_text(json.dumps(short(json.loads(quick), f'runs/{o}')), encoding='utf-8')
    with jupyterlab(d) as url: yield url,d

class Page:
    "A notebook in the browser"
    def __init__(self, browser, url, name):
        self.pg,self.name,self.shots = browser.new_page(viewport=dict(width=1280, height=1000)),name,os.environ.get('CHARRNN_SHOTS')
        self.pg.goto(f'{url}/lab/workspaces/{name}/tree/{name}.ipynb')
        self.ready()

    def ready(self):
        self.pg.wait_for_function("""name => { const c = window.jupyterapp?.shell.currentWidget?.context;
            return c?.path==name+'.ipynb' && c.sessionContext?.session?.kernel?.status=='idle' }""", arg=self.name, timeout=120_000)

    def close(self):
        "Save the notebook, shut its kernel down, and close the tab"
        self.pg.evaluate("async () => { const c = window.jupyterapp.shell.currentWidget.context; await c.save(); await c.sessionContext.shutdown() }")
        self.pg.close()

    def run_all(self): self.pg.evaluate("() => { window.ended = null; window.jupyterapp.commands.execute('notebook:run-all-cells').then(o => window.ended = o, e => window.ended = String(e)) }")
    def wait(self, secs=240): self.pg.wait_for_function('window.ended !== null', timeout=1000*secs)
    def cells(self): return self.pg.evaluate('() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells')
    def outputs(self): return [o for c in self.cells() for o in c.get('outputs', [])]
    def errors(self): return [(o['ename'],o['evalue'],o['traceback']) for o in self.outputs() if o['output_type']=='error']
    def text(self): return '\n'.join(''.join(o.get('text', '')) for o in self.outputs())
    def shot(self, when):
        if not self.shots: return
        self.pg.evaluate("() => { const p = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer'); if (p) p.scrollTop = 1300 }")
        self.pg.wait_for_timeout(700)
        self.pg.screenshot(path=f'{self.shots}/{self.name}-{when}.png')

def kernels(d):
    "Processes of the kernels that work in a folder"
    res = []
    for o in Path('/proc').iterdir():
        if not o.name.isdigit(): continue
        try:
            if b'ipykernel_launcher' in (o/'cmdline').read_bytes() and os.readlink(o/'cwd')==str(d): res.append(int(o.name))
        except OSError: continue
    return res

def until_kept(run, n=2):
    "Wait until a run has some checkpoints"
    end = time.monotonic()+180
    while len(list(run.glob('ck*')))<n:
        assert time.monotonic()<end, f'no checkpoints in {run}'
        time.sleep(.1)

def check_finished(page):
    assert not page.errors(), page.errors()
    said = page.text()
    assert 'validation loss' in said and '<Axes' not in json.dumps(page.outputs()) and 'DirStore(' not in said
    return said

def resume(page):
    "Run all again, to the end: the run goes on where it was"
    page.ready()
    page.run_all()
    page.wait()
    page.shot('after')
    assert re.search(r'(Resuming|Going on with) \S+ at step [\d,]+', check_finished(page))
    page.pg.close()

@pytest.mark.skipif(not Path('/proc').exists(), reason='finds the kernel in /proc')
def test_kill_9_and_run_all_again(lab, browser):
    url,d = lab
    page  = Page(browser, url, 'killed')
    page.shot('before')
    page.run_all()
    until_kept(d/'runs/killed')
    page.shot('during')
    pid = kernels(d)[0]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic()+60
    while pid in kernels(d) or not kernels(d):                            # the server starts another
        assert time.monotonic()<end
        time.sleep(.2)
    page.pg.reload()
    resume(page)

def test_the_stop_button_and_run_all_again(lab, browser):
    url,d = lab
    page  = Page(browser, url, 'stopped')
    page.run_all()
    until_kept(d/'runs/stopped')
    page.pg.locator('[data-command="notebook:interrupt-kernel"], button[title^="Interrupt"]').first.click()
    page.wait()
    page.shot('stopped')
    errs = page.errors()
    assert len(errs)==1 and errs[0][0]=='Stopped' and errs[0][2]==[errs[0][1]], errs
    assert re.fullmatch(r'Stopped at step [\d,]+ of [\d,]+; run this cell again to resume', errs[0][1])
    later = [c for c in page.cells() if 'learn.evaluate()' in ''.join(c['source'])]
    assert not any(o for c in later for o in c['outputs']), 'Run all went on after the stop'
    resume(page)

@pytest.mark.parametrize('ground,ink', [((17,17,17),'#fff'), ((255,255,255),'#000')], ids=['dark','light'])
def test_the_table_of_a_fit_is_read_in_any_theme(ground, ink, browser):
    "Header and rows let the theme's ground through, whose letters they have"
    from fastprogress import fastprogress
    from fastcore.xml import to_xml
    from charrnn_fa import CharDataLoaders, char_learner
    char_learner(CharDataLoaders.from_text('she sells sea shells. '*40, bs=4, seq_len=16, device='cpu'), 'rnn', n_hid=8, precision='fp32').fit_steps(2)
    pg = browser.new_page()
    pg.set_content(f'<body style="background:rgb{ground};color:{ink}">{fastprogress.html_styles}{to_xml(fastprogress.text2html_table([["epoch"],["0"],["1"]]))}')
    for c in pg.locator('tr').evaluate_all('es => es.map(e => getComputedStyle(e).backgroundColor)'):
        rgb,a = (v:=[float(o) for o in re.findall(r'[\d.]+', c)])[:3],(v+[1])[3]
        seen  = [a*x+(1-a)*y for x,y in zip(rgb, ground)]
        assert max(abs(x-y) for x,y in zip(seen, ground))<40, c
    pg.close()
