'Write the table of modules into README.md and "Where things are", and the reference into the sidebar, from the notebooks themselves: `python docs/layout.py [--check]`'
import json, re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
head = '| notebook | module | purpose |\n|---|---|---|\n'

def row(fn):
    "A line of the table: what a notebook exports, and what its summary says"
    cells = [''.join(o['source']) for o in json.loads(fn.read_text(encoding='utf-8'))['cells']]
    module = next(m[1] for o in cells if (m := re.match(r'#\|\s*default_exp\s+([\w.]+)', o)))
    summary = next(m[1] for o in cells if (m := re.search(r'^> (.+)$', o, re.M)))
    return f'| {fn.stem} | {module.replace(".", "/")}.py | {summary} |\n'

def table(): return head+''.join(map(row, sorted((root/'nbs').glob('[0-9]*.ipynb'))))
def put(text): return re.sub(re.escape(head)+r'(?:\|.*\n)*', lambda m: table(), text)

def reference():
    "The reference part of the sidebar: a section for each package, modules without one first"
    names = sorted(o.name for o in (root/'nbs').glob('[0-9]*.ipynb'))
    package = lambda o: o.split('_', 1)[1].split('.')[0] if o.count('.')>1 else 'core'
    groups = dict.fromkeys(['core', *map(package, names)])
    rows = [f'      - section: "Reference: {g}"\n        contents:\n'+''.join(f'          - {o}\n' for o in names if package(o)==g) for g in groups]
    return ''.join(rows)

def changed(path):
    "The text of a file with the table of today, if that differs from what is there"
    old = path.read_text(encoding='utf-8')
    if path.suffix=='.md': new = put(old)
    elif path.suffix=='.yml': new = re.sub(r'      - section: "Reference: core"\n(?:.*\n?)*', lambda m: reference(), old)
    else:
        nb = json.loads(old)
        for c in nb['cells']:
            if head in (s := ''.join(c['source'])+'\n'): c['source'] = put(s).rstrip('\n').splitlines(True)
        new = json.dumps(nb, indent=1, ensure_ascii=False)+'\n'
    return new if new!=old else None

stale = {o:s for o in (root/'README.md', root/'nbs/where_things_are.ipynb', root/'nbs/sidebar.yml') if (s := changed(o))}
if '--check' in sys.argv: sys.exit(f'The list of modules is out of step in {", ".join(o.name for o in stale)}: python docs/layout.py' if stale else 0)
for o,s in stale.items(): o.write_text(s, encoding='utf-8')
