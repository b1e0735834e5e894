"The charrnn command as a process: pipes, Ctrl-C, mistakes, and the main job on the real text"
import json,os,random,re,signal,subprocess,sys,time
import pytest, warm
from charrnn_fa import PositionSplitter,load_run,run_table
from charrnn_fa.keep.trained import text_of_run

code = 'import sys; from charrnn_fa.cli import main; sys.exit(main())'

def charrnn(*args, **kw): return warm.run([sys.executable,'-c',code,*map(str,args)], capture_output=True, text=True, timeout=300, **kw)

@pytest.fixture(scope='module')
def shells(tmp_path_factory):
    f = tmp_path_factory.mktemp('text')/'shells.txt'
    f.write_text('she sells sea shells by the sea shore.\n'*2000)
    return f

small = ['--n-hid',32,'--bs',8,'--precision','fp32']

def test_train_sample_evaluate(shells, tmp_path):
    r = charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.3, '--json', *small)
    assert r.returncode==0, r.stderr
    res = json.loads(r.stdout.splitlines()[-1])
    assert {'valid_nats','valid_bpc','split','chars_per_second','train_seconds','n_params','steps'}<=set(res) and res['valid_nats']<1.5
    assert '\r' not in r.stderr+r.stdout and '\x1b' not in r.stderr+r.stdout
    ev = charrnn('evaluate', tmp_path/'r', '--json')
    assert json.loads(ev.stdout)['valid_nats']==res['valid_nats']
    a,b = (charrnn('sample', tmp_path/'r', '--prompt', 'she', '-n', 60, '--seed', 3).stdout for _ in range(2))
    assert a==b and a.startswith('she') and len(a)>=63

def test_counts(shells, tmp_path):
    "The figure of the whole, and that of the cell beside it"
    r = charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.1, '--counts', 4, '--json', *small)
    assert r.returncode==0, r.stderr
    res = json.loads(r.stdout.splitlines()[-1])
    assert res['valid_nats']<res['cell_nats'] and 'the cell alone' in r.stderr
    ev = json.loads(charrnn('evaluate', tmp_path/'r', '--json').stdout)
    assert (ev['valid_nats'],ev['cell_nats'])==(res['valid_nats'],res['cell_nats'])
    assert charrnn('sample', tmp_path/'r', '-n', 20, '--prompt', 'she').returncode==0
    assert '--counts' in charrnn('train', shells, '--run', tmp_path/'s', '--counts', 1).stderr

@pytest.mark.parametrize('name', ['2min','10min','best'])
def test_presets(shells, tmp_path, capsys, monkeypatch, name):
    "What the command calls presets are those of the library; what is given beside one wins"
    from charrnn_fa.train.presets import PRESETS
    assert '{'+','.join(PRESETS)+'}' in in_process('train --help', capsys, monkeypatch, tmp_path)[1] and name in PRESETS
    rc,out,err = in_process(f'train {shells} --run r --preset {name} --n-hid 16 --seq-len 16 --epochs 0.1 --precision fp32 --json', capsys, monkeypatch, tmp_path)
    res,conf = json.loads(out.splitlines()[-1]),load_run(tmp_path/'r').info['config']
    p = PRESETS[name]
    assert (rc, res['bs'], res['seq_len'])==(0, p['data']['bs'], 16) and res['cell_nats']>res['valid_nats'], err
    assert (conf['n_hid'], conf['dropout'], len(conf['tables']))==(16, p['model'].get('dropout', 0.), p['model']['counts'])
    assert conf['emb_drop']==p['model'].get('emb_drop', 0.)

def stopped(sig, run, *args):
    "Send a signal once there is a checkpoint of a later step than the first; the process and what it printed"
    p = warm.Popen([sys.executable,'-c',code,'train',*map(str,args),'--run',str(run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic()+120
    while len(list(run.glob('ck*')))<2 and p.poll() is None and time.monotonic()<end: time.sleep(.05)
    p.send_signal(sig)
    return p,*p.communicate(timeout=120)

def test_ctrl_c_leaves_a_usable_run(shells, tmp_path):
    p,out,err = stopped(signal.SIGINT, tmp_path/'r', shells, '--minutes', 5, '--every', 20, '--json', *small)
    res = json.loads(out.splitlines()[-1])
    assert p.returncode==130 and res["stopped"]=="SIGINT" and res["steps"]>0 and res["valid_nats"] is None and "accuracy" not in err, err
    assert charrnn('sample', tmp_path/'r', '-n', 20, '--prompt', 'she').returncode==0
    assert f"{res['steps']:,}" in charrnn('runs', tmp_path/'r').stdout

@pytest.mark.parametrize('sig,rc', [(signal.SIGTERM,143), (signal.SIGKILL,-9)])
def test_the_same_command_goes_on(sig, rc, shells, tmp_path):
    "After a SIGTERM or a SIGKILL the run ends with the figures of one that was never stopped"
    args = [shells,'--n-hid',96,'--bs',4,'--precision','fp32','--dropout',.1,'--epochs',3,'--every',20,'--json']
    p,out,err = stopped(sig, tmp_path/'a', *args)
    assert p.returncode==rc, err
    a,b = (json.loads(charrnn('train', *args, '--run', tmp_path/o).stdout.splitlines()[-1]) for o in 'ab')
    assert a['resumed_at']>0==b['resumed_at'] and a['valid_nats']==b['valid_nats'] and a['steps']==b['steps']

def test_runs(shells, tmp_path):
    assert charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.3, '--every', 10, *small).returncode==0
    last = sorted((tmp_path/'r').glob('ck*'))[-1]
    last.write_bytes(last.read_bytes()[:-1])
    r = charrnn('runs', tmp_path/'r')
    assert r.stdout.count('ck-')>=3 and r.stdout.count('DAMAGED')==1
    assert [o['sound'] for o in json.loads(charrnn('runs', tmp_path/'r', '--json').stdout.splitlines()[-1])].count(False)==1

one_line = ['sample nowhere', 'evaluate nowhere', 'doctor nowhere', 'runs nowhere', 'train no/such/file.txt --run r', 'train', 'fly', 'train python',
    'train python --run r --bs 0', 'train python --run r --bs 3000000', 'train python --run r --epochs 0', 'train python --run r --epochs -3',
    'train python --run r --lr 0', 'train python --run r --lr nan', 'train python --run r --lr inf', 'train python --run r --minutes -1',
    'train python --run r --n-hid 3e6', 'train python --run r --n-hid 3000000', 'train python --run r --split half', 'train python --run r --every soon',
    'train python --run r --arch transformer', 'train pyhton --run r', 'train shakespear --run r', 'train tobeornottobe --run r', 'sample r -n -5',
    'train python --run r --preset 3min', 'train python --run r --preset 2min --arch gru', 'train python --run r --preset 2min --from r2']

def in_process(args, capsys, monkeypatch, tmp_path):
    "Exit status and what was printed, without the start of a process"
    from charrnn_fa import cli
    monkeypatch.chdir(tmp_path)
    try: rc = cli.main(args.split())
    except SystemExit as e: rc = e.code
    return rc,*capsys.readouterr()

@pytest.mark.parametrize('args', one_line)
def test_mistakes(args, capsys, monkeypatch, tmp_path):
    rc,out,err = in_process(args, capsys, monkeypatch, tmp_path)
    assert rc==2 and not out and len(err.strip().splitlines())==1 and err.startswith('charrnn'), err
    assert not list(tmp_path.glob('r/ck*'))

@pytest.mark.parametrize('args,says', [('train pyhton --run r',"Did you mean 'python'?"), ('train shakespear --run r',"Did you mean 'shakespeare'?"),
    ('train tobeornottobe --run r','no file or folder'), ('train python --run r --lr 0','above 0'), ('train a.txt --run r','--encoding latin'),
    ('train b.docx --run r','.docx'), ('train c.pdf --run r','a PDF'), ('train python --run r --n-hid three','whole number')])
def test_mistakes_are_told_in_words_of_the_shell(args, says, capsys, monkeypatch, tmp_path):
    (tmp_path/'a.txt').write_bytes('naïve '.encode('latin-1')*100)
    (tmp_path/'b.docx').write_bytes(b'PK\x03\x04 and so on')
    (tmp_path/'c.pdf').write_bytes(b'%PDF-1.7')
    rc,out,err = in_process(args, capsys, monkeypatch, tmp_path)
    assert rc==2 and says in err, err

def test_a_traceback_is_for_the_program_alone(tmp_path): assert 'Traceback' not in charrnn('sample','nowhere', cwd=tmp_path).stderr

@pytest.mark.parametrize('secs', [.02,.4,1.2])
def test_ctrl_c_at_the_start(secs, tmp_path):
    "While Python imports, Ctrl-C ends it without a word"
    begun = code.replace('; sys', '; print("begun", file=sys.stderr, flush=True); sys')
    p = subprocess.Popen([sys.executable,'-c',begun,'train','python','--run',str(tmp_path/'r')], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    assert p.stderr.readline()=='begun\n'
    time.sleep(secs)
    p.send_signal(signal.SIGINT)
    err = p.communicate(timeout=60)[1]
    assert p.returncode in (130,-signal.SIGINT) and 'Traceback' not in err, err

@pytest.fixture(scope='module')
def trained(shells, tmp_path_factory):
    run = tmp_path_factory.mktemp('runs')/'r'
    shells.with_name('umlauts.txt').write_text('sie säßen früh über Öfen 🎭.\n'*800, encoding='utf-8')
    r = charrnn('train', shells.with_name('umlauts.txt'), '--run', run, '--epochs', 1, '--json', *small)
    assert r.returncode==0 and f'Saved in {run}. Try: charrnn sample {run}' in r.stderr, r.stderr
    return run

@pytest.mark.parametrize('view', ['--surprise','--neurons','--loss-by','--memory'])
def test_look(view, trained, capsys, monkeypatch, tmp_path):
    "Each view of a run's own validation text: its figures, a file, and print"
    rc,out,err = in_process(f'look {trained} {view} --json --html v.html', capsys, monkeypatch, tmp_path)
    res,page = json.loads(out.splitlines()[-1]),(tmp_path/'v.html').read_text(encoding='utf-8')
    assert rc==0 and res['what']==view[2:].replace('-','_') and res['file']=='v.html' and page.startswith('<!doctype html>') and '<iframe' in page, err
    tm = load_run(trained)
    s  = text_of_run(tm.info, tm.vocab)
    train,valid = (s[o].codes for o in PositionSplitter(tm.info['split'])(s)[:2])
    if view=='--surprise': assert len(res['bits'])==1999 and res['nats']==pytest.approx(tm.evaluate(valid[:2000]).nats, abs=1e-6)
    if view=='--neurons':
        found = tm.find_neurons(tm.vocab.decode(valid))
        assert found.title in page and res['units']==json.loads(json.dumps(found.rows))
    if view=='--memory': assert list(res['nats'])==[str(2**i) for i in range(11)] and set(res['ngram'])=={str(i) for i in range(1,7)}
    if view=='--loss-by':
        assert res['nats']==pytest.approx(tm.evaluate(valid).nats, abs=1e-6)
        for rows in res['tables'].values(): assert sum(o['part'] for o in rows)==pytest.approx(res['nats'], abs=1e-9)
        assert res['tables']==json.loads(json.dumps(tm.loss_by(tm.vocab.decode(valid), train=train).tables))
        rc,out,err = in_process(f'look {trained} {view}', capsys, monkeypatch, tmp_path)
        assert rc==0 and 'kind of character' in out and 'The n-gram has order' in out, err

def test_a_closed_pipe_is_silent(trained):
    cmd = f'{sys.executable} -c "{code}" sample {trained} -n 20000 | head -1; echo ${{PIPESTATUS[0]}}'
    r = subprocess.run(['bash','-c',cmd], capture_output=True, text=True, timeout=120)
    assert r.stderr=='' and r.stdout.splitlines()[-1] in ('0','141'), r.stderr

@pytest.mark.parametrize('enc', ['ascii','cp1252','utf-8'])
def test_any_terminal(enc, trained):
    env = dict(os.environ, PYTHONIOENCODING=enc)
    def _say(*args): return warm.run([sys.executable,'-c',code,'sample',str(trained),'-n','200','--seed','1',*args], capture_output=True, timeout=120, env=env)
    js,text = _say('--json'),_say()
    assert js.returncode==text.returncode==0 and not text.stderr, text.stderr
    made = json.loads(js.stdout.decode(enc))['text']
    assert any(ord(c)>127 for c in made)
    assert text.stdout.decode(enc).rstrip()==made.encode(enc,'replace').decode(enc).rstrip()

def test_a_run_that_diverges(shells, tmp_path):
    r = charrnn('train', shells, '--run', tmp_path/'r', '--epochs', .3, '--lr', 1e9, '--json', *small)
    res = json.loads(r.stdout.splitlines()[-1], parse_constant=lambda o: pytest.fail(f'{o} is not JSON'))
    assert r.returncode==1 and res['valid_nats'] is None and 'lower --lr' in r.stderr
    best = load_run(tmp_path/'r')                          # the best sound checkpoint is the model
    assert best.info['diverged'] and all(o.isfinite().all() for o in best.model.parameters())
    assert charrnn('sample', tmp_path/'r', '-n', 20).returncode==0

@pytest.fixture
def diverged(shells, capsys, monkeypatch, tmp_path):
    "The command that trains a run whose weights become NaN after its first epoch, with what it returned and printed"
    (tmp_path/'t.txt').write_text(shells.read_text()[:12_000])
    cmd = 'train t.txt --run r --epochs 40 --lr 50 --n-hid 32 --bs 8 --seq-len 32 --precision fp32 --json'
    return cmd,*in_process(cmd, capsys, monkeypatch, tmp_path)

def test_a_run_ends_where_its_weights_are_nan(diverged, capsys, monkeypatch, tmp_path):
    "Not at the end of its time; what is kept is said with its loss, in few digits, wherever it is read"
    _,rc,out,err = diverged
    res  = json.loads(out.splitlines()[-1])
    assert rc==1 and res['diverged'] and res['steps']<500 and 'nan nats' not in err, err
    best = next(o for o in run_table(tmp_path/'r') if o['best'])
    assert (res['best_step'],res['best_nats'])==(best['step'],best['valid'])
    kept = f"keeps the model of step {best['step']}, validation loss {best['valid']:.1e} nats"
    assert best['valid']>1e6 and kept in err and '(0.008 suits' in err
    assert re.findall('--lr ([0-9.e-]+)$', err, re.M)[0]=='0.008'
    for cmd in ('evaluate r','sample r -n 20','runs r'):
        rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
        assert rc==0 and not re.search(r'\d{9}\.\d\d', out) and (kept in err or cmd=='runs r'), (out,err)

def test_a_run_that_diverged_says_so_when_it_is_resumed(diverged, capsys, monkeypatch, tmp_path):
    cmd = diverged[0]
    rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
    assert rc==1 and 'r diverged before, with --lr 50,' in err.split('Resuming')[0] and json.loads(out.splitlines()[-1])['resumed_at']>0, err
    rc,_,err = in_process(f'{cmd} --force --lr 0.008 --epochs 1', capsys, monkeypatch, tmp_path)
    assert rc==0 and 'diverged' not in err, err

def test_a_run_that_overfits_keeps_its_best(capsys, monkeypatch, tmp_path):
    "A short text learnt by heart: the figures and the model are those of the lowest validation loss, and it is said; the same command again says the same"
    (tmp_path/'noise.txt').write_text(''.join(random.Random(0).choices('abcd', k=2000)))
    cmd = 'train noise.txt --run r --epochs 15 --n-hid 64 --bs 4 --seq-len 16 --precision fp32 --json'
    rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
    res = json.loads(out.splitlines()[-1])
    said = re.search(r'Validation loss was lowest at step ([\d,]+), ([\d.]+), and ([\d.]+) at the end. The run keeps the model of step \1', err)
    assert rc==0 and said and int(said[1].replace(',', ''))==res['best_step']<res['steps'], err
    assert abs(res['valid_nats']-float(said[2]))<0.03<float(said[3])-float(said[2])
    ev = json.loads(in_process('evaluate r --json', capsys, monkeypatch, tmp_path)[1].splitlines()[-1])
    assert ev['valid_nats']==res['valid_nats']
    again = json.loads(in_process(cmd, capsys, monkeypatch, tmp_path)[1].splitlines()[-1])
    assert (again['best_step'],again['valid_nats'])==(res['best_step'],res['valid_nats'])

def test_reading_options(tmp_path):
    "--glob, --encoding and --newline reach the corpus, and come back with the run"
    for i in (1,2): (tmp_path/f't{i}.md').write_bytes('naïve sea shells\r\n'.encode('latin-1')*400)
    r = charrnn('train', tmp_path, '--run', tmp_path/'r', '--epochs', 1, '--glob', '*.md', '--encoding', 'latin-1', '--newline', 'lf', '--json', *small)
    assert r.returncode==0, r.stderr
    res = json.loads(charrnn('evaluate', tmp_path/'r', '--json').stdout)
    assert res['valid_nats']==json.loads(r.stdout.splitlines()[-1])['valid_nats']

def test_a_run_from_a_notebook(tmp_path):
    "A run that a notebook trained is evaluated and examined, too; where its text cannot be told, the error says which argument to give"
    from charrnn_fa import CharDataLoaders, Resume, char_learner
    text = 'she sells sea shells by the sea shore.\n'*300
    (tmp_path/'t.txt').write_text(text)
    char_learner(CharDataLoaders.from_text(text, bs=8, seq_len=32), n_hid=32, precision='fp32').fit_steps(40, cbs=Resume(tmp_path/'r'))
    r = charrnn('doctor', tmp_path/'r', tmp_path/'t.txt', '--json')
    assert json.loads(r.stdout)['valid_nats']>0, r.stderr
    assert json.loads(charrnn('evaluate', tmp_path/'r', tmp_path/'t.txt', '--json').stdout)['n']==len(text)-1
    bad = charrnn('doctor', tmp_path/'r')
    assert bad.returncode==2 and 'CORPUS' in bad.stderr and 'Traceback' not in bad.stderr

def test_version_and_list():
    from charrnn_fa import __version__
    assert charrnn('--version').stdout=='charrnn '+__version__+'\n'
    assert all(o in charrnn().stdout for o in ('train','sample','evaluate','runs','doctor'))

def test_help_is_light():
    "Neither torch nor fastai nor numpy for help, no fastai for a sample"
    probe = 'import sys,io,contextlib\nfrom charrnn_fa import cli\nwith contextlib.redirect_stdout(io.StringIO()): cli.parser().print_help()\n'
    loaded = subprocess.run([sys.executable,'-c',probe+'print(*sys.modules)'], capture_output=True, text=True).stdout.split()
    assert 'charrnn_fa.cli' in loaded and not {'torch','fastai','pandas'}&set(loaded)
    loaded = subprocess.run([sys.executable,'-c','import sys,charrnn_fa.shell.read\nprint(*sys.modules)'], capture_output=True, text=True).stdout.split()
    assert 'torch' in loaded and not {'fastai','pandas','matplotlib'}&set(loaded)

def test_doctor(shells, tmp_path):
    "A run with a learning rate far too low is told so"
    assert charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.5, '--lr', 1e-6, *small).returncode==0
    r = charrnn('doctor', tmp_path/'r', '--json')
    res = json.loads(r.stdout.splitlines()[-1])
    assert 'lr_low' in [o['name'] for o in res['findings']] and res['yardsticks']['ngram']<res['yardsticks']['unigram'], r.stderr
    assert res['valid_nats']>2 and abs(res['valid_nats']-json.loads(charrnn('evaluate', tmp_path/'r', '--json').stdout)['valid_nats'])<.2
    assert 'validation loss' in charrnn('doctor', tmp_path/'r').stdout

def as_json(args, capsys, monkeypatch, tmp_path):
    "What a command prints as JSON, and what it says beside it"
    rc,out,err = in_process(args+' --json', capsys, monkeypatch, tmp_path)
    assert rc==0, err
    return json.loads(out.splitlines()[-1]),err

@pytest.fixture
def overfit(capsys, monkeypatch, tmp_path):
    "A run on a short text of letters by chance, of which the last epochs are the worst"
    (tmp_path/'noise.txt').write_text(''.join(random.Random(0).choices('abcd', k=2000)))
    return as_json('train noise.txt --run r --epochs 18 --n-hid 64 --bs 4 --seq-len 16 --precision fp32', capsys, monkeypatch, tmp_path)[0]

def test_the_doctor_of_a_run_and_evaluate_name_one_loss(overfit, capsys, monkeypatch, tmp_path):
    "Where it was stored with the run, and where it has to be measured"
    def _figures(): return [as_json(f'{o} r', capsys, monkeypatch, tmp_path)[0]['valid_nats'] for o in ('evaluate','doctor')]
    assert _figures()==[overfit['valid_nats']]*2
    (tmp_path/'r/model.safetensors').unlink()
    a,b = _figures()
    assert a==b!=overfit['valid_nats']
    out = in_process('doctor r', capsys, monkeypatch, tmp_path)[1]
    assert f'validation loss {a:.3f}' in out and 'table' not in out, out
    monkeypatch.setattr('charrnn_fa.shell.fit.soon_read', 10)                  # a validation part that takes long to read
    out = in_process('doctor r', capsys, monkeypatch, tmp_path)[1]
    assert f'validation loss {a:.3f}' not in out and 'in the table of the fit' in out, out

def test_the_doctor_measures_another_text(overfit, capsys, monkeypatch, tmp_path):
    "The loss that is held against the yardsticks of a text was measured there; what the run recorded says nothing about it"
    other = ''.join(random.Random(1).choices('abcd', weights=[20,1,1,1], k=3000))
    (tmp_path/'other.txt').write_text(other)
    res,tm = as_json('doctor r other.txt', capsys, monkeypatch, tmp_path)[0],load_run(tmp_path/'r')
    assert res['valid_nats']==tm.evaluate(tm.vocab.encode(other[2700:])).nats!=overfit['valid_nats']
    assert not {'overfitting','plateau','lr_high','lr_low','small_text'} & {o['name'] for o in res['findings']}
    assert 'other.txt: validation loss' in in_process('doctor r other.txt', capsys, monkeypatch, tmp_path)[1]
    (tmp_path/'same.txt').write_text((tmp_path/'noise.txt').read_text())
    res = as_json('doctor r same.txt', capsys, monkeypatch, tmp_path)[0]         # its own text under another name
    assert res['valid_nats']==overfit['valid_nats'] and 'overfitting' in [o['name'] for o in res['findings']]

def test_overfitting_is_told_in_the_numbers_of_the_table(capsys, monkeypatch, tmp_path):
    "Lines of a log say `epoch 6 of 14`, and the finding speaks of 6 epochs"
    (tmp_path/'noise.txt').write_text(''.join(random.Random(0).choices('abcd', k=4000)))
    rc,out,err = in_process('train noise.txt --run r --epochs 20 --n-hid 96 --bs 4 --seq-len 16 --precision fp32', capsys, monkeypatch, tmp_path)
    losses = {int(a):b for a,b in re.findall(r'^epoch (\d+) of 20: valid loss ([\d.]+)', err, re.M)}
    best,low,last,high = re.search(r'overfitting: validation loss ([\d.]+) after (\d+) epochs?, ([\d.]+) after (\d+),', err).group(2,1,4,3)
    assert (f'{float(losses[int(best)]):.3f}',f'{float(losses[int(last)]):.3f}')==(low,high), err
    assert rc==0 and f'--epochs {best}' in err

def test_nothing_is_lost(shells, tmp_path):
    "A finished run is left as it is; other settings are refused; --force moves it out of the way"
    for more,rc in ([],0),([],0),(['--lr',.1],2),(['--force'],0): assert charrnn('train', shells, '--run', tmp_path/'r', '--epochs', 0.05, *small, *more).returncode==rc
    assert sorted(o.name for o in (tmp_path/'r').iterdir() if o.name[:2]!='ck')==['model.safetensors','older.1']
    assert (tmp_path/'r/older.1/model.safetensors').exists()

def test_help(): assert all(o in charrnn('train','--help').stdout for o in ('--minutes','--split','default'))

def test_shakespeare(shakespeare, tmp_path):
    "One pass over the real text beats every n-gram of it up to three letters, and whatever the seed, a sample begins well from nothing"
    r = charrnn('train', 'shakespeare', '--run', tmp_path/'r', '--epochs', 1, '--n-hid', 128, '--seed', 0, '--json')
    res = json.loads(r.stdout.splitlines()[-1])
    assert res['valid_nats']<2.05 and res['split']=='nanogpt'
    assert all(load_run(tmp_path/'r').sample('ROMEO:', 300, temperature=0.8, seed=s).count(' ')>20 for s in range(12))
