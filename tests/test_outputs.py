"What the notebooks show: nothing stale, nothing large, and no passage of somebody else's text"
import html, json, re, subprocess, sys
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

def test_a_picture_without_words_is_kept():
    "Faces are SVG and have no words; what a progress bar leaves behind is a style alone"
    sys.path.insert(0, str(root/'docs'))
    from outputs import is_blank
    assert is_blank('<style>p {x:y}</style>\n<p></p>')
    for o in ('<div><svg><path/></svg></div>', '<img src="data:x">', '<iframe srcdoc="x"></iframe>', '<b>a</b>'): assert not is_blank(o)

def test_lines_of_a_fit_read_as_today():
    "How good a loss is, and which precision is faster, also in notebooks that are not run with the others"
    name = r'[a-z -]+ \([\d.]+\)'
    loss = re.compile(rf'validation loss [\d.]+ \([\d.]+ bits\): (not even as good as {name}|better than {name}(, not yet better than {name})?)')
    fast = re.compile(r'Training in (fp32|bf16|fp16), (about as|(?!1\.0 )[\d.]+ times as) fast here as (fp32|bf16|fp16)')
    seen = 0
    for p,s in saved():
        for o in re.findall(r'^(?:validation loss|Training in [a-z]+\d+,).*', s, re.M):
            assert (loss if o[0]=='v' else fast).match(o) and 'yet than' not in o, f'{p.name}: {o}'
            seen += 1
    assert seen>20

def letters(s):
    "The letters alone: a view puts a tag around each character, and makes blanks visible"
    return re.sub('[^A-Za-z]+', '', html.unescape(re.sub('<(script|style).*?</\\1>|<[^>]*>', '', s, flags=re.S)))

def test_no_passage_of_a_corpus(shakespeare):
    "A network may repeat a line that it has learnt; 45 letters in a row, some 60 characters, are a passage"
    text,n = letters(shakespeare.read_text()),45
    known  = {hash(text[i:i+n]) for i in range(len(text)-n+1)}
    for p,s in saved():
        s   = letters(s)
        bad = next((s[i:i+n] for i in range(max(0, len(s)-n+1)) if hash(s[i:i+n]) in known and s[i:i+n] in text), None)
        assert bad is None, f'{p.name} shows {bad!r}'

def test_letters_are_found_in_a_view():
    "What a view makes of a text"
    assert letters('<style>b {x:y}</style><span title="no: 3">R</span><b>&#79;</b>·M&amp;<i>E\u2424</i>O')=='ROMEO'

def test_no_path_of_a_machine():
    "Neither where a library is installed, nor the way from where a notebook was run to the others"
    for p,s in saved():
        bad = re.search(r'[^\s/]*/site-packages/\S*|(\.\./)+\S*nbs/\S*', s)                # a picture in base64 is a megabyte without a blank
        assert bad is None, f'{p.name} shows {bad[0]!r}'
