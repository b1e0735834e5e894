"""Write what README.md, "Where things are" and the sidebar say about the notebooks from the notebooks themselves: `python docs/layout.py [--check]`

The table of modules, the reference part of the sidebar, what has to do with the addresses in settings.ini (how to install, here and on Colab,
and where the site is), and in README.md what saved outputs show: after a comment `<!-- shown: NOTEBOOK: CODE | CODE -->` come the texts that
the cells with that code in them have printed."""
import json, re, sys
from configparser import ConfigParser
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

def words(output):
    "What an output says in words; a table of HTML says it otherwise"
    if output['output_type']=='stream': return ''.join(output['text'])
    data = output.get('data', {})
    return '' if 'text/html' in data else ''.join(data.get('text/plain', ''))

def shown(nb, *codes, most=14):
    "What the first cell with each code in it says, at most so many lines of each"
    cells = [c for c in json.loads((root/'nbs'/nb).read_text(encoding='utf-8'))['cells'] if c['cell_type']=='code']
    res = []
    for code in codes:
        cell  = next(c for c in cells if code in ''.join(c['source']))
        text  = re.sub(r'\n\s*\n', '\n\n', ''.join(map(words, cell['outputs'])).strip())
        res.append('\n'.join(text.splitlines()[:most]))
    return '\n\n'.join(res)

def put_shown(text):
    "Renew every block that says whose output it is"
    def _block(m): return f'{m[1]}```text\n{shown(m[2], *m[3].split(" | "))}\n```'
    return re.sub(r'(<!-- shown: (\S+): (.+?) -->\n)```text\n.*?```', _block, text, flags=re.S)

def address(kind, git_url, doc_url):
    "The lines that name an address, as settings.ini has it; the clone where it has none"
    if kind=='install':
        what = f'git+{git_url}' if git_url else './charrnn_fa   # the folder of your clone'
        return f'```sh\npython3 -m venv .venv && . .venv/bin/activate   # an environment of its own\npip install {what}\n```'
    if kind=='colab':
        clone = '' if git_url else '\n\nThat is the folder of your clone. To bring it there, upload it as a zip file (the folder at the left edge), and run `!unzip -q charrnn_fa.zip`.'
        return f'```python\n%pip install -q {source(git_url)}\n```{clone}'
    if kind=='again':
        return '' if git_url else 'A new machine has no copy of the library either. If it came as a [folder of yours](../on_colab.ipynb), bring that there again before you press *Run all*.'
    return f'The [site]({doc_url}) has it all, with a search.' if doc_url else '`make docs` builds the site, with all of it and a search, into `_docs`.'

def source(git_url): return f'git+{git_url}' if git_url else './charrnn_fa'

def put_source(code, git_url):
    "Renew what the cell of a tutorial installs on Colab"
    return re.sub(r"('pip', 'install -q )(?:\./charrnn_fa|git\+[^ ']+)", lambda m: m[1]+source(git_url), code)

def urls():
    "The addresses of repository and site in settings.ini"
    ini = ConfigParser(delimiters=['='])
    ini.read(root/'settings.ini', encoding='utf-8')
    return [ini['DEFAULT'][o] for o in ('git_url','doc_url')]

def put_address(text):
    "Renew every block between `<!-- address: KIND -->` and `<!-- end -->`"
    return re.sub(r'(<!-- address: (\w+) -->\n).*?(<!-- end -->)', lambda m: f'{m[1]}{address(m[2], *urls())}\n{m[3]}', text, flags=re.S)

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
    if path.suffix=='.md': new = put_address(put_shown(put(old)))
    elif path.suffix=='.yml': new = re.sub(r'      - section: "Reference: core"\n(?:.*\n?)*', lambda m: reference(), old)
    else:
        nb = json.loads(old)
        for c in nb['cells']:
            was = ''.join(c['source'])
            new = put_address(put(was+'\n')).rstrip('\n') if c['cell_type']=='markdown' else put_source(was, urls()[0])
            if new!=was: c['source'] = new.splitlines(True)
        new = json.dumps(nb, indent=1, ensure_ascii=False)+'\n'
    return new if new!=old else None

def main():
    files = [root/'README.md', root/'nbs/sidebar.yml', *(root/'nbs').glob('[a-z]*.ipynb'), *(root/'nbs/tutorials').glob('*.ipynb')]
    stale = {o:s for o in files if (s := changed(o))}
    if '--check' in sys.argv: sys.exit(f'The list of modules is out of step in {", ".join(o.name for o in stale)}: python docs/layout.py' if stale else 0)
    for o,s in stale.items(): o.write_text(s, encoding='utf-8')

if __name__=='__main__': main()
