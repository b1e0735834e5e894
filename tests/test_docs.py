"The documentation site: built by nbdev, rendered by Quarto or its stand-in, and looked at in a browser"
import json, os, re, shutil, subprocess, sys
from pathlib import Path
from urllib.parse import unquote
import pytest, yaml
from conftest import root

def pages():
    "Every page that the sidebar names"
    def flat(items):
        for o in items: yield from flat(o['contents']) if 'section' in o else [o if isinstance(o,str) else o['href']]
    return list(flat(yaml.safe_load((root/'nbs/sidebar.yml').read_text())['website']['sidebar']['contents']))

def test_sidebar_names_every_notebook_once():
    found = sorted(pages())
    assert found==sorted(o.relative_to(root/'nbs').as_posix() for o in (root/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)

def test_table_of_modules_is_the_listing():
    res = subprocess.run([sys.executable, 'docs/layout.py', '--check'], cwd=root, capture_output=True, text=True)
    assert res.returncode==0, res.stderr
    mods = re.findall(r'^\| (\d\d[a-z]?_\S+) \| (\S+) \|', (root/'README.md').read_text(), re.M)
    assert [a for a,_ in mods]==sorted(o.stem for o in (root/'nbs').glob('[0-9]*.ipynb'))
    assert all((root/'charrnn_fa'/b).exists() for _,b in mods)

def test_no_link_to_a_placeholder():
    "Until there is a repository, nothing points at one"
    bad = [o for o in [root/'README.md', *(root/'nbs').rglob('*.ipynb')] if re.search(r'(github\.com|github\.io)/example|example\.github', o.read_text())]
    assert not bad

def only_checks(src):
    "Whether a cell says nothing but that something holds"
    lines = [o for o in src.splitlines() if o.strip() and not o.startswith('#|')]
    return bool(re.search(r'assert |test_\w+\(|expect_fail', src)) and all(re.match(r'\s*(assert |test_\w+\(|with |for |[\w,]+ *= )', o) for o in lines)

def test_shown_checks_are_lessons():
    "A check that is shown follows a sentence that announces it, with a colon; glue is hidden"
    bad = []
    for nm in pages():
        if nm.startswith('tutorials/'): continue                              # what holds in a tutorial is told by what it shows
        words = ''
        for c in json.loads((root/'nbs'/nm).read_text(encoding='utf-8'))['cells']:
            src = ''.join(c['source'])
            if c['cell_type']=='markdown': words = src.rstrip()
            elif not re.search(r'^#\|\s*(hide|export|default_exp)', src, re.M) and not c.get('outputs') and only_checks(src) and not words.endswith(':'):
                bad.append(f'{nm} {c["id"]}')
    assert not bad, f'hide these with `#| hide`, or say what they show: {bad}'

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "The built site"
    if not shutil.which('quarto') and not shutil.which('pandoc'):
        end = pytest.fail if os.environ.get('CHARRNN_REQUIRE_BROWSER')=='1' else pytest.skip
        end('neither Quarto nor pandoc here: apt-get install pandoc')
    d = tmp_path_factory.mktemp('docs')/'project'
    shutil.copytree(root, d, ignore=shutil.ignore_patterns('.git','.venv','.venv-*','_proc','_docs','build','dist','runs','__pycache__','*.egg-info'))
    kept = {o:(d/'nbs'/o).read_text() for o in ('_quarto.yml','nbdev.yml','sidebar.yml')}
    path = os.environ['PATH']+('' if shutil.which('quarto') else f"{os.pathsep}{root/'docs/bin'}")
    res = subprocess.run(['nbdev-docs','--n-workers','1'], cwd=d, env=dict(os.environ, PATH=path, PYTHONPATH=str(d)), capture_output=True, text=True)
    assert res.returncode==0 and 'Traceback' not in res.stdout+res.stderr, res.stdout+res.stderr
    for k,v in kept.items(): assert (d/'nbs'/k).read_text()==v, f'{k} is stale: run nbdev-docs'
    subprocess.run([sys.executable, d/'docs/llms.py'], cwd=d, check=True, capture_output=True)
    return d/'_docs'

def test_llms_files(site):
    "llms.txt names every page, each link leads to a file, and the context holds the tutorials"
    text  = (site/'llms.txt').read_text()
    links = re.findall(r'^- \[(.+)\]\((\S+)\): (.*)$', text, re.M)
    assert len(links)==len(pages()) and all(a and c and (site/b).exists() for a,b,c in links)
    assert 'char_learner(dls' in (site/'llms-ctx.txt').read_text() and len((site/'llms-ctx-full.txt').read_text())>len((site/'llms-ctx.txt').read_text())

def test_every_link_leads_somewhere(site, browser):
    "Links, anchors, console, directives, empty signatures, on every page that can be reached from the front page"
    page,said = browser.new_page(),[]
    page.on('console', lambda m: said.append(m.text) if m.type in ('error','warning') else None)
    page.on('pageerror', lambda e: said.append(str(e)))
    page.on('request', lambda r: None if r.url.startswith(('file:','data:','about:','blob:')) else said.append(f'asked for {r.url}'))
    seen,todo,anchors = {site/'index.html'},[site/'index.html'],[]
    while todo:
        p = todo.pop()
        page.goto(f'file://{p}')
        text = page.inner_text('main')
        assert '#|' not in text, f'a directive is printed on {p.name}'
        assert '*args, **kwargs\n)' not in text, f'an empty signature on {p.name}'
        assert not re.search(r'\]\([\w./#-]+\.html', text), f'a link around a name that is one already on {p.name}'
        for href in page.eval_on_selector_all('a[href]', 'xs => xs.map(o => o.href)'):
            if not href.startswith('file:'): continue
            f,_,anchor = unquote(href[7:]).partition('#')
            assert Path(f).exists(), f'{p.name} links to {href}, which is not there'
            if anchor: anchors.append((p.name, Path(f), anchor))
            if f.endswith('.html') and Path(f) not in seen:
                todo.append(Path(f))
                seen.add(Path(f))
    lost = [(a,f.name,o) for a,f,o in anchors if f'id="{o}"' not in f.read_text()]
    assert not said and not lost, (said[:5], lost[:5])
    assert len(seen)==len(pages())
    page.close()

def test_narrow_screen_search_and_dark(site, browser):
    "At 390 pixels nothing is cut off sideways; the search finds a page; the button turns the colours over"
    if shutil.which('quarto'): pytest.skip('Quarto has a theme of its own')
    page = browser.new_page(viewport=dict(width=390, height=800))
    for nm in ('index.html','where_things_are.html','keep.runs.html'):
        page.goto(f'file://{site/nm}')
        assert page.evaluate('document.documentElement.scrollWidth')<=390, nm
    page.fill('#find', 'kneser')
    assert 'Counting' in page.inner_text('#found')
    color = lambda: page.evaluate('getComputedStyle(document.body).backgroundColor')
    was = color()
    page.click('#theme')
    assert color()!=was
    page.close()

def docs_module(nm):
    "A script of docs/ as a module"
    import importlib.util
    sys.path.insert(0, str(root/'docs'))
    spec = importlib.util.spec_from_file_location(nm, root/f'docs/{nm}.py')
    res  = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(res)
    return res

def test_one_place_for_the_address():
    "Without an address the clone is installed and the site is built; with one both lead there"
    layout = docs_module('layout')
    assert './charrnn_fa' in layout.address('install', '', '') and 'make docs' in layout.address('site', '', '')
    assert 'pip install git+https://h.org/o/r\n' in layout.address('install', 'https://h.org/o/r', '')
    assert '(https://o.io/r/)' in layout.address('site', '', 'https://o.io/r/')
    for f in ('README.md','nbs/index.ipynb'): assert 'address: install' in (root/f).read_text(encoding='utf-8')
    assert 'no copy' in layout.address('again', '', '') and not layout.address('again', 'https://h.org/o/r', '')
    assert 'unzip' in layout.address('colab', '', '') and 'unzip' not in layout.address('colab', 'https://h.org/o/r', '')
    cell = "get_ipython().run_line_magic('pip', 'install -q ./charrnn_fa svgelements')"
    there = cell.replace('./charrnn_fa', 'git+https://h.org/o/r')
    assert layout.put_source(cell, 'https://h.org/o/r')==there and layout.put_source(there, '')==cell and layout.put_source(cell, '')==cell

def test_every_tutorial_installs_itself_on_colab():
    "Nobody who presses Run all on Colab meets a missing library; the cell is the one that knows the address"
    for p in [*(root/'nbs/tutorials').glob('*.ipynb'), root/'nbs/gallery.ipynb']:
        srcs = [''.join(c['source']) for c in json.loads(p.read_text(encoding='utf-8'))['cells'] if c['cell_type']=='code']
        at   = next((i for i,s in enumerate(srcs) if s.startswith("if 'google.colab' in sys.modules: get_ipython().run_line_magic('pip', 'install -q ")), None)
        ours = next(i for i,s in enumerate(srcs) if 'from charrnn_fa' in s)
        assert at is not None and at<ours, f'{p.name} uses the library before it is installed'

def test_badges_say_what_settings_say():
    badges = docs_module('pictures').badges()
    assert len(badges)==4
    for k,v in badges.items(): assert (root/'nbs/images'/k).read_text(encoding='utf-8')==v, 'run: python docs/pictures.py'

def test_readme_shows_what_was_saved():
    "README's outputs are those of the quickstart, and its pictures are there and small"
    text = (root/'README.md').read_text(encoding='utf-8')
    assert docs_module('layout').put_shown(text)==text and 'bits per character' in text
    pictures = re.findall(r'nbs/images/[\w.-]+', text)
    assert len(pictures)>5 and all((root/o).stat().st_size<60_000 for o in pictures)
    first = text[:text.index('## Install')]
    assert 'faces.png' in first and 'quickstart.ipynb' in first and 'gallery.ipynb' in first

def shows_something(src):
    "Whether a cell means to show a value: it prints, or its last line is an expression"
    import ast
    try: body = ast.parse(re.sub(r'^[%!].*$', '', src, flags=re.M)).body
    except SyntaxError: return False
    return bool(body) and (isinstance(body[-1], ast.Expr) or 'print(' in src)

def test_every_page_with_code_shows_something():
    "A page whose cells mean to show something has saved what they show, and no warning"
    bad = []
    for nm in pages():
        cells = [c for c in json.loads((root/'nbs'/nm).read_text(encoding='utf-8'))['cells'] if c['cell_type']=='code']
        srcs  = [s for s in (''.join(c['source']) for c in cells) if not re.search(r'^#\|\s*(output:\s*false|hide|export|default_exp|eval:\s*false)', s, re.M)]
        if any(map(shows_something, srcs)) and not any(c.get('outputs') for c in cells): bad.append(nm)
        bad += [f'{nm}: a warning in {c["id"]}' for c in cells for o in c.get('outputs', []) if o.get('name')=='stderr' or o['output_type']=='error']
    assert not bad, f'{bad}; run: python docs/outputs.py'
