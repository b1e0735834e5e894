"What the notebooks show: nothing stale, nothing large, and no passage of somebody else's text"
import json, subprocess, sys
from conftest import root

def saved():
    "Notebooks with the text of what they show"
    for p in (root/'nbs').rglob('*.ipynb'):
        for c in json.loads(p.read_text(encoding='utf-8'))['cells']:
            for o in c.get('outputs', []):
                parts = [o.get('text', ''), *(v for k,v in o.get('data', {}).items() if k.startswith('text/'))]
                yield p,'\n'.join(''.join(s) for s in parts)

def test_nothing_is_stale():
    "Every notebook that has saved outputs has those of the code that it holds"
    names = [str(root/'nbs'/o) for o in json.loads((root/'nbs/outputs.json').read_text())]
    res = subprocess.run([sys.executable, 'docs/outputs.py', '--check', *names], cwd=root, capture_output=True, text=True)
    stale = [o for o in res.stdout.splitlines() if 'changed' in o or 'not those' in o or 'more than' in o or 'picture' in o or 'an error' in o]
    assert not stale, '\n'.join(stale)+'\nrun: make outputs'

def test_no_passage_of_a_corpus(shakespeare):
    "A network may repeat a line that it has learnt; 60 characters in a row are a passage"
    text,n = shakespeare.read_text(),60
    known  = {hash(text[i:i+n]) for i in range(len(text)-n+1)}
    for p,s in saved():
        bad = next((s[i:i+n] for i in range(max(0, len(s)-n+1)) if hash(s[i:i+n]) in known and s[i:i+n] in text), None)
        assert bad is None, f'{p.name} shows {bad!r}'
