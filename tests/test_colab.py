"The same calls in Colab, in VS Code on Colab, in Jupyter and in a script; Colab's own modules are stubs"
import json, os, subprocess, sys, time
import nbformat, pytest
from charrnn_fa.gdrive.signin import DriveToken
from conftest import root
from fakedrive import serve

cells = ['''
import os
from charrnn_fa.everything import *
print('place', runtime().place, in_colab())
''', '''
def tried(f, *args):
    try: return f(*args)
    except OSError as e: return f'{type(e).__name__} {e}'
print('secret', tried(find_secret, 'GDRIVE_TOKEN'))
print('locked', tried(find_secret, 'LOCKED'))
''', '''
print('upload', tried(upload_file, 'mine.txt'))
open('mine.txt','w').write('my text')
print('again', upload_file('mine.txt').read_text())
''', '''
p = download_file('mine.txt')
print('is', p.name, os.path.exists('downloaded.txt'))
''']

def kernel(tmp_path, srcs, stub=None, **env):
    "Run cells in a fresh kernel: what they print, and the notebook"
    from nbclient import NotebookClient
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(o.strip()) for o in srcs])
    env = dict(place(tmp_path, stub), **env)
    NotebookClient(nb, timeout=120, resources=dict(metadata=dict(path=str(tmp_path)))).execute(env=env)
    return ''.join(o.get('text','') for c in nb.cells for o in c.outputs), nb

def place(tmp_path, stub):
    "The environment of a Colab machine if there is a stub for it, else of any"
    env = {k:v for k,v in os.environ.items() if not k.startswith(('GDRIVE','COLAB'))}
    path = [str(root/'tests/stubs')]*(stub is not None)+[str(root), str(root/'tests')]
    if stub is not None: env.update(COLAB_RELEASE_TAG='release', COLAB_STUB=json.dumps(stub))
    return dict(env, PYTHONPATH=os.pathsep.join(path), CHARRNN_CONFIG=str(tmp_path/'config'))

def test_in_colab(tmp_path):
    stub = dict(secrets=dict(GDRIVE_TOKEN='from Colab'), locked=['LOCKED'], files={'anything.txt':'their text'})
    out,_ = kernel(tmp_path, cells, stub, GDRIVE_TOKEN='from the environment')
    assert 'place Colab True' in out and 'secret from Colab' in out and 'switch "Notebook access" on' in out
    assert 'mine.txt' in out.split('upload ')[1].splitlines()[0] and 'is mine.txt True' in out

def test_in_vscode_on_colab(tmp_path):
    "Secrets time out there, and no browser takes files: the other sources are used, and names are shown"
    out,_ = kernel(tmp_path, cells, dict(browser=False), GDRIVE_TOKEN='from the environment')
    assert 'secret from the environment' in out and 'LOCKED; looked in Colab\'s Secrets: timed out' in out
    assert 'upload FileNotFoundError' in out and 'could not save the file' in out and 'is mine.txt False' in out

def test_in_jupyter(tmp_path):
    out,nb = kernel(tmp_path, cells)
    assert 'place Jupyter False' in out and 'There is no GDRIVE_TOKEN; looked in Colab\'s Secrets; the environment variable; the file of this user' in out
    assert 'upload FileNotFoundError' in out and 'again my text' in out
    assert any('mine.txt' in o.get('data',{}).get('text/html','') for c in nb.cells for o in c.outputs)

@pytest.mark.parametrize('stub', [None,{}], ids=['script','script on Colab'])
def test_in_a_script(tmp_path, stub):
    p = subprocess.run([sys.executable, '-c', ''.join(cells)], cwd=tmp_path, env=place(tmp_path, stub), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert p.returncode==0, p.stderr
    assert ('script False' if stub is None else 'Colab True') in p.stdout and 'upload FileNotFoundError' in p.stdout and 'The file is' in p.stdout
    assert stub is None or 'a script cannot read them' in p.stdout

def test_the_token_gets_out_of_colab(tmp_path):
    "Signing in on Colab: the token goes to the browser, and no output has it"
    srv = serve()
    src = f"from charrnn_fa import *\nsetup_drive('marker-id', 'marker-secret', device_uri='{srv.base}/device/code', token_uri='{srv.base}/token')"
    out,nb = kernel(tmp_path, [src], {})
    srv.shutdown()
    token = DriveToken.loads((tmp_path/'downloaded.txt').read_text())
    assert token.refresh_token in srv.drive.refresh and 'ABCD-EFGH' in out and 'add a secret named GDRIVE_TOKEN' in out
    assert token.refresh_token not in str(nb.cells[0].outputs) and 'marker' not in str(nb.cells[0].outputs)

def six_lines(run):
    "The script on the page `On Colab`, for a small text, half a minute and a folder"
    page = json.loads((root/'nbs/on_colab.ipynb').read_text(encoding='utf-8'))
    text = next(s for c in page['cells'] for s in [''.join(c['source'])] if '# train.py' in s)
    code = text.split('```python\n# train.py\n')[1].split('```')[0]
    assert len(code.splitlines())==6
    for a,b in {"'shakespeare'":"'text.txt'", "'gdrive:charrnn/run1'":f"{run!r}, every='1s'", 'fit_minutes(60':'fit_minutes(0.25', "'lstm'":"'gru', n_hid=32, precision='fp32'"}.items():
        assert a in code
        code = code.replace(a, b)
    return code

def test_six_lines_are_killed_and_resume(tmp_path):
    "What the page promises of a script on a machine that is taken away: SIGKILL in the middle, and the same command again"
    (tmp_path/'text.txt').write_text('the cat sat on the mat. the dog sat on the log. '*600)
    (tmp_path/'train.py').write_text(six_lines('run'))
    start = lambda: subprocess.Popen([sys.executable, 'train.py'], cwd=tmp_path, env=place(tmp_path, None), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    p,end = start(),time.monotonic()+120
    while len(list((tmp_path/'run').glob('ck*')))<2:
        assert time.monotonic()<end and p.poll() is None, p.communicate()[0]
        time.sleep(.05)
    p.kill()
    p.communicate()
    assert not (tmp_path/'model.safetensors').exists()
    p = start()
    said = p.communicate(timeout=180)[0]
    assert p.returncode==0 and 'Resuming' in said and (tmp_path/'model.safetensors').exists(), said
