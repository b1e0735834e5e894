"""Run notebooks in a fresh kernel and save what they show: `python docs/outputs.py [--check] [NOTEBOOK ...]`, all pages of the site by default.

nbs/outputs.json remembers from which source each output came, so that `--check` tells stale ones without running anything.
A cell with `#| output: false` keeps none: that is for cells which show a passage of someone else's text."""
import argparse, base64, hashlib, io, json, os, re, sys, tempfile, time
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from sidebar import pages, root

nbs  = root/'nbs'
manifest = nbs/'outputs.json'
picture_max = 60_000    # bytes of one picture
page_max    = 400_000   # bytes of a notebook: what GitHub and a reader's patience take

def small(png):
    "A base64 PNG in fewer bytes: fewer colours where it is too large"
    raw = base64.b64decode(png)
    if len(raw)<=picture_max*0.6: return png
    buf = io.BytesIO()
    Image.open(io.BytesIO(raw)).convert('RGB').quantize(96).save(buf, 'PNG', optimize=True)
    return base64.b64encode(min(raw, buf.getvalue(), key=len)).decode()

def is_blank(s):
    "Whether HTML shows nothing: neither words nor a picture, such as the style that a progress bar leaves"
    return not re.sub(r'<style.*?</style>|<[^>]*>|\s', '', s, flags=re.S) and not re.search('<(img|iframe|svg)', s)

def tidy(o):
    "An output as it is saved; None where it is not worth it"
    if o.output_type=='stream':
        o.text = '\n'.join(l.split('\r')[-1] for l in ''.join(o.text).split('\n'))
        return o if o.text.strip() else None
    if 'data' in o:
        o.metadata = {}
        for k in ('application/vnd.jupyter.widget-view+json','application/javascript'): o.data.pop(k, None)
        if 'image/png' in o.data: o.data = {'image/png':small(o.data['image/png'].replace('\n', ''))}
        if 'text/html' in o.data and is_blank(o.data['text/html']): return None
        if re.search('[\u2801-\u28ff]', ''.join(o.data.get('text/plain', ''))) and 'text/html' in o.data: o.data.pop('text/plain')   # a drawing's dots are for a terminal
        if not o.data: return None
        if o.output_type=='execute_result': o.execution_count = None
    return o

def placed(outputs, here, folder):
    "Outputs whose links to other notebooks lead there from `here`, whatever `folder` this one was run in"
    to = '' if here==nbs else os.path.relpath(nbs, here)+'/'
    return [nbformat.from_dict(o) for o in json.loads(json.dumps(outputs).replace(os.path.relpath(nbs, folder)+'/', to))]

def runs(cell): return not re.search(r'^#\|\s*(eval:\s*false|skip\b)|nbdev_export\(\)', cell.source, re.M)
def keeps(cell): return not re.search(r'^#\|\s*(output:\s*false|hide\b|export|default_exp)', cell.source, re.M)

def run(path, timeout=900):
    "Execute a notebook in an empty folder, and save its outputs in it"
    nb = nbformat.read(path, 4)
    work = nbformat.from_dict(json.loads(json.dumps(nb)))
    for c in work.cells:
        if c.cell_type=='code' and not runs(c): c.source = ''
    os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(root), str(root/'tests'), os.environ.get('PYTHONPATH','')])), PYTHONHASHSEED='0')
    with tempfile.TemporaryDirectory() as d:
        NotebookClient(work, timeout=timeout, kernel_name='python3', coalesce_streams=True, extra_arguments=['--log-level=ERROR'], resources=dict(metadata=dict(path=d))).execute()
    for c,done in zip(nb.cells, work.cells):
        if c.cell_type!='code': continue
        c.outputs = placed([o for o in map(tidy, done.outputs) if o], path.parent, d) if keeps(c) else []
        c.execution_count = None
    path.write_text(json.dumps(nb, indent=1, ensure_ascii=False)+'\n', encoding='utf-8')

def digest(s): return hashlib.sha256(s.encode()).hexdigest()[:12]
def kinds(cell): return [o['output_type']+(':'+'+'.join(sorted(o['data'])) if 'data' in o else '') for o in cell.get('outputs', [])]

def record(path):
    "What a notebook showed when it ran: the hash of all its code, and the kinds of outputs of each cell that has some"
    cells = [o for o in json.loads(path.read_text(encoding='utf-8'))['cells'] if o['cell_type']=='code']
    srcs  = [''.join(o['source']) for o in cells]
    srcs  = [o for o in srcs if not o.startswith("if 'google.colab' in sys.modules:")]   # installs on Colab alone, from the address of the day
    return dict(code=digest('\n'.join(srcs)), outputs={o['id']:kinds(o) for o in cells if o.get('outputs')})

def faults(name, known):
    "What is wrong with the saved outputs of a notebook"
    path = nbs/name
    now = record(path)
    if name not in known: yield 'has no saved outputs'
    elif now['code']!=known[name]['code']: yield 'its code was changed after its outputs were saved'
    elif now['outputs']!=known[name]['outputs']: yield 'its outputs are not those that were saved'
    if not now['outputs']: yield 'shows nothing'
    if path.stat().st_size>page_max: yield f'has {path.stat().st_size:,} bytes, more than {page_max:,}'
    for c in json.loads(path.read_text(encoding='utf-8'))['cells']:
        for o in c.get('outputs', []):
            n = len(''.join(o.get('data', {}).get('image/png', '')))*3//4
            if n>picture_max: yield f'a picture of {n:,} bytes in cell {c["id"]}'
            if o['output_type']=='error': yield f'an error in cell {c["id"]}'
            if o.get('name')=='stderr': yield f'a warning in cell {c["id"]}: {"".join(o["text"])[:80]!r}'

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('notebooks', nargs='*')
    p.add_argument('--check', action='store_true', help='tell what is stale; run nothing')
    a = p.parse_args()
    names = [Path(o).resolve().relative_to(nbs).as_posix() for o in a.notebooks] or pages()
    known = json.loads(manifest.read_text()) if manifest.exists() else {}
    broken = []
    for nm in [] if a.check else names:
        start = time.time()
        try: run(nbs/nm)
        except CellExecutionError as e:
            broken.append(f'{nm} stops with an error:\n{e}')
            continue
        known[nm] = record(nbs/nm)
        manifest.write_text(json.dumps({k:known[k] for k in sorted(known) if (nbs/k).exists()}, indent=1)+'\n')
        print(f'{nm}: {time.time()-start:.0f} s, {(nbs/nm).stat().st_size:,} bytes', flush=True)
    bad = broken+[f'{nm} {o}' for nm in names for o in faults(nm, known)]
    print('\n'.join(bad) or f'{len(names)} notebooks show what their code says')
    return bool(bad)

if __name__=='__main__': sys.exit(main())
