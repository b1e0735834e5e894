"""Write llms.txt and its context files into the built site: `python docs/llms.py`, after `nbdev-docs`.

llms.txt (see llmstxt.org) lists the pages for a language model that helps somebody; llms-ctx.txt holds those that a user reads,
llms-ctx-full.txt the reference as well."""
import re, sys
from pathlib import Path
from sidebar import root, sections

site = Path(sys.argv[1]) if len(sys.argv)>1 else root/'_docs'
skip = 'Reference'

def html_name(nb):
    "The page that a notebook becomes: its number is left out"
    p = Path(nb)
    return (p.parent/re.sub(r'^\d+[a-z]?_', '', p.stem)).as_posix()+'.html'

def markdown(nb):
    "The page in markdown, without pictures in text form and without HTML, which say nothing to a reader of text"
    s = (site/(html_name(nb)+'.md')).read_text(encoding='utf-8')
    s = re.sub(r'!\[[^]]*\]\(data:[^)]*\)', '', s)
    return re.sub(r'`{3,}\{=html\}.*?`{3,}', '', s, flags=re.S)

def first(pattern, s): return m[1].strip() if (m := re.search(pattern, s, re.M)) else ''
def title(s): return first(r'^# (.+)$', s)
def summary(s): return first(r'^\[(.+)\]\{\.summary\}$', s) or first(r'^\*(.+)\*$', s) or first(r'^> (.+)$', s)

def index():
    "llms.txt: a heading, what it is, and a list of links for each section"
    front = markdown('index.ipynb')
    res = [f'# {title(front)}', f'> {summary(front)}', 'In a notebook everything is there after `from charrnn_fa import *`; what is not among these names is imported from its module.']
    for sec,nbs in sections():
        links = [f'- [{title(s)}]({html_name(nb)}.md): {summary(s)}' for nb in nbs for s in [markdown(nb)]]
        res.append(f'## {sec}\n\n'+'\n'.join(links))
    return '\n\n'.join(res)+'\n'

def context(full):
    "All pages one after the other, each in a tag with its name"
    pages = [nb for sec,nbs in sections() if full or not sec.startswith(skip) for nb in nbs]
    return '\n\n'.join(f'<doc title="{title(s)}">\n{s.strip()}\n</doc>' for nb in pages for s in [markdown(nb)])+'\n'

for name,text in {'llms.txt':index(), 'llms-ctx.txt':context(False), 'llms-ctx-full.txt':context(True)}.items():
    (site/name).write_text(text, encoding='utf-8')
    print(f'{name}: {len(text):,} characters')
